#include "compiler/quantize/profile_builder.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace tegula::compiler {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr uint32_t kMagnitude = 0x7fffffff, kInfinityBits = 0x7f800000;
/// Values that are looked at several times while they are in the nearest cache.
constexpr std::size_t kBlock = 4096;

/// The bits of the largest magnitude; of those that are not finite, NaN is the largest.
uint32_t largest_magnitude(std::span<const float> values) {
  int32_t largest = 0;
  for (const float value : values)
    largest = std::max(largest, static_cast<int32_t>(std::bit_cast<uint32_t>(value) & kMagnitude));
  return static_cast<uint32_t>(largest);
}

void add_rows(std::span<const float> values, ChannelProfile& channels) {
  const std::size_t size = channels.size();
  float* const min = channels.min.data();
  float* const max = channels.max.data();
  double* const sum = channels.sum.data();
  for (std::size_t row = 0; row < values.size(); row += size) {
    const float* const x = values.data() + row;
    for (std::size_t c = 0; c < size; ++c) {
      min[c] = x[c] < min[c] ? x[c] : min[c];
      max[c] = x[c] > max[c] ? x[c] : max[c];
    }
    for (std::size_t c = 0; c < size; ++c) sum[c] += x[c];
  }
}

/// The same for rows in which there are values that are not finite.
void add_finite_of_rows(std::span<const float> values, ChannelProfile& channels) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) continue;
    const std::size_t c = i % channels.size();
    channels.min[c] = std::min(channels.min[c], values[i]);
    channels.max[c] = std::max(channels.max[c], values[i]);
    channels.sum[c] += values[i];
  }
}

}  // namespace

/// Guarded by `mutex`: only the histogram is shared while samples run.
struct ProfileBuilder::Tensor {
  std::string name;
  std::mutex mutex;
  TensorProfile profile;
  bool seen = false, has_channels = true;
};

/// What waits for the sample's turn.
struct ProfileBuilder::Sample::Pending {
  bool seen = false, has_channels = false;
  int64_t count = 0, nan_count = 0, inf_count = 0;
  Range extremes{kInfinity, -kInfinity};
  ChannelProfile channels;

  void start(int64_t channel_count) {
    seen = true;
    count = nan_count = inf_count = 0;
    extremes = {kInfinity, -kInfinity};
    has_channels = channel_count > 0;
    const auto size = static_cast<std::size_t>(channel_count);
    channels.min.assign(size, kInfinity);
    channels.max.assign(size, -kInfinity);
    channels.sum.assign(size, 0);
    channels.count = 0;
  }
};

ProfileBuilder::ProfileBuilder(std::span<const std::string> names, double averaging_constant) {
  profile_.averaging_constant = averaging_constant;
  for (const std::string& name : names) {
    if (!index_.emplace(name, tensors_.size()).second) continue;
    tensors_.push_back(std::make_unique<Tensor>());
    tensors_.back()->name = name;
  }
}

ProfileBuilder::~ProfileBuilder() = default;
ProfileBuilder::Sample::Sample(ProfileBuilder& builder) : builder_(&builder), pending_(builder.tensors_.size()) {}
ProfileBuilder::Sample::~Sample() = default;
ProfileBuilder::Sample::Sample(Sample&&) noexcept = default;

void ProfileBuilder::Sample::see(std::string_view name, const float* data, const Dims& dims) {
  const auto found = builder_->index_.find(name);
  if (found == builder_->index_.end()) return;
  Pending& pending = pending_[found->second];
  const int64_t last = dims.empty() ? 0 : dims.back();
  pending.start(last <= TensorProfile::kMaxChannels ? last : 0);
  std::span<const float> values(data, static_cast<std::size_t>(element_count(dims)));
  pending.count = static_cast<int64_t>(values.size());
  if (pending.has_channels) pending.channels.count = pending.count / last;

  // Whole rows where there are channels.
  const auto row = static_cast<std::size_t>(pending.has_channels ? last : 1);
  const std::size_t block = std::max<std::size_t>(kBlock / row, 1) * row;
  while (!values.empty()) {
    std::span<const float> part = values.first(std::min(block, values.size()));
    values = values.subspan(part.size());
    uint32_t largest = largest_magnitude(part);
    if (largest < kInfinityBits) {
      if (pending.has_channels) add_rows(part, pending.channels);
    } else {
      if (pending.has_channels) add_finite_of_rows(part, pending.channels);
      finite_.clear();
      for (const float value : part) {
        if (std::isfinite(value)) finite_.push_back(value);
        pending.nan_count += std::isnan(value);
        pending.inf_count += std::isinf(value);
      }
      part = finite_;
      largest = largest_magnitude(part);
    }
    if (!pending.has_channels) {
      for (const float value : part) {
        pending.extremes.low = std::min(pending.extremes.low, value);
        pending.extremes.high = std::max(pending.extremes.high, value);
      }
    }
    counter_.add(part, std::bit_cast<float>(largest));
  }
  for (std::size_t c = 0; c < pending.channels.size(); ++c) {
    pending.extremes.low = std::min(pending.extremes.low, pending.channels.min[c]);
    pending.extremes.high = std::max(pending.extremes.high, pending.channels.max[c]);
  }
  Tensor& tensor = *builder_->tensors_[found->second];
  const std::lock_guard lock(tensor.mutex);
  counter_.move_to(tensor.profile.histogram);
}

void ProfileBuilder::commit(Sample& sample) {
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    Sample::Pending& pending = sample.pending_[i];
    if (!pending.seen) continue;
    pending.seen = false;
    Tensor& tensor = *tensors_[i];
    TensorProfile& profile = tensor.profile;
    if (pending.count > pending.nan_count + pending.inf_count) {
      profile.moving_average.add(pending.extremes, profile_.averaging_constant);
      const bool first = profile.finite_count() == 0;
      profile.extremes.low = first ? pending.extremes.low : std::min(profile.extremes.low, pending.extremes.low);
      profile.extremes.high = first ? pending.extremes.high : std::max(profile.extremes.high, pending.extremes.high);
    }
    profile.count += pending.count;
    profile.nan_count += pending.nan_count;
    profile.inf_count += pending.inf_count;

    ChannelProfile& channels = profile.channels;
    tensor.has_channels =
        tensor.has_channels && pending.has_channels && (!tensor.seen || channels.size() == pending.channels.size());
    if (!tensor.has_channels) {
      channels = {};
    } else if (!tensor.seen) {
      channels = pending.channels;
    } else {
      for (std::size_t c = 0; c < channels.size(); ++c) {
        channels.min[c] = std::min(channels.min[c], pending.channels.min[c]);
        channels.max[c] = std::max(channels.max[c], pending.channels.max[c]);
        channels.sum[c] += pending.channels.sum[c];
      }
      channels.count += pending.channels.count;
    }
    tensor.seen = true;
  }
  profile_.data_xxh3 = profile_.samples == 0 ? sample.data_xxh3 : combine_hashes(profile_.data_xxh3, sample.data_xxh3);
  profile_.samples += sample.samples;
}

std::map<std::string, Range> ProfileBuilder::extremes() const {
  std::map<std::string, Range> extremes;
  for (const auto& tensor : tensors_)
    if (tensor->profile.finite_count() > 0) extremes[tensor->name] = tensor->profile.extremes;
  return extremes;
}

Profile ProfileBuilder::take() {
  for (const auto& tensor : tensors_)
    if (tensor->seen) profile_.tensors.emplace(tensor->name, std::move(tensor->profile));
  return std::move(profile_);
}

}  // namespace tegula::compiler
