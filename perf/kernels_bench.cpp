// kernels_bench SHAPES.txt... [--isa=avx2|avx512|avx512_vnni|...] [--type=u8s8|bf16]
// [--weights=cold|hot] [--peer=yes|no] [--threads=N] [Google Benchmark's options]
//
// Times the problems of shape files (perf/shapes, perf/kernels/problem.h) on N threads (1), and with one thread the
// same in oneDNN where the build found it (perf/kernels/peer.h). Beside Google Benchmark's columns: GFLOP/s, the share
// of this machine's FMA peak, the rate at which packed weights are read, what generating the code took (for each line,
// though lines may share it in a program) and the time in relation to the peer's, all of the best repetition, and for
// each file the sum over a network and the geometric mean of the ratios. Cold weights come from as many copies in turn
// as the problem says; hot ones are always the same. With other work on the machine take --benchmark_min_time=0.02
// --benchmark_repetitions=20
// --benchmark_enable_random_interleaving=true: the best of many short runs, ours and the peer's alternating.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "jit/cpu_features.h"
#include "perf/kernels/fma_peak.h"
#include "perf/kernels/peer.h"
#include "perf/kernels/runner.h"

namespace tegula::perf {
namespace {

struct Row {
  Problem problem;
  double best_seconds = 0;
  double peer_seconds = 0;
  double flop = 0;
  double peak = 0;                ///< GFLOP/s
  double weight_bytes = 0;        ///< that are read once
  double generation_seconds = 0;  ///< of the code, the best of several times
};

struct File {
  std::string path;
  std::vector<Row> rows;
};

struct Options {
  std::string isa;
  std::string type;  ///< that replaces f32 in the problems
  bool hot = false;
  bool peer = true;
  int threads = 1;
  std::vector<File> files;
};

void time_runner(benchmark::State& state, const Result<std::unique_ptr<Runner>>& runner, Team& team, double peak,
                 double& best_seconds, double& flop) {
  if (!runner.ok()) {
    state.SkipWithError(runner.error().message.c_str());
    return;
  }
  flop = (*runner)->flop();
  double best = 0;
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    (*runner)->run(team);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = best == 0 ? seconds : std::min(best, seconds);
  }
  best_seconds = best_seconds == 0 ? best : std::min(best, best_seconds);
  state.counters["GFLOP/s"] = flop / best / 1e9;
  state.counters["%peak"] = flop / best / 1e7 / peak;
  state.counters["best_us"] = best * 1e6;
}

/// One line per problem and one for all of them, from the best repetitions.
void print_file(const File& file) {
  double seconds = 0, flop = 0, peak_seconds = 0, compared_seconds = 0, peer_seconds = 0, logarithms = 0;
  int compared = 0;
  double generation = 0;
  std::printf("\n%s\n%10s %10s %7s %7s %7s %10s %6s\n", file.path.c_str(), "us", "GFLOP/s", "%peak", "GB/s", "gen us",
              "peer us", "ratio");
  for (const Row& row : file.rows) {
    if (row.best_seconds == 0) continue;
    std::printf("%10.1f %10.1f %7.1f %7.1f %7.0f ", row.best_seconds * 1e6, row.flop / row.best_seconds / 1e9,
                row.flop / row.best_seconds / 1e7 / row.peak, row.weight_bytes / row.best_seconds / 1e9,
                row.generation_seconds * 1e6);
    generation += row.generation_seconds;
    if (row.peer_seconds > 0) {
      std::printf("%10.1f %6.2f", row.peer_seconds * 1e6, row.best_seconds / row.peer_seconds);
      compared_seconds += row.best_seconds * row.problem.count;
      peer_seconds += row.peer_seconds * row.problem.count;
      logarithms += std::log(row.best_seconds / row.peer_seconds);
      ++compared;
    } else {
      std::printf("%10s %6s", "-", "-");
    }
    std::printf("  %dx %s\n", row.problem.count, row.problem.text.c_str());
    seconds += row.best_seconds * row.problem.count;
    flop += row.flop * row.problem.count;
    peak_seconds += row.flop * row.problem.count / row.peak / 1e9;
  }
  if (seconds > 0)
    std::printf("%s: %.3f ms, %.2f GFLOP, %.1f GFLOP/s, %.1f %% of the peak; code generated in %.1f ms\n",
                file.path.c_str(), seconds * 1e3, flop / 1e9, flop / seconds / 1e9, 100 * peak_seconds / seconds,
                generation * 1e3);
  if (peer_seconds > 0)
    std::printf("%s: %.3f ms of %s, ratio of sums %.3f\n", file.path.c_str(), peer_seconds * 1e3, peer_name().c_str(),
                compared_seconds / peer_seconds);
  if (compared > 0)
    std::printf("%s: geometric mean of %d ratios %.3f\n", file.path.c_str(), compared, std::exp(logarithms / compared));
}

Result<Options> parse_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const std::size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals),
                      value = equals == std::string::npos ? "" : argument.substr(equals + 1);
    if (name == "--isa") {
      options.isa = value;
    } else if (name == "--type" && (value == "f32" || value == "u8s8" || value == "bf16")) {
      options.type = value;
    } else if (name == "--weights" && (value == "hot" || value == "cold")) {
      options.hot = value == "hot";
    } else if (name == "--peer" && (value == "yes" || value == "no")) {
      options.peer = value == "yes";
    } else if (name == "--threads") {
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), options.threads);
      if (error != std::errc() || end != value.data() + value.size() || options.threads < 1)
        return Error{ErrorCode::kInvalidArgument, concat(argument, " is no number of threads")};
    } else if (name.rfind("--", 0) == 0) {
      return Error{ErrorCode::kInvalidArgument, concat("there is no option ", argument)};
    } else {
      options.files.push_back({argument, {}});
    }
  }
  for (File& file : options.files) {
    TEGULA_ASSIGN_OR_RETURN(std::vector<Problem> problems, read_problems(file.path, options.type));
    for (Problem& problem : problems) file.rows.push_back({std::move(problem)});
  }
  if (options.hot)
    for (File& file : options.files)
      for (Row& row : file.rows) row.problem.fields["cold"] = "0";
  options.peer = options.peer && options.threads == 1 && !peer_name().empty();
  return options;
}

int run(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  auto parsed = parse_options(argc, argv);
  if (!parsed.ok()) {
    std::fprintf(stderr, "kernels_bench: %s\n", parsed.error().message.c_str());
    return 2;
  }
  Options& options = *parsed;
  const jit::CpuFeatures cpu = jit::CpuFeatures::detect();
  if (options.isa.empty())
    options.isa = cpu.avx512_bf16 ? "avx512_bf16" : cpu.avx512_vnni ? "avx512_vnni" : cpu.avx512 ? "avx512" : "avx2";
  const auto named = jit::CpuFeatures::from_name(options.isa);
  if (!named.ok() || options.files.empty()) {
    std::fprintf(stderr,
                 "usage: kernels_bench SHAPES.txt... [--isa=...] [--type=u8s8|bf16] [--weights=cold|hot] "
                 "[--peer=yes|no] [--threads=N]; this "
                 "machine has: %s\n",
                 cpu.to_string().c_str());
    return options.files.empty() ? 2 : 3;
  }
  const jit::CpuFeatures features = named->intersect(cpu);
  const double peak = fma_peak(features.avx512 ? jit::VectorIsa::kAvx512 : jit::VectorIsa::kAvx2, options.threads);
  std::printf("%s: %.1f GFLOP/s of FMAs on registers, threads: %d; %s weights\n", features.to_string().c_str(), peak,
              options.threads, options.hot ? "hot" : "cold");
  std::optional<Team> team;  // its threads spin, so not before the peaks are measured
  std::map<DType, double> peaks{{DType::kF32, peak}};
  for (File& file : options.files) {
    for (Row& row : file.rows) {
      const kernels::TileTypes types = row.problem.types();
      const DType src = types.weight_only() ? DType::kF32 : types.src;
      if (!peaks.contains(src)) peaks[src] = product_peak(src, features, options.threads);
      row.peak = peaks[src];
      benchmark::RegisterBenchmark(row.problem.text.c_str(), [&row, &team, features](benchmark::State& state) {
        const auto runner = make_runner(row.problem, features, team->size());
        if (runner.ok()) {
          const double seconds = (*runner)->generation_seconds;
          row.generation_seconds = row.generation_seconds == 0 ? seconds : std::min(seconds, row.generation_seconds);
          row.weight_bytes = (*runner)->weight_bytes;
        }
        time_runner(state, runner, *team, row.peak, row.best_seconds, row.flop);
      })->Unit(benchmark::kMicrosecond);
      if (!options.peer) continue;
      const std::string name = concat(peer_name(), ": ", row.problem.text);
      benchmark::RegisterBenchmark(name.c_str(), [&row, &team](benchmark::State& state) {
        double flop = 0;
        time_runner(state, make_peer(row.problem), *team, row.peak, row.peer_seconds, flop);
      })->Unit(benchmark::kMicrosecond);
    }
  }
  team.emplace(options.threads);
  benchmark::RunSpecifiedBenchmarks();
  for (const File& file : options.files) print_file(file);
  return 0;
}

}  // namespace
}  // namespace tegula::perf

int main(int argc, char** argv) {
  return tegula::perf::run(argc, argv);
}
