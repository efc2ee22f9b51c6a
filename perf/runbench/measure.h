#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "compiler/driver/program_io.h"
#include "perf/runbench/machine.h"
#include "perf/runbench/statistics.h"
#include "schema/base/result.h"

namespace tegula::runbench {

struct MeasureOptions {
  int threads = 1;
  double warmup_seconds = 0.5;
  double seconds = 5;
  bool verbose = false;
  bool profile = false;
};

/// One program measured on one feed. Times in milliseconds.
struct Measurement {
  double load_ms = 0;   ///< opening the file and making an instance
  double first_ms = 0;  ///< from the inputs' arrival to the first outputs: shapes bound, code generated, run
  LatencyStatistics latency;
  double seconds = 0;  ///< of the measured part
  double throughput_per_s = 0;
  int64_t samples_per_run = 1;  ///< size of the symbol "batch", or of the first input's outermost one
  ProcessMemory memory;
  Instance::Memory arena;
  std::string isa;
  int threads = 0;
  std::vector<std::string> input_shapes;  ///< "image u8[1,3,32,32]"
  std::vector<StepProfile> profile;  ///< one run's worth: of each step the median of its times in all profiled runs
  int64_t profile_runs = 0;
  /// With `profile`: what this machine's registers reach, by the type that products read ("f32", "u8", "bf16"), for
  /// those that occur in the profile; "f32" always.
  std::map<std::string, double> peak_gflops;
};

/// The type that a step's first operand has: of its dtypes, "u8" of "u8,s8,s32->u8".
std::string source_type(const StepProfile& step);

/// Makes the inputs of the program once it is open.
using MakeInputs = std::function<Result<std::vector<data::NamedTensor>>(const Program&)>;

/// Opens the program, runs it for the warm-up and then for the measured time (at least three runs each), one run after
/// another on one instance. With `profile`, profiled runs follow, so that their cost is in no latency.
Result<Measurement> measure(const std::string& program, const MakeInputs& make_inputs, const MeasureOptions& options);

}  // namespace tegula::runbench
