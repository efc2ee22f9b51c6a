#pragma once
#include <yaml-cpp/yaml.h>

#include <optional>
#include <string>
#include <string_view>

#include "compiler/driver/yaml_map.h"
#include "compiler/quantize/quantization_options.h"
#include "schema/base/result.h"

namespace tegula::driver {

/// How products are quantized, in the words of a rule of the section int8, which are also those of the section itself.
/// A list of one word counts as the word, as Neural Compressor writes it.
///
///   dtype: int8                 # fp32: the product stays as it is
///   approach: static            # dynamic, weight_only
///   activation:
///     dtype: u8                 # s8: zero in the middle; fp32: weight_only; also uint8, int8
///     scheme: asym              # sym
///     granularity: per_tensor   # per_row: of dynamic ranges, a row (or image) each
///     algorithm: percentile     # minmax, moving_average, kl, mse, a collector's name
///     percentile: 99.99         # without an algorithm: of percentile
///   weight:
///     dtype: s8                 # fp32, where activations are fp32: the product stays as it is; also int8
///     scheme: sym
///     granularity: per_channel  # per_tensor
///     algorithm: minmax         # mse: the clip with the least squared error
///
/// `others` read the keys that `map` may have beside these. kInvalidArgument, with the line: words that do not exist,
/// and words that contradict one another. Of a rule (not of the section, whose words are for rules as well) also what
/// a product that stays fp32 cannot have.
Status read_product_rule(const YAML::Node& map, std::string_view what, bool is_section, const YamlReaders& others,
                         compiler::QuantizationRule& rule);

/// An alpha of SmoothQuant: a number from 0 to 1, or "auto" (nullopt inside). nullopt: something else.
std::optional<std::optional<double>> smooth_alpha(const std::string& text);

/// `{alpha: 0.5}`, `{alpha: auto, convolutions: true}`; also true for the defaults and false for none.
Status read_smooth_quant(const YAML::Node& value, std::optional<compiler::SmoothOptions>& smooth);

/// The range of one tensor: `{algorithm: kl}`, `{percentile: 99.9}` or `{range: [-1, 4]}`.
Status read_tensor_rule(const YAML::Node& map, compiler::TensorRule& rule);

}  // namespace tegula::driver
