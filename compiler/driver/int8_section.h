#pragma once
#include <yaml-cpp/yaml.h>

#include "compiler/quantize/quantization_options.h"
#include "schema/base/result.h"

namespace tegula::driver {

/// The section int8 of a configuration, in the terms that Neural Compressor's users know:
///
///   int8:
///     approach: static                    # dynamic, weight_only
///     activation: {algorithm: percentile, percentile: 99.99, scheme: asym}    # minmax, moving_average, kl, mse,
///                                         # a collector's name; sym: zero in the middle
///     weight: {granularity: per_channel}  # per_tensor
///     first_layer: true
///     last_layer: true
///     reduce_range: false
///     bias_correction: true
///     op_type_dict:                       # by ONNX operator type
///       MatMul: {approach: dynamic}
///     op_name_dict:                       # by ONNX node name, or regex:EXPRESSION; these win over types
///       "/head/MatMul": {dtype: fp32}
///       "regex:/block1/.*": {activation: {algorithm: kl}}
Status read_int8_section(const YAML::Node& section, compiler::QuantizationOptions& options);

}  // namespace tegula::driver
