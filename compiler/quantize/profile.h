#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "compiler/quantize/histogram.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Two values between which a tensor's values lie, low <= high. Zero need not lie between them.
struct Range {
  float low = 0, high = 0;
  friend bool operator==(const Range&, const Range&) = default;
};

/// The extremes of each sample, averaged: m = m + constant * (x - m) for each sample x in order, from the first one on.
struct MovingAverage {
  double low = 0, high = 0;
  float first_low = 0, first_high = 0;  ///< of the first sample: with it, averages of two runs can be joined
  int64_t samples = 0;                  ///< that had a finite value

  void add(const Range& sample, double constant);
  /// What averaging the samples of `later` behind these would have given, but for rounding.
  void append(const MovingAverage& later, double constant);
  friend bool operator==(const MovingAverage&, const MovingAverage&) = default;
};

/// Each channel (index of the last dimension) on its own: what bias correction and SmoothQuant ask for.
struct ChannelProfile {
  std::vector<float> min, max;  ///< of finite values; min > max where there was none
  std::vector<double> sum;      ///< of finite values, in sample order, rows in order
  int64_t count = 0;            ///< values of each channel, those that are not finite included

  bool empty() const { return min.empty(); }
  std::size_t size() const { return min.size(); }
  friend bool operator==(const ChannelProfile&, const ChannelProfile&) = default;
};

/// What calibration has seen of one tensor. Its size does not depend on how many samples there were.
struct TensorProfile {
  int64_t count = 0;      ///< elements
  int64_t nan_count = 0;  ///< of them: these and infinities appear in nothing below
  int64_t inf_count = 0;
  Range extremes;  ///< smallest and largest finite value, when there is one
  MovingAverage moving_average;
  Histogram histogram;
  /// Empty unless the last dimension is the same in all samples and at most kMaxChannels.
  ChannelProfile channels;
  /// Ranges that user-defined collectors found, by the collector's name.
  std::map<std::string, Range> collected;

  static constexpr int64_t kMaxChannels = 65536;
  int64_t finite_count() const { return count - nan_count - inf_count; }
  friend bool operator==(const TensorProfile&, const TensorProfile&) = default;
};

/// What calibration has seen of a model: the input of every choice of ranges, whatever the algorithm.
struct Profile {
  std::string model;        ///< the file's name, for messages
  uint64_t model_xxh3 = 0;  ///< of the file's bytes: a profile serves this model only
  uint64_t data_xxh3 = 0;   ///< of all inputs in sample order: hashes of samples, combined one by one
  int64_t samples = 0;
  double averaging_constant = .01;               ///< of the moving averages
  std::map<std::string, TensorProfile> tensors;  ///< by Value::name in the graph at the pipeline's `quantize` row

  friend bool operator==(const Profile&, const Profile&) = default;
};

/// Adds a later run over other data to `profile`. kInvalidArgument: another model, another averaging constant, other
/// tensors, or ranges of a collector on both sides, which nothing here can join. On an error `profile` is unchanged.
Status merge(Profile& profile, const Profile& later);

/// A hash of two hashes that depends on their order.
uint64_t combine_hashes(uint64_t first, uint64_t second);

}  // namespace tegula::compiler
