#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "perf/runbench/measure.h"

namespace tegula::runbench {

/// What `--json` writes. schema_version grows when a key changes its meaning; keys are only added otherwise.
nlohmann::ordered_json to_json(const Measurement& measurement, const Environment& environment,
                               const std::string& program);

/// The same for people.
std::string summary(const Measurement& measurement, const Environment& environment);

/// One line per step: time, share, GFLOP/s and share of the measured peak of the type that it multiplies; plain loops
/// are marked and summed up.
std::string profile_table(const Measurement& measurement);

}  // namespace tegula::runbench
