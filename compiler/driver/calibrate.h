#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "compiler/driver/calibration_program.h"
#include "compiler/driver/collector.h"
#include "compiler/progress.h"
#include "compiler/quantize/profile.h"
#include "schema/base/result.h"

namespace tegula::driver {

struct CalibrateOptions {
  std::filesystem::path data;
  std::string preprocessing;  ///< of images
  int64_t samples = 0;        ///< of the data, evenly spread; 0: all
  int threads = 1;            ///< 0: one per core; each works on a sample of its own, unless there are collectors
  double averaging_constant = .01;
};

/// A tensor whose range grew late: more samples would probably make it grow further.
struct UnstableRange {
  std::string tensor;
  double growth = 0;  ///< of the width of its range, over the last quarter of the samples
};

struct Calibration {
  compiler::Profile profile;
  std::string data;                     ///< what was read: DataSet::description()
  std::vector<UnstableRange> unstable;  ///< by more than kStableGrowth, the most unstable first
  static constexpr double kStableGrowth = .1;
  static constexpr int64_t kEnoughSamples = 32;
};

/// Runs the program over the data, once and sample by sample, and makes the profile of its tensors. The result does not
/// depend on the number of threads; the memory does not depend on that of samples. Collectors see samples and tensors
/// in order. Errors name the sample.
Result<Calibration> calibrate(const CalibrationProgram& calibration, const CalibrateOptions& options,
                              std::span<Collector> collectors, const compiler::ReportProgress& progress = {});

}  // namespace tegula::driver
