// runbench: latency, throughput and memory of a program file on this machine, its profile, its self-test and its
// accuracy.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <optional>

#include "compiler/data/files.h"
#include "compiler/data/npz.h"
#include "compiler/driver/input_options.h"
#include "compiler/driver/later_options.h"
#include "compiler/driver/number_checks.h"
#include "compiler/driver/preprocessing_file.h"
#include "compiler/driver/program_data.h"
#include "perf/runbench/accuracy.h"
#include "perf/runbench/accuracy_report.h"
#include "perf/runbench/report.h"
#include "perf/runbench/selftest.h"

namespace tegula::runbench {
namespace {

enum ExitCode : int { kSuccess = 0, kFellShort = 1, kBadInput = 2, kMachineLacks = 3 };

struct Options {
  std::string program, json, input;
  driver::InputOptions inputs;
  MeasureOptions measure;
  AccuracyOptions accuracy;
  AccuracyBars bars;
  bool selftest = false;
};

int fail(const Error& error) {
  std::fprintf(stderr, "runbench: error: %s\n", error.message.c_str());
  return error.code == ErrorCode::kOutOfMemory ? kMachineLacks : kBadInput;
}

/// Arrays of --input for the inputs that it names, random elements for the others, which take the shapes that the
/// program and the options give them.
Result<std::vector<data::NamedTensor>> make_inputs(const Options& options, const Program& program) {
  TEGULA_ASSIGN_OR_RETURN(driver::InputRequest request, options.inputs.request());
  std::vector<data::NamedTensor> given;
  if (!options.input.empty()) {
    TEGULA_ASSIGN_OR_RETURN(given, data::read_npz(options.input));
  }
  for (const data::NamedTensor& tensor : given) request.shapes[tensor.name] = tensor.tensor.dims;
  TEGULA_ASSIGN_OR_RETURN(std::vector<data::NamedTensor> inputs, driver::random_inputs(program, request));
  for (data::NamedTensor& input : inputs)
    for (data::NamedTensor& tensor : given)
      if (tensor.name == input.name) input = std::move(tensor);
  return driver::match_inputs(program, std::move(inputs));
}

Result<int> run_selftest(const Options& options) {
  TEGULA_ASSIGN_OR_RETURN(const SelftestResult result, selftest(options.program, options.measure.threads));
  if (!result.failure.empty()) {
    std::fprintf(stderr, "runbench: self-test failed: %s\n", result.failure.c_str());
    return static_cast<int>(kFellShort);
  }
  std::printf("self-test   %lld test vectors hold, deviation from the reference %.3g\n",
              static_cast<long long>(result.vectors), result.worst_deviation);
  return static_cast<int>(kSuccess);
}

Result<int> run_accuracy(const Options& options) {
  AccuracyOptions how = options.accuracy;
  how.threads = options.measure.threads;
  TEGULA_ASSIGN_OR_RETURN(const Accuracy accuracy, measure_accuracy(options.program, how));
  std::fputs(accuracy_table(accuracy).c_str(), stdout);
  if (!options.json.empty()) {
    const auto json = to_json(accuracy, options.program);
    TEGULA_RETURN_IF_ERROR(data::write_text(
        options.json, json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n"));
  }
  const std::optional<std::string> reason = falls_short(accuracy, options.bars);
  if (!reason) return static_cast<int>(kSuccess);
  std::fprintf(stderr, "runbench: %s\n", reason->c_str());
  return static_cast<int>(kFellShort);
}

Result<int> run_measurement(const Options& options) {
  const Environment machine = environment();  // before the load that we make ourselves
  TEGULA_ASSIGN_OR_RETURN(
      const Measurement measurement,
      measure(
          options.program, [&](const Program& program) { return make_inputs(options, program); }, options.measure));
  if (options.measure.profile) std::printf("%s\n", profile_table(measurement).c_str());
  std::fputs(summary(measurement, machine).c_str(), stdout);
  if (!options.json.empty()) {
    const auto json = to_json(measurement, machine, options.program);
    TEGULA_RETURN_IF_ERROR(data::write_text(
        options.json, json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n"));
  }
  return static_cast<int>(kSuccess);
}

void add_accuracy_options(CLI::App& app, Options& options, CLI::Option* selftest) {
  AccuracyOptions& how = options.accuracy;
  auto* accuracy = app.add_option("--accuracy", how.data, concat("Only measure accuracy on data. ", driver::kDataHelp));
  accuracy->excludes(selftest);
  const auto add = [&](const char* name, auto& value, const char* text) {
    return app.add_option(name, value, text)->needs(accuracy);
  };
  add("--preprocess", how.preprocessing, driver::kPreprocessingHelp);
  add("--batch", how.batch, "Samples a run (default: what the program is fixed to, else 1)")
      ->check(driver::counts_from(1))
      ->type_name("N");
  add("--reference", how.reference,
      "Compare the outputs with another program's (.tgl) or with stored ones (.npz), not with those in the data");
  add("--scores", how.scores, "The output that holds a score for each class (default: the first)")->type_name("OUTPUT");
  add("--metric", how.metric,
      "A command that gets a folder of outputs as its last word and prints a number (perf/README.md)")
      ->type_name("COMMAND");
  const char* const bar = "With --accuracy: exit code 1 below this";
  add("--min-top1", options.bars.top1_percent, bar)->check(CLI::Range(0.0, 100.0))->type_name("PERCENT");
  add("--min-same-top1", options.bars.same_top1_percent, bar)->check(CLI::Range(0.0, 100.0))->type_name("PERCENT");
  add("--min-cosine", options.bars.cosine, bar)->check(CLI::Range(-1.0, 1.0));
  add("--min-metric", options.bars.metric, bar);
}

void add_options(CLI::App& app, Options& options) {
  app.add_option("program", options.program, "The program file (.tgl)")->required();
  options.inputs.add_to(app);
  app.add_option("--input", options.input, "A .npz archive with arrays for inputs, instead of random elements");
  app.add_option("--threads", options.measure.threads,
                 "Threads that compute; 0: one per core that this process may use")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  app.add_option("--warmup", options.measure.warmup_seconds, "Seconds before measuring")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  app.add_option("--duration", options.measure.seconds, "Seconds of measuring")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
  app.add_flag("--profile", options.measure.profile, "Show the time of every step and what runs it");
  app.add_flag("--verbose", options.measure.verbose, "Print what the runtime does, on stderr");
  app.add_option("--json", options.json, "Write the result as JSON")->type_name("R.json");
  auto* selftest = app.add_flag("--selftest", options.selftest, "Only run the program's own test vectors");
  add_accuracy_options(app, options, selftest);
  driver::refuse_options_of_later_releases(
      app, {"--instances", "--cpus", "--pin", "--scenario", "--qps", "--trace", "--sweep"},
      "this one measures one instance, one run after another");
  app.footer(
      "Exit codes: 0 success, 1 a self-test or an accuracy fell short, 2 wrong usage or input, 3 this machine lacks "
      "something.\n"
      "Example, from the project's folder:\n"
      "  aotc compile samples/models/shapes.onnx -o shapes.tgl --bundle 2\n"
      "  runbench shapes.tgl --dim batch=8 --threads 2 --duration 3 --profile --json shapes.json\n"
      "  runbench shapes.tgl --accuracy samples/models/shapes_200.npz --batch 8 --min-top1 95 --min-cosine .999");
}

int run(int argc, char** argv) {
  CLI::App app("Measures a program file on this machine: load time, latency, throughput, memory.", "runbench");
  app.set_version_flag("--version", concat("runbench ", TEGULA_VERSION));
  Options options;
  add_options(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    std::string message = e.what();
    std::replace(message.begin(), message.end(), '\n', ' ');
    return fail({ErrorCode::kInvalidArgument, message + "; see runbench --help"});
  }
  const auto code = options.selftest                ? run_selftest(options)
                    : options.accuracy.data.empty() ? run_measurement(options)
                                                    : run_accuracy(options);
  return code.ok() ? *code : fail(code.error());
}

}  // namespace
}  // namespace tegula::runbench

int main(int argc, char** argv) {
  try {
    return tegula::runbench::run(argc, argv);
  } catch (const std::bad_alloc&) {
    return tegula::runbench::fail({tegula::ErrorCode::kOutOfMemory, "out of memory"});
  } catch (const std::exception& e) {
    return tegula::runbench::fail({tegula::ErrorCode::kInternal, e.what()});
  }
}
