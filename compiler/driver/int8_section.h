#pragma once
#include <yaml-cpp/yaml.h>

#include "compiler/quantize/quantization_options.h"
#include "schema/base/result.h"

namespace tegula::driver {

/// The section int8 of a configuration, in the terms that Neural Compressor's users know: its own words are those of
/// product_rule.h, as the defaults of all products, and
///
///   int8:
///     approach: static
///     first_layer: true
///     last_layer: true
///     reduce_range: false
///     bias_correction: true
///     smooth_quant: {alpha: 0.5}          # auto: searched for each value; convolutions: true: theirs, too
///     op_type_dict:                       # by ONNX operator type
///       MatMul: {approach: dynamic}
///     op_regex_dict:                      # by expressions that match ONNX node names; these win over types
///       "/block1/.*": {activation: {algorithm: kl}}
///     op_name_dict:                       # by ONNX node name; these win over expressions
///       "/head/MatMul": {dtype: fp32}
///       "regex:/block2/.*": {weight: {algorithm: mse}}     # as in op_regex_dict
///     tensor_dict:                        # ranges of tensors, whatever reads them; regex: as above
///       "/block1/Relu_output_0": {range: [0, 6]}
///       "regex:.*/Add_output_0": {algorithm: minmax}
///
/// Of each rule the place is "line N".
Status read_int8_section(const YAML::Node& section, compiler::QuantizationOptions& options);

}  // namespace tegula::driver
