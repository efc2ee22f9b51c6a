#include "perf/runbench/measure.h"

#include <algorithm>
#include <chrono>

#include "compiler/driver/progress.h"
#include "perf/kernels/fma_peak.h"

namespace tegula::runbench {
namespace {

using Clock = std::chrono::steady_clock;
using data::NamedTensor;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

constexpr int64_t kLeastRuns = 3;
constexpr double kProfileSeconds = 1;

/// Runs until the time is over; calls see(seconds of the run, seconds so far) after each run.
template <typename See>
Status run_for(Instance& instance, std::span<const NamedInput> inputs, std::span<const NamedOutput> outputs,
               double seconds, See&& see) {
  const auto start = Clock::now();
  for (int64_t runs = 0; runs < kLeastRuns || seconds_since(start) < seconds; ++runs) {
    const auto begin = Clock::now();
    TEGULA_RETURN_IF_ERROR(instance.run(inputs, outputs));
    see(seconds_since(begin), seconds_since(start));
  }
  return {};
}

/// The size of the symbol "batch"; else of the first input's outermost dimension where that is a symbol; else 1.
int64_t batch_of(const Program& program, std::span<const NamedTensor> inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i)
    for (std::size_t d = 0; d < program.inputs()[i].dims.size(); ++d)
      if (program.inputs()[i].dims[d].symbol == "batch") return inputs[i].tensor.dims[d];
  if (!inputs.empty() && !program.inputs()[0].dims.empty() && program.inputs()[0].dims[0].size < 0)
    return inputs[0].tensor.dims[0];
  return 1;
}

/// Profiles run by run, so that one that was interrupted does not blur the others.
Status profile_runs(Instance& instance, std::span<const NamedInput> inputs, std::span<const NamedOutput> outputs,
                    double seconds, Measurement& result) {
  std::vector<std::vector<double>> times;  // by step
  const auto start = Clock::now();
  for (; result.profile_runs < kLeastRuns || seconds_since(start) < seconds; ++result.profile_runs) {
    instance.set_profiling(true);  // begins anew
    TEGULA_RETURN_IF_ERROR(instance.run(inputs, outputs));
    result.profile = instance.profile();
    times.resize(result.profile.size());
    for (std::size_t i = 0; i < times.size(); ++i) times[i].push_back(result.profile[i].milliseconds);
  }
  for (std::size_t i = 0; i < times.size(); ++i)
    result.profile[i].milliseconds = statistics_of(std::move(times[i])).p50;
  return {};
}

/// Of a list such as Program::isa() gives: what the register loops need to know.
jit::CpuFeatures vector_features(std::string_view isa) {
  const auto has = [&](std::string_view name) { return isa.find(name) != std::string_view::npos; };
  jit::CpuFeatures cpu;
  cpu.avx2 = has("avx2");
  cpu.avx512 = has("avx512");
  cpu.avx512_vnni = has("avx512_vnni");
  cpu.avx512_bf16 = has("avx512_bf16");
  return cpu;
}

/// The peaks of the types that products of the profile read; none without vectors.
std::map<std::string, double> peaks_of(const std::vector<StepProfile>& profile, const jit::CpuFeatures& cpu,
                                       int threads) {
  std::map<std::string, double> peaks;
  if (!cpu.avx2 && !cpu.avx512) return peaks;
  peaks[std::string(name_of(DType::kF32))] = perf::product_peak(DType::kF32, cpu, threads);
  for (const StepProfile& step : profile)
    for (const DType dtype : {DType::kU8, DType::kBF16})
      if (const std::string name(name_of(dtype)); step.flop > 0 && source_type(step) == name && !peaks.contains(name))
        peaks[name] = perf::product_peak(dtype, cpu, threads);
  return peaks;
}

}  // namespace

std::string source_type(const StepProfile& step) {
  return step.dtypes.substr(0, step.dtypes.find_first_of(",-"));
}

Result<Measurement> measure(const std::string& path, const MakeInputs& make_inputs, const MeasureOptions& options) {
  Measurement result;
  const auto opening = Clock::now();
  TEGULA_ASSIGN_OR_RETURN(const Program program, Program::open(path, driver::open_options(options.verbose)));
  TEGULA_ASSIGN_OR_RETURN(Instance instance, Instance::create(program, {.threads = options.threads}));
  result.load_ms = seconds_since(opening) * 1e3;
  result.isa = program.isa();
  result.threads = instance.threads();

  TEGULA_ASSIGN_OR_RETURN(const std::vector<NamedTensor> inputs, make_inputs(program));
  for (const NamedTensor& input : inputs)
    result.input_shapes.push_back(concat(input.name, " ", name_of(input.tensor.dtype), to_string(input.tensor.dims)));
  const std::vector<NamedInput> input_refs = driver::references(inputs);

  const auto first = Clock::now();
  TEGULA_ASSIGN_OR_RETURN(std::vector<NamedTensor> outputs, driver::allocate_outputs(program, instance, inputs));
  const std::vector<NamedOutput> output_refs = driver::references(std::span(outputs));
  TEGULA_RETURN_IF_ERROR(instance.run(input_refs, output_refs));
  result.first_ms = seconds_since(first) * 1e3;

  {
    driver::Progress progress("measuring");
    const auto show = [&](const char* stage, double seconds, double total) {
      progress.show(stage, static_cast<int64_t>(seconds * 1e6), static_cast<int64_t>(total * 1e6));
    };
    TEGULA_RETURN_IF_ERROR(run_for(instance, input_refs, output_refs, options.warmup_seconds,
                                   [&](double, double so_far) { show("warm-up", so_far, options.warmup_seconds); }));
    std::vector<double> latencies;
    TEGULA_RETURN_IF_ERROR(run_for(instance, input_refs, output_refs, options.seconds, [&](double run, double so_far) {
      latencies.push_back(run * 1e3);
      result.seconds = so_far;
      show("", so_far, options.seconds);
    }));
    result.latency = statistics_of(std::move(latencies));
  }
  result.samples_per_run = batch_of(program, inputs);
  result.throughput_per_s = static_cast<double>(result.latency.count * result.samples_per_run) / result.seconds;
  result.memory = process_memory();
  result.arena = instance.memory();

  if (options.profile) {
    TEGULA_RETURN_IF_ERROR(
        profile_runs(instance, input_refs, output_refs, std::min(options.seconds, kProfileSeconds), result));
    result.peak_gflops = peaks_of(result.profile, vector_features(result.isa), result.threads);
  }
  return result;
}

}  // namespace tegula::runbench
