// aotc verify: does a program compute what its model says?
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>

#include "compiler/data/data_set.h"
#include "compiler/driver/commands.h"
#include "compiler/driver/compare.h"
#include "compiler/driver/first_difference.h"
#include "compiler/driver/input_options.h"
#include "compiler/driver/number_checks.h"
#include "compiler/driver/preprocessing_file.h"
#include "compiler/driver/program_data.h"
#include "compiler/driver/program_io.h"
#include "compiler/driver/progress.h"
#include "compiler/driver/reference_model.h"

namespace tegula::driver {
namespace {

using data::in_quotes;
using data::NamedTensor;

struct Options {
  std::string program, onnx, data, preprocessing;
  int64_t samples = 0;  ///< 0: all of the data, or one random sample
  double tolerance = 1e-4;
  int threads = 1;
  InputOptions inputs;
};

/// Where samples come from: data, or random elements.
class Samples {
 public:
  static Result<Samples> open(const Options& options, const Program& program) {
    Samples samples(program);
    TEGULA_ASSIGN_OR_RETURN(samples.request_, options.inputs.request());
    samples.count_ = options.samples > 0 ? options.samples : 1;
    if (options.data.empty()) return samples;
    TEGULA_ASSIGN_OR_RETURN(samples.set_, open_data(program, options.data, options.preprocessing));
    const auto all = static_cast<int64_t>(samples.set_->size());
    samples.count_ = options.samples > 0 ? std::min(options.samples, all) : all;
    return samples;
  }

  int64_t count() const { return count_; }
  Result<data::Sample> load(int64_t index) const {
    if (set_) return set_->load(static_cast<std::size_t>(index));
    data::Sample sample;
    sample.name = concat("random inputs of seed ", request_.seed + static_cast<uint64_t>(index));
    InputRequest request = request_;
    request.seed += static_cast<uint64_t>(index);
    TEGULA_ASSIGN_OR_RETURN(sample.inputs, random_inputs(program_, request));
    return sample;
  }

 private:
  explicit Samples(const Program& program) : program_(program) {}
  Program program_;
  InputRequest request_;
  std::optional<data::DataSet> set_;
  int64_t count_ = 0;
};

/// Expected outputs: the sample's own, or the model's.
Result<std::vector<NamedTensor>> expected_outputs(data::Sample& sample, std::span<const NamedTensor> inputs,
                                                  const std::optional<ReferenceModel>& model) {
  if (!sample.outputs.empty()) return std::move(sample.outputs);
  if (model) return model->run(inputs);
  return Error{
      ErrorCode::kInvalidArgument,
      concat(sample.name,
             " holds no expected outputs; give the model with --onnx, or data with arrays named after outputs")};
}

void report_first_difference(const FirstDifference& first, double tolerance) {
  if (!first.step) {
    std::printf(
        "  every one of the %lld steps that the model has a tensor for is within %g; what differs is not among them\n",
        static_cast<long long>(first.compared), tolerance);
    return;
  }
  std::string nodes;
  for (const std::string& node : first.step->onnx_nodes) nodes += (nodes.empty() ? "" : ", ") + in_quotes(node);
  std::printf("  first step that differs, after %lld that agree: value %s, ONNX nodes %s: %s\n",
              static_cast<long long>(first.compared - 1), in_quotes(first.step->value).c_str(), nodes.c_str(),
              first.step->difference.to_string().c_str());
}

/// What all samples together say about one output.
struct Verdict {
  std::string output, worst;  ///< the worst difference as text
  double relative = -1;
  bool holds = true;
};

Result<ExitCode> verify(const Options& options) {
  TEGULA_ASSIGN_OR_RETURN(const Program program, Program::open(options.program));
  TEGULA_ASSIGN_OR_RETURN(Instance instance, Instance::create(program, {.threads = options.threads}));
  TEGULA_ASSIGN_OR_RETURN(const Samples samples, Samples::open(options, program));
  const auto model = options.onnx.empty() ? std::nullopt : std::optional<ReferenceModel>(options.onnx);

  std::vector<Verdict> verdicts;
  for (const std::string& name : output_names(program)) verdicts.push_back({name, "", -1, true});
  bool located = false;
  {
    Progress progress("verifying");
    for (int64_t i = 0; i < samples.count(); ++i) {
      TEGULA_ASSIGN_OR_RETURN(data::Sample sample, samples.load(i));
      TEGULA_ASSIGN_OR_RETURN(const std::vector<NamedTensor> inputs, match_inputs(program, std::move(sample.inputs)));
      TEGULA_ASSIGN_OR_RETURN(const std::vector<NamedTensor> want, expected_outputs(sample, inputs, model));
      TEGULA_ASSIGN_OR_RETURN(const std::vector<NamedTensor> got, run_once(program, instance, inputs));
      bool holds = true;
      for (std::size_t k = 0; k < got.size(); ++k) {
        const data::Tensor* expected = data::find_tensor(want, got[k].name);
        if (expected == nullptr) continue;
        const Difference difference = compare(got[k].tensor, *expected);
        holds = holds && difference.within(options.tolerance);
        Verdict& verdict = verdicts[k];
        verdict.holds = verdict.holds && difference.within(options.tolerance);
        const double relative =
            difference.mismatch.empty() ? difference.relative() : std::numeric_limits<double>::infinity();
        if (relative > verdict.relative) {
          verdict.relative = relative;
          verdict.worst = concat(sample.name, ": ", difference.to_string());
        }
      }
      if (!holds && !located && model) {
        located = true;
        std::printf("%s differs\n", sample.name.c_str());
        TEGULA_ASSIGN_OR_RETURN(const FirstDifference first,
                                find_first_difference(instance, inputs, *model, options.tolerance));
        report_first_difference(first, options.tolerance);
      }
      progress.show("", i + 1, samples.count());
    }
  }
  bool holds = true, any = false;
  for (const Verdict& verdict : verdicts) {
    if (verdict.relative < 0) continue;
    any = true;
    holds = holds && verdict.holds;
    std::printf("output %s: %s (worst of %lld: %s)\n", in_quotes(verdict.output).c_str(),
                verdict.holds ? "ok" : "FALLS SHORT", static_cast<long long>(samples.count()), verdict.worst.c_str());
  }
  if (!any)
    return Error{ErrorCode::kInvalidArgument, "nothing was compared: no expected array is named after an output"};
  if (!holds && !model) std::printf("give the model with --onnx to find the first step that differs\n");
  return holds ? ExitCode::kSuccess : ExitCode::kFellShort;
}

}  // namespace

void add_verify_command(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand(
      "verify", "Compare a program with its model, or with known outputs, and find the first step that differs");
  const auto options = std::make_shared<Options>();
  command->add_option("program", options->program, "The program file")->required();
  command->add_option("--onnx", options->onnx, "The model: run by plain loops, no pass applied");
  command->add_option("--data", options->data, concat("Inputs, and outputs where known. ", kDataHelp));
  command->add_option("--preprocess", options->preprocessing, kPreprocessingHelp);
  command->add_option("--samples", options->samples, "How many samples (default: all data, or one of random elements)")
      ->check(counts_from(1));
  command
      ->add_option("--tolerance", options->tolerance,
                   "Largest |program - expected| over largest |expected|; integers must be equal")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--threads", options->threads, "Threads that compute; 0: one per core that this process may use")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  options->inputs.add_to(*command);
  command->footer(
      "Exit code 1 when an output is not within the tolerance.\n"
      "Example, from the project's folder:\n"
      "  aotc compile samples/models/shapes.onnx -o shapes.tgl\n"
      "  aotc verify shapes.tgl --onnx samples/models/shapes.onnx --dim batch=4\n"
      "  aotc verify shapes.tgl --data samples/models/shapes_200.npz");
  command->callback([options, &action] {
    action = [options] {
      const auto code = verify(*options);
      return code.ok() ? *code : fail(code.error());
    };
  });
}

}  // namespace tegula::driver
