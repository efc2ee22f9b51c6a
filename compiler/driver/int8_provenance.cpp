#include "compiler/driver/int8_provenance.h"

namespace tegula::driver {
namespace {

using Json = nlohmann::ordered_json;

std::string algorithm_name(compiler::RangeAlgorithm algorithm, const std::string& collector) {
  return algorithm == compiler::RangeAlgorithm::kCollector ? collector : std::string(to_string(algorithm));
}

Json rule_json(const compiler::QuantizationRule& rule) {
  Json json;
  json["for"] = rule.selector.description();
  if (rule.quantized) json["dtype"] = *rule.quantized ? "int8" : "fp32";
  if (rule.approach) json["approach"] = to_string(*rule.approach);
  if (rule.algorithm) json["algorithm"] = algorithm_name(*rule.algorithm, rule.collector.value_or(""));
  if (rule.percentile) json["percentile"] = *rule.percentile;
  if (rule.symmetric_activation) json["scheme"] = *rule.symmetric_activation ? "sym" : "asym";
  if (rule.per_row_activation) json["activation_granularity"] = *rule.per_row_activation ? "per_row" : "per_tensor";
  if (rule.per_channel_weights) json["granularity"] = *rule.per_channel_weights ? "per_channel" : "per_tensor";
  if (rule.weight_algorithm) json["weight_algorithm"] = to_string(*rule.weight_algorithm);
  return json;
}

Json tensor_json(const compiler::TensorRule& rule) {
  Json json;
  json["for"] = rule.description();
  if (rule.range) json["range"] = {rule.range->low, rule.range->high};
  if (rule.algorithm) json["algorithm"] = algorithm_name(*rule.algorithm, rule.collector.value_or(""));
  if (rule.percentile) json["percentile"] = *rule.percentile;
  return json;
}

}  // namespace

nlohmann::ordered_json int8_provenance(const compiler::QuantizationOptions& options) {
  const compiler::ProductChoice& all = options.defaults;
  Json json;
  json["dtype"] = all.quantized ? "int8" : "fp32";
  json["approach"] = to_string(all.approach);
  json["algorithm"] = options.algorithm ? algorithm_name(*options.algorithm, all.activation.collector)
                                        : "percentile for Conv, mse for MatMul";
  json["percentile"] = all.activation.percentile;
  json["scheme"] = all.symmetric_activation ? "sym" : "asym";
  json["activation_granularity"] = all.per_row_activation ? "per_row" : "per_tensor";
  json["granularity"] = all.per_channel_weights ? "per_channel" : "per_tensor";
  json["weight_algorithm"] = to_string(all.weight_algorithm);
  json["first_layer"] = options.first_layer;
  json["last_layer"] = options.last_layer;
  json["reduce_range"] = options.reduce_range;
  json["bias_correction"] = options.correct_bias;
  if (options.smooth) {
    json["smooth_quant"]["alpha"] = options.smooth->alpha ? Json(*options.smooth->alpha) : Json("auto");
    json["smooth_quant"]["convolutions"] = options.smooth->convolutions;
  }
  json["rules"] = Json::array();
  for (const compiler::QuantizationRule& rule : options.rules) json["rules"].push_back(rule_json(rule));
  json["tensors"] = Json::array();
  for (const compiler::TensorRule& rule : options.tensors) json["tensors"].push_back(tensor_json(rule));
  return json;
}

}  // namespace tegula::driver
