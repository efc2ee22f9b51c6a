#include "compiler/driver/feeds.h"

#include <algorithm>

#include "compiler/driver/batch.h"
#include "compiler/driver/program_io.h"

namespace tegula::driver {

Result<Feeds> Feeds::open(const Program& program, const data::DataSet& set, int64_t samples) {
  Feeds feeds(program, set);
  const auto all = static_cast<int64_t>(set.size());
  if (all == 0) return Error{ErrorCode::kInvalidArgument, "the data holds no samples"};
  const int64_t wanted = samples > 0 ? std::min(samples, all) : all;
  if (is_batch_fixed(program)) {
    TEGULA_ASSIGN_OR_RETURN(const data::Sample first, feeds.load_sample(0));
    feeds.per_run_ = driver::samples_per_run(program, first.inputs, 0);
  }
  feeds.runs_ = std::max<int64_t>(wanted / feeds.per_run_, 1);
  return feeds;
}

Result<data::Sample> Feeds::load_sample(std::size_t index) const {
  TEGULA_ASSIGN_OR_RETURN(data::Sample sample, set_->load(index));
  auto inputs = match_inputs(program_, std::move(sample.inputs));
  if (!inputs.ok())
    return Error{inputs.error().code, concat(data::in_quotes(sample.name), ": ", inputs.error().message)};
  sample.inputs = std::move(*inputs);
  return sample;
}

Result<data::Sample> Feeds::load(int64_t run) const {
  std::vector<data::Sample> samples;
  for (int64_t i = run * per_run_; i < (run + 1) * per_run_; ++i) {
    const auto at = static_cast<double>(i) * static_cast<double>(set_->size()) / static_cast<double>(runs_ * per_run_);
    TEGULA_ASSIGN_OR_RETURN(data::Sample sample, load_sample(static_cast<std::size_t>(at)));
    samples.push_back(std::move(sample));
  }
  if (per_run_ > 1) {
    TEGULA_ASSIGN_OR_RETURN(samples[0].inputs, join(samples));
  }
  return std::move(samples[0]);
}

}  // namespace tegula::driver
