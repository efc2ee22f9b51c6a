#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "perf/runbench/output_metrics.h"
#include "schema/base/result.h"

namespace tegula::runbench {

struct AccuracyOptions {
  std::string data, preprocessing;
  std::string reference;  ///< a program or stored outputs to compare with; empty: what the samples bring
  std::string scores;     ///< the output that holds a score for each class; empty: the first
  std::string metric;     ///< a command (user_metric.h)
  int64_t batch = 0;      ///< samples a run; 0: as many as the program is fixed to, else 1
  int threads = 1;
};

struct Accuracy {
  int64_t samples = 0, batch = 1;
  int64_t labelled = 0, top1 = 0, top5 = 0;  ///< samples with a label; those whose label is first, or among five
  std::vector<OutputAgreement> outputs;      ///< those that were compared
  std::optional<double> metric;

  double top1_percent() const { return percent(top1); }
  double top5_percent() const { return percent(top5); }

 private:
  double percent(int64_t right) const {
    return labelled > 0 ? 100.0 * static_cast<double>(right) / static_cast<double>(labelled) : 0;
  }
};

/// Runs the program over the samples. Labels are counted in the scores' order; outputs are compared with the reference
/// or, without one, with those that the samples hold; the command sees everything. kInvalidArgument: there is nothing
/// to measure with, or data, labels, dimensions or the reference do not go with the program.
Result<Accuracy> measure_accuracy(const std::string& program, const AccuracyOptions& options);

}  // namespace tegula::runbench
