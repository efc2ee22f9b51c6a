#include "compiler/quantize/profile.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <sstream>

#include "schema/printable.h"

namespace tegula::compiler {
namespace {

std::string hex(uint64_t number) {
  std::ostringstream text;
  text << std::hex << std::setw(16) << std::setfill('0') << number;
  return text.str();
}

Status check_mergeable(const Profile& a, const Profile& b) {
  const auto error = [](const auto&... parts) {
    return Error{ErrorCode::kInvalidArgument, printable(concat(parts...), kLongestMessage)};
  };
  if (a.model_xxh3 != b.model_xxh3)
    return error("the profiles are of different models: ", a.model, " (xxh3 ", hex(a.model_xxh3), ") and ", b.model,
                 " (xxh3 ", hex(b.model_xxh3), "); calibrate one of them again");
  if (a.averaging_constant != b.averaging_constant)
    return error("the profiles average with different constants: ", a.averaging_constant, " and ", b.averaging_constant,
                 "; calibrate one of them again");
  for (const auto& [name, tensor] : a.tensors) {
    const auto other = b.tensors.find(name);
    if (other == b.tensors.end())
      return error("the tensor '", name, "' is in one of the profiles only; calibrate both with one version of aotc");
    if (!tensor.collected.empty() || !other->second.collected.empty())
      return error("the tensor '", name, "' has ranges of a user-defined collector, which cannot be merged; calibrate ",
                   "with all of the data at once");
  }
  for (const auto& [name, tensor] : b.tensors) {
    if (!a.tensors.contains(name))
      return error("the tensor '", name, "' is in one of the profiles only; calibrate both with one version of aotc");
  }
  return {};
}

void append(ChannelProfile& channels, const ChannelProfile& later) {
  if (channels.size() != later.size()) {
    channels = {};
    return;
  }
  for (std::size_t c = 0; c < channels.size(); ++c) {
    channels.min[c] = std::min(channels.min[c], later.min[c]);
    channels.max[c] = std::max(channels.max[c], later.max[c]);
    channels.sum[c] += later.sum[c];
  }
  channels.count += later.count;
}

void append(TensorProfile& tensor, const TensorProfile& later, double averaging_constant) {
  if (later.count == 0) return;
  if (tensor.count == 0) {
    tensor = later;
    return;
  }
  if (tensor.finite_count() == 0) {
    tensor.extremes = later.extremes;
  } else if (later.finite_count() > 0) {
    tensor.extremes.low = std::min(tensor.extremes.low, later.extremes.low);
    tensor.extremes.high = std::max(tensor.extremes.high, later.extremes.high);
  }
  tensor.count += later.count;
  tensor.nan_count += later.nan_count;
  tensor.inf_count += later.inf_count;
  tensor.moving_average.append(later.moving_average, averaging_constant);
  tensor.histogram.add(later.histogram);
  append(tensor.channels, later.channels);
}

}  // namespace

uint64_t combine_hashes(uint64_t first, uint64_t second) {
  uint64_t x = first * 0x9e3779b97f4a7c15u + second;  // then the finalizer of splitmix64
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

void MovingAverage::add(const Range& sample, double constant) {
  if (samples++ == 0) {
    low = first_low = sample.low;
    high = first_high = sample.high;
    return;
  }
  low += constant * (static_cast<double>(sample.low) - low);
  high += constant * (static_cast<double>(sample.high) - high);
}

void MovingAverage::append(const MovingAverage& later, double constant) {
  if (later.samples == 0) return;
  if (samples == 0) {
    *this = later;
    return;
  }
  // An average is linear in where it starts: `later` started at its first sample; here it starts at low, high, and
  // that first sample moves it, too.
  const double weight = std::pow(1 - constant, static_cast<double>(later.samples));
  low = later.low + weight * (low - later.first_low);
  high = later.high + weight * (high - later.first_high);
  samples += later.samples;
}

Status merge(Profile& profile, const Profile& later) {
  TEGULA_RETURN_IF_ERROR(check_mergeable(profile, later));
  for (auto& [name, tensor] : profile.tensors)
    append(tensor, later.tensors.find(name)->second, profile.averaging_constant);
  profile.samples += later.samples;
  profile.data_xxh3 = combine_hashes(profile.data_xxh3, later.data_xxh3);
  return {};
}

}  // namespace tegula::compiler
