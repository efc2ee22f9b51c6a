#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/quantize/choose_range.h"
#include "compiler/quantize/node_selector.h"
#include "compiler/quantize/tensor_rule.h"

namespace tegula::compiler {

/// How products (Conv, Gemm, MatMul) become integer ones. Attention is static or real; tables of embeddings (Gather)
/// are weights in each of them.
enum class Approach : uint8_t {
  kStatic,      ///< activations by ranges that calibration has found, weights ahead
  kDynamic,     ///< activations by the range of each run, weights ahead
  kWeightOnly,  ///< weights ahead; activations and arithmetic stay real
};

/// "static", "dynamic", "weight_only".
std::string_view to_string(Approach approach);
std::optional<Approach> approach_from_name(std::string_view name);

/// Where the range of a channel's weights ends.
enum class WeightAlgorithm : uint8_t {
  kMinMax,  ///< at the largest magnitude
  kMse,     ///< where the squared error of all of its weights is least: one large weight does not coarsen the others
};

/// "minmax", "mse".
std::string_view to_string(WeightAlgorithm algorithm);
std::optional<WeightAlgorithm> weight_algorithm_from_name(std::string_view name);

/// How one product is quantized, or that it is not.
struct ProductChoice {
  bool quantized = true;
  Approach approach = Approach::kStatic;
  /// Of activations: the range's algorithm, and whether zero is in the middle (s8 symmetric: u8 with zero point 128)
  /// instead of where the range has it (u8 asymmetric).
  RangeOptions activation = {.percentile = 99.99};
  bool symmetric_activation = false;
  /// Of dynamic products: a range for each row of a matrix product, each image of a convolution, so that an answer does
  /// not depend on what else is in the batch. Otherwise one for the whole tensor.
  bool per_row_activation = true;
  bool per_channel_weights = true;
  WeightAlgorithm weight_algorithm = WeightAlgorithm::kMinMax;
  std::string reason = "by default";  ///< for reports: the rule that chose
};

/// A rule of the configuration: what it does not say stays as rules before it, or the defaults, have it.
struct QuantizationRule {
  NodeSelector selector;
  std::string place = {};  ///< where it is written, for messages: "configuration 'c.yaml': line 7"; may be empty
  std::optional<bool> quantized = std::nullopt;
  std::optional<Approach> approach = std::nullopt;
  std::optional<RangeAlgorithm> algorithm = std::nullopt;
  std::optional<double> percentile = std::nullopt;
  std::optional<std::string> collector = std::nullopt;
  std::string collector_place = {};  ///< where its name is written
  std::optional<bool> symmetric_activation = std::nullopt;
  std::optional<bool> per_row_activation = std::nullopt;
  std::optional<bool> per_channel_weights = std::nullopt;
  std::optional<WeightAlgorithm> weight_algorithm = std::nullopt;

  /// Whether it says of activations what products of this approach have not: dynamic ones are asymmetric, by the
  /// extremes of each run, and those of weight_only are real.
  bool contradicts(Approach other) const;
};

/// SmoothQuant (balance_channels.h): channels with outliers are divided, their weights multiplied.
struct SmoothOptions {
  /// How much of the difficulty goes from the activations to the weights, 0 to 1; nullopt: searched for each value.
  std::optional<double> alpha = 0.5;
  bool convolutions = false;  ///< the inputs of convolutions, too
};

struct QuantizationOptions {
  ProductChoice defaults;
  /// Of activations, unless a rule says otherwise. nullopt: the percentile for convolutions, whose inputs have rare
  /// outliers that belong to single pictures, and mse for matrix products, whose outliers come with every sample and
  /// carry what a transformer has learnt.
  std::optional<RangeAlgorithm> algorithm = std::nullopt;
  std::string collector_place;          ///< where the collector of `defaults` is written, for messages
  std::vector<QuantizationRule> rules;  ///< in order: later ones win
  std::vector<TensorRule> tensors;      ///< likewise
  bool first_layer = true;              ///< the product that comes first is quantized
  bool last_layer = true;
  /// Weights in 7 bits, [-64, 64]: only for those who must match runtimes whose sums saturate.
  bool reduce_range = false;
  /// What quantizing the weights adds to each output channel on average goes into the bias.
  bool correct_bias = true;
  std::optional<SmoothOptions> smooth = std::nullopt;  ///< nullopt: channels stay as they are
};

/// The choice for each product of the graph. kInvalidArgument, with the rule's place: a rule selects nothing or no
/// product, or speaks of calibrated ranges where none of its products has one.
Result<std::vector<std::pair<Node*, ProductChoice>>> choose_products(const Graph& graph,
                                                                     const QuantizationOptions& options);

}  // namespace tegula::compiler
