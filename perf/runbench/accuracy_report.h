#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "perf/runbench/accuracy.h"

namespace tegula::runbench {

/// For people: a line for labels, a table of the outputs that were compared, a line for the user's metric.
std::string accuracy_table(const Accuracy& accuracy);

/// What `--json` writes; keys are only added.
nlohmann::ordered_json to_json(const Accuracy& accuracy, const std::string& program);

/// What the user asks for at least.
struct AccuracyBars {
  std::optional<double> top1_percent, same_top1_percent, cosine, metric;
};

/// The first bar that the accuracy does not reach, or that nothing was measured for; nullopt: it reaches all. Cosine
/// and same first answers are those of the worst output.
std::optional<std::string> falls_short(const Accuracy& accuracy, const AccuracyBars& bars);

}  // namespace tegula::runbench
