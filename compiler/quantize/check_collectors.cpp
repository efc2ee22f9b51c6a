#include "compiler/quantize/check_collectors.h"

#include <set>
#include <string>

#include "compiler/quantize/nearest_names.h"

namespace tegula::compiler {

Status check_collectors(const QuantizationOptions& options, const Profile* profile) {
  std::set<std::string> collectors;
  if (profile != nullptr)
    for (const auto& [tensor, seen] : profile->tensors)
      for (const auto& [name, range] : seen.collected) collectors.insert(name);
  const auto check = [&](const std::string& name, const std::string& place) -> Status {
    if (collectors.contains(name)) return {};
    std::set<std::string> known = collectors;
    std::string algorithms;
    for (const RangeAlgorithm algorithm : {RangeAlgorithm::kMinMax, RangeAlgorithm::kMovingAverage,
                                           RangeAlgorithm::kPercentile, RangeAlgorithm::kKl, RangeAlgorithm::kMse}) {
      algorithms += concat(algorithms.empty() ? "" : ", ", to_string(algorithm));
      known.emplace(to_string(algorithm));
    }
    return Error{
        ErrorCode::kInvalidArgument,
        concat(place, place.empty() ? "" : ": ", "algorithm '", name, "' is neither a range algorithm (", algorithms,
               ") nor a collector that the profile has ranges of; the nearest is '", nearest_name(name, known), "'")};
  };
  if (options.algorithm == RangeAlgorithm::kCollector)
    TEGULA_RETURN_IF_ERROR(check(options.defaults.activation.collector, options.collector_place));
  for (const QuantizationRule& rule : options.rules)
    if (rule.collector) TEGULA_RETURN_IF_ERROR(check(*rule.collector, rule.collector_place));
  for (const TensorRule& rule : options.tensors)
    if (rule.collector) TEGULA_RETURN_IF_ERROR(check(*rule.collector, rule.collector_place));
  return {};
}

}  // namespace tegula::compiler
