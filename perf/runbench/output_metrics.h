#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tegula::runbench {

/// How many scores are ahead of that of `label`: 0 makes it the first answer. Equal scores: the earlier class is ahead,
/// as argmax has it; NaN is behind everything. `label` must be within the scores.
int64_t rank_of_label(std::span<const double> scores, std::size_t label);

/// Position of the largest score by the same rule.
std::size_t first_answer(std::span<const double> scores);

/// Of the angle between two vectors of one length: a.b / (|a| |b|). 1 when both are zero, 0 when one is, or when a
/// value is not finite.
double cosine(std::span<const double> a, std::span<const double> b);

/// The mean of (a - b)^2; infinite when a value is not finite in one of them only.
double mean_squared_error(std::span<const double> a, std::span<const double> b);

/// One output against what it is compared with, over samples.
class OutputAgreement {
 public:
  explicit OutputAgreement(std::string output) : output_(std::move(output)) {}

  void add(std::string_view sample, std::span<const double> got, std::span<const double> want);

  const std::string& output() const { return output_; }
  int64_t samples() const { return samples_; }
  double mean_cosine() const { return samples_ > 0 ? cosine_ / static_cast<double>(samples_) : 0; }
  double least_cosine() const { return least_cosine_; }
  const std::string& least_sample() const { return least_sample_; }  ///< where it is least
  double mean_squared_error() const { return samples_ > 0 ? squared_error_ / static_cast<double>(samples_) : 0; }
  double largest_difference() const { return largest_difference_; }
  /// Share of the samples whose first answer is the same, in percent.
  double same_first_answer_percent() const {
    return samples_ > 0 ? 100.0 * static_cast<double>(same_first_answer_) / static_cast<double>(samples_) : 0;
  }

 private:
  std::string output_, least_sample_;
  int64_t samples_ = 0, same_first_answer_ = 0;
  double cosine_ = 0, least_cosine_ = 1, squared_error_ = 0, largest_difference_ = 0;
};

}  // namespace tegula::runbench
