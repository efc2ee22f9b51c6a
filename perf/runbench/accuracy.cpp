#include "perf/runbench/accuracy.h"

#include <algorithm>

#include "compiler/data/data_set.h"
#include "compiler/driver/batch.h"
#include "compiler/driver/compare.h"
#include "compiler/driver/program_data.h"
#include "compiler/driver/program_io.h"
#include "compiler/driver/progress.h"
#include "perf/runbench/reference_outputs.h"
#include "perf/runbench/user_metric.h"

namespace tegula::runbench {
namespace {

using data::in_quotes;
using data::NamedTensor;

Error invalid(std::string message) {
  return {ErrorCode::kInvalidArgument, std::move(message)};
}

std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + in_quotes(name);
  return text;
}

/// One pass over the data.
class AccuracyRun {
 public:
  static Result<Accuracy> run(const std::string& path, const AccuracyOptions& options) {
    TEGULA_ASSIGN_OR_RETURN(Program program, Program::open(path));
    TEGULA_ASSIGN_OR_RETURN(Instance instance, Instance::create(program, {.threads = options.threads}));
    TEGULA_ASSIGN_OR_RETURN(data::DataSet set, driver::open_data(program, options.data, options.preprocessing));
    AccuracyRun run(options, std::move(program), std::move(instance), std::move(set));
    TEGULA_RETURN_IF_ERROR(run.prepare());
    TEGULA_RETURN_IF_ERROR(run.all_samples());
    return run.finish();
  }

 private:
  AccuracyRun(const AccuracyOptions& options, Program program, Instance instance, data::DataSet set)
      : options_(options), program_(std::move(program)), instance_(std::move(instance)), set_(std::move(set)) {}

  int64_t size() const { return static_cast<int64_t>(set_.size()); }

  Status prepare() {
    const std::vector<std::string> names = driver::output_names(program_);
    if (names.empty()) return invalid("the program has no outputs");
    if (!options_.scores.empty()) {
      const auto found = std::find(names.begin(), names.end(), options_.scores);
      if (found == names.end()) return invalid(concat("the program has no output ", in_quotes(options_.scores)));
      scores_ = static_cast<std::size_t>(found - names.begin());
    }
    if (!options_.reference.empty()) {
      TEGULA_ASSIGN_OR_RETURN(reference_,
                              ReferenceOutputs::open(options_.reference, program_, size(), options_.threads));
    }
    if (!options_.metric.empty()) {
      TEGULA_ASSIGN_OR_RETURN(UserMetric metric, UserMetric::create(options_.metric));
      metric_.emplace(std::move(metric));
    }
    for (const std::string& name : names) agreements_.emplace_back(name);
    return {};
  }

  Result<data::Sample> load(int64_t index) const {
    TEGULA_ASSIGN_OR_RETURN(data::Sample sample, set_.load(static_cast<std::size_t>(index)));
    auto inputs = driver::match_inputs(program_, std::move(sample.inputs));
    if (!inputs.ok()) return Error{inputs.error().code, concat(in_quotes(sample.name), ": ", inputs.error().message)};
    sample.inputs = std::move(*inputs);
    return sample;
  }

  Status all_samples() {
    driver::Progress progress("measuring accuracy");
    for (int64_t first = 0; first < size();) {
      std::vector<data::Sample> samples;
      int64_t wanted = 1;
      while (static_cast<int64_t>(samples.size()) < wanted && first + static_cast<int64_t>(samples.size()) < size()) {
        TEGULA_ASSIGN_OR_RETURN(data::Sample sample, load(first + static_cast<int64_t>(samples.size())));
        samples.push_back(std::move(sample));
        if (samples.size() == 1) wanted = driver::samples_per_run(program_, samples[0].inputs, options_.batch);
      }
      const auto count = static_cast<int64_t>(samples.size());
      accuracy_.batch = std::max(accuracy_.batch, wanted);
      // A program of a fixed batch is fed to the end with copies, whose outputs nobody looks at.
      if (driver::is_batch_fixed(program_))
        while (static_cast<int64_t>(samples.size()) < wanted) samples.push_back(samples.back());
      TEGULA_RETURN_IF_ERROR(run_samples(samples, first, count));
      first += count;
      progress.show("", first, size());
    }
    return {};
  }

  Status run_samples(std::span<const data::Sample> samples, int64_t first, int64_t count) {
    const auto inputs = driver::join(samples);
    if (!inputs.ok()) return Error{inputs.error().code, concat(inputs.error().message, "; use --batch 1")};
    auto outputs = driver::run_once(program_, instance_, *inputs);
    if (!outputs.ok())
      return Error{outputs.error().code, concat(in_quotes(samples[0].name), ": ", outputs.error().message)};
    const auto joined = static_cast<int64_t>(samples.size());
    std::vector<std::vector<NamedTensor>> expected;
    if (reference_) {
      TEGULA_ASSIGN_OR_RETURN(expected, reference_->outputs(*inputs, joined, first, count));
    }
    for (int64_t i = 0; i < count; ++i) {
      const data::Sample& sample = samples[static_cast<std::size_t>(i)];
      TEGULA_ASSIGN_OR_RETURN(const std::vector<NamedTensor> got, driver::part_of(*outputs, i, joined));
      const std::vector<NamedTensor>& want = reference_ ? expected[static_cast<std::size_t>(i)] : sample.outputs;
      TEGULA_RETURN_IF_ERROR(see(sample, got, want));
    }
    return {};
  }

  Status see(const data::Sample& sample, std::span<const NamedTensor> got, std::span<const NamedTensor> want) {
    ++accuracy_.samples;
    if (sample.label) {
      const std::vector<double> scores = driver::to_reals(got[scores_].tensor);
      if (*sample.label < 0 || *sample.label >= static_cast<int64_t>(scores.size()))
        return invalid(concat(in_quotes(sample.name), ": label ", *sample.label, " is outside of the ", scores.size(),
                              " scores of output ", in_quotes(got[scores_].name)));
      const int64_t ahead = rank_of_label(scores, static_cast<std::size_t>(*sample.label));
      ++accuracy_.labelled;
      accuracy_.top1 += ahead < 1 ? 1 : 0;
      accuracy_.top5 += ahead < 5 ? 1 : 0;
    }
    for (std::size_t k = 0; k < got.size(); ++k) {
      const data::Tensor* const expected = data::find_tensor(want, got[k].name);
      if (expected == nullptr) continue;
      if (expected->dims != got[k].tensor.dims)
        return invalid(concat(in_quotes(sample.name), ": output ", in_quotes(got[k].name), " has dimensions ",
                              to_string(got[k].tensor.dims), "; it is compared with ", to_string(expected->dims)));
      agreements_[k].add(sample.name, driver::to_reals(got[k].tensor), driver::to_reals(*expected));
    }
    return metric_ ? metric_->add(sample, got, want) : Status{};
  }

  Result<Accuracy> finish() {
    for (OutputAgreement& agreement : agreements_)
      if (agreement.samples() > 0) accuracy_.outputs.push_back(std::move(agreement));
    if (metric_) {
      TEGULA_ASSIGN_OR_RETURN(accuracy_.metric, metric_->run());
    }
    if (accuracy_.labelled == 0 && accuracy_.outputs.empty() && !accuracy_.metric)
      return invalid(
          concat(in_quotes(options_.data), ": read ", set_.description(),
                 "; there are no labels (an array 'labels' with the class index of each row, or labels.csv beside "
                 "images) and no expected outputs (arrays named after outputs: ",
                 list_of(driver::output_names(program_)), "); add some, or give --reference or --metric"));
    return std::move(accuracy_);
  }

  const AccuracyOptions& options_;
  Program program_;
  Instance instance_;
  data::DataSet set_;
  std::size_t scores_ = 0;
  std::optional<ReferenceOutputs> reference_;
  std::optional<UserMetric> metric_;
  std::vector<OutputAgreement> agreements_;  // by output
  Accuracy accuracy_;
};

}  // namespace

Result<Accuracy> measure_accuracy(const std::string& program, const AccuracyOptions& options) {
  return AccuracyRun::run(program, options);
}

}  // namespace tegula::runbench
