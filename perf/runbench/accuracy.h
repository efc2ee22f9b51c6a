#pragma once
#include <cstdint>
#include <string>

#include "schema/base/result.h"

namespace tegula::runbench {

struct AccuracyOptions {
  std::string data, preprocessing;
  int threads = 1;
};

struct Accuracy {
  int64_t samples = 0, top1 = 0, top5 = 0;
  double top1_percent() const {
    return samples > 0 ? 100.0 * static_cast<double>(top1) / static_cast<double>(samples) : 0;
  }
  double top5_percent() const {
    return samples > 0 ? 100.0 * static_cast<double>(top5) / static_cast<double>(samples) : 0;
  }
};

/// Runs the program over labelled samples, one at a time, and counts those whose label has the largest element of the
/// first output, or one of the five largest. kInvalidArgument: the data has no labels, or the output is no vector of
/// scores.
Result<Accuracy> measure_accuracy(const std::string& program, const AccuracyOptions& options);

}  // namespace tegula::runbench
