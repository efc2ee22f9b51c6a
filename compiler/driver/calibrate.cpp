#include "compiler/driver/calibrate.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <new>
#include <optional>
#include <set>
#include <thread>

#include "compiler/data/data_set.h"
#include "compiler/driver/feeds.h"
#include "compiler/driver/program_data.h"
#include "compiler/driver/program_io.h"
#include "compiler/quantize/profile_builder.h"
#include "schema/file_layout.h"

namespace tegula::driver {
namespace {

using compiler::ProfileBuilder;
using compiler::Range;
using data::in_quotes;
using data::NamedTensor;

/// Lets samples that threads work on finish in their order, up to the first one that fails.
class Turns {
 public:
  /// Returns whether it is the sample's turn: it is not when one before it has failed.
  bool wait_for(int64_t sample) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return next_ == sample || failed_ < sample; });
    return next_ == sample;
  }

  void end() {
    const std::lock_guard lock(mutex_);
    ++next_;
    changed_.notify_all();
  }

  void fail(int64_t sample, Error error) {
    const std::lock_guard lock(mutex_);
    if (sample >= failed_) return;
    failed_ = sample;
    error_ = std::move(error);
    changed_.notify_all();
  }

  bool has_failed_before(int64_t sample) {
    const std::lock_guard lock(mutex_);
    return failed_ < sample;
  }

  std::optional<Error> error() {
    const std::lock_guard lock(mutex_);
    return error_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int64_t next_ = 0, failed_ = INT64_MAX;
  std::optional<Error> error_;
};

uint64_t hash_of(std::span<const NamedTensor> inputs) {
  uint64_t hash = 0;
  for (const NamedTensor& input : inputs) {
    const auto add = [&](const void* bytes, std::size_t size) {
      hash = compiler::combine_hashes(hash, checksum(bytes, size));
    };
    add(input.name.data(), input.name.size());
    add(input.tensor.dims.data(), input.tensor.dims.size() * sizeof(int64_t));
    add(input.tensor.bytes.data(), input.tensor.bytes.size());
  }
  return hash;
}

/// One run over the data.
class Run {
 public:
  Run(const CalibrationProgram& calibration, const Feeds& feeds, const CalibrateOptions& options,
      std::span<Collector> collectors, const compiler::ReportProgress& progress)
      : program_(calibration.program),
        feeds_(feeds),
        collectors_(collectors),
        progress_(progress),
        inputs_(calibration.inputs.begin(), calibration.inputs.end()),
        tensors_(calibration.tensors.begin(), calibration.tensors.end()),
        builder_(names(), options.averaging_constant),
        count_(feeds.runs()) {}

  int64_t count() const { return count_; }

  Status run(std::vector<Instance> instances) {
    {
      std::vector<std::jthread> threads;
      for (std::size_t i = 1; i < instances.size(); ++i)
        threads.emplace_back([this, &instance = instances[i]] { work(instance); });
      work(instances[0]);
    }
    if (auto error = turns_.error()) return std::move(*error);
    return {};
  }

  Result<Calibration> take() {
    Calibration calibration;
    for (const auto& [name, range] : builder_.extremes()) {
      const auto before = earlier_extremes_.find(name);
      if (before == earlier_extremes_.end()) continue;
      const double width = static_cast<double>(range.high) - range.low;
      const double growth = width - (static_cast<double>(before->second.high) - before->second.low);
      if (growth > Calibration::kStableGrowth * width) calibration.unstable.push_back({name, growth / width});
    }
    std::sort(calibration.unstable.begin(), calibration.unstable.end(),
              [](const UnstableRange& a, const UnstableRange& b) {
                return a.growth != b.growth ? a.growth > b.growth : a.tensor < b.tensor;
              });
    calibration.profile = builder_.take();
    for (auto& [name, tensor] : calibration.profile.tensors) {
      for (Collector& collector : collectors_) {
        if (!collector.wants(name)) continue;
        TEGULA_ASSIGN_OR_RETURN(const std::optional<Range> range, collector.range(name));
        if (range) tensor.collected[collector.name()] = *range;
      }
    }
    return calibration;
  }

 private:
  std::vector<std::string> names() const {
    std::vector<std::string> all(inputs_.begin(), inputs_.end());
    all.insert(all.end(), tensors_.begin(), tensors_.end());
    return all;
  }

  void work(Instance& instance) {
    int64_t sample = 0;
    try {
      ProfileBuilder::Sample seen(builder_);
      while ((sample = next_.fetch_add(1)) < count_ && !turns_.has_failed_before(sample)) {
        Status status = run_sample(sample, instance, seen);
        if (!status.ok()) return turns_.fail(sample, std::move(status).error());
        if (!turns_.wait_for(sample)) return;
        commit(sample, seen);
        turns_.end();
      }
    } catch (const std::bad_alloc&) {
      turns_.fail(sample, {ErrorCode::kOutOfMemory, "out of memory"});
    }
  }

  void commit(int64_t sample, ProfileBuilder::Sample& seen) {
    builder_.commit(seen);
    const int64_t done = sample + 1;
    if (done == (3 * count_ + 3) / 4 && done < count_) earlier_extremes_ = builder_.extremes();
    if (progress_) progress_("", done, count_);
  }

  Status run_sample(int64_t number, Instance& instance, ProfileBuilder::Sample& seen) {
    TEGULA_ASSIGN_OR_RETURN(const data::Sample sample, feeds_.load(number));
    seen.data_xxh3 = hash_of(sample.inputs);
    seen.samples = feeds_.samples_per_run();
    Status collected;
    const auto see = [&](const std::string& name, const ConstTensorRef& tensor) {
      if (tensor.dtype != DType::kF32) return;
      seen.see(name, static_cast<const float*>(tensor.data), tensor.dims);
      for (Collector& collector : collectors_)
        if (collected.ok() && collector.wants(name)) collected = collector.collect(name, number, tensor);
    };
    const std::vector<NamedInput> feeds = references(std::span<const NamedTensor>(sample.inputs));
    for (const NamedInput& input : feeds)
      if (inputs_.contains(std::string(input.name))) see(std::string(input.name), input.tensor);
    const Observer observer{[&](std::string_view value) { return tensors_.contains(value); },
                            [&](std::string_view value, const ConstTensorRef& tensor, std::span<const std::string>) {
                              see(std::string(value), tensor);
                            }};
    const Status status = instance.run_observed(feeds, {}, observer);
    if (!status.ok()) return Error{status.error().code, concat(in_quotes(sample.name), ": ", status.error().message)};
    return collected;
  }

  Program program_;
  const Feeds& feeds_;
  std::span<Collector> collectors_;
  const compiler::ReportProgress& progress_;
  std::set<std::string, std::less<>> inputs_, tensors_;
  ProfileBuilder builder_;
  int64_t count_ = 0;
  std::atomic<int64_t> next_{0};
  Turns turns_;
  std::map<std::string, Range> earlier_extremes_;  // of three quarters of the samples
};

}  // namespace

Result<Calibration> calibrate(const CalibrationProgram& calibration, const CalibrateOptions& options,
                              std::span<Collector> collectors, const compiler::ReportProgress& progress) {
  const Program& program = calibration.program;
  TEGULA_ASSIGN_OR_RETURN(const data::DataSet set, open_data(program, options.data, options.preprocessing));
  TEGULA_ASSIGN_OR_RETURN(const Feeds feeds, Feeds::open(program, set, options.samples));
  Run run(calibration, feeds, options, collectors, progress);

  // Samples are independent: a thread for each uses them better than all threads for one. Collectors want an order.
  std::vector<Instance> instances;
  TEGULA_ASSIGN_OR_RETURN(Instance all_threads, Instance::create(program, {.threads = options.threads}));
  const int64_t threads = all_threads.threads();
  if (threads == 1 || !collectors.empty()) {
    instances.push_back(std::move(all_threads));
  } else {
    for (int64_t i = 0; i < std::min(threads, run.count()); ++i) {
      TEGULA_ASSIGN_OR_RETURN(Instance instance, Instance::create(program, {.threads = 1}));
      instances.push_back(std::move(instance));
    }
  }
  TEGULA_RETURN_IF_ERROR(run.run(std::move(instances)));
  TEGULA_ASSIGN_OR_RETURN(Calibration result, run.take());
  result.data = set.description();
  result.profile.model = calibration.model.file_name;
  result.profile.model_xxh3 = calibration.model.xxh3;
  return result;
}

}  // namespace tegula::driver
