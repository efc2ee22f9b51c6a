// kernels_bench SHAPES.txt... [--isa=avx512|avx2] [Google Benchmark's options]
//
// Times the problems of shape files (perf/shapes, perf/kernels/problem.h) on one thread. Beside Google Benchmark's
// columns: GFLOP/s and the share of this machine's FMA peak, both of the best repetition, and for each file the sum
// over a network. With other work on the machine take --benchmark_min_time=0.02 --benchmark_repetitions=20: the best of
// many short runs.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "jit/cpu_features.h"
#include "perf/kernels/fma_peak.h"
#include "perf/kernels/runner.h"

namespace tegula::perf {
namespace {

struct Row {
  Problem problem;
  double best_seconds = 0;
  double flop = 0;
};

struct File {
  std::string path;
  std::vector<Row> rows;
};

void time_problem(benchmark::State& state, Row& row, kernels::TileIsa isa, double peak) {
  auto runner = make_runner(row.problem, isa);
  if (!runner.ok()) {
    state.SkipWithError(runner.error().message.c_str());
    return;
  }
  row.flop = (*runner)->flop();
  double best = 0;
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    (*runner)->run();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = best == 0 ? seconds : std::min(best, seconds);
  }
  row.best_seconds = row.best_seconds == 0 ? best : std::min(best, row.best_seconds);
  state.counters["GFLOP/s"] = row.flop / best / 1e9;
  state.counters["%peak"] = row.flop / best / 1e7 / peak;
  state.counters["best_us"] = best * 1e6;
}

void print_total(const File& file, double peak) {
  double seconds = 0, flop = 0;
  for (const Row& row : file.rows) {
    seconds += row.best_seconds * row.problem.count;
    flop += row.flop * row.problem.count;
  }
  if (seconds > 0)
    std::printf("%s: %.3f ms, %.2f GFLOP, %.1f GFLOP/s, %.1f %% of the peak\n", file.path.c_str(), seconds * 1e3,
                flop / 1e9, flop / seconds / 1e9, flop / seconds / 1e7 / peak);
}

int run(int argc, char** argv) {
  std::string isa_name;
  std::vector<File> files;
  benchmark::Initialize(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.rfind("--isa=", 0) == 0) {
      isa_name = argument.substr(6);
      continue;
    }
    auto problems = read_problems(argument);
    if (!problems.ok()) {
      std::fprintf(stderr, "kernels_bench: %s\n", problems.error().message.c_str());
      return 2;
    }
    File file{argument, {}};
    for (Problem& problem : *problems) file.rows.push_back({std::move(problem)});
    files.push_back(std::move(file));
  }
  const jit::CpuFeatures cpu = jit::CpuFeatures::detect();
  if (isa_name.empty()) isa_name = cpu.avx512 ? "avx512" : "avx2";
  const bool wide = isa_name == "avx512";
  if ((!wide && isa_name != "avx2") || (wide ? !cpu.avx512 : !cpu.avx2) || files.empty()) {
    std::fprintf(stderr, "usage: kernels_bench SHAPES.txt... [--isa=avx512|avx2]; this machine has: %s\n",
                 cpu.to_string().c_str());
    return files.empty() ? 2 : 3;
  }
  const double peak = fma_peak(wide ? jit::VectorIsa::kAvx512 : jit::VectorIsa::kAvx2);
  std::printf("%s: %.1f GFLOP/s of FMAs on registers, one thread\n", isa_name.c_str(), peak);
  for (File& file : files)
    for (Row& row : file.rows)
      benchmark::RegisterBenchmark(row.problem.text.c_str(), [&row, wide, peak](benchmark::State& state) {
        time_problem(state, row, wide ? kernels::TileIsa::kAvx512 : kernels::TileIsa::kAvx2, peak);
      })->Unit(benchmark::kMicrosecond);
  benchmark::RunSpecifiedBenchmarks();
  for (const File& file : files) print_total(file, peak);
  return 0;
}

}  // namespace
}  // namespace tegula::perf

int main(int argc, char** argv) {
  return tegula::perf::run(argc, argv);
}
