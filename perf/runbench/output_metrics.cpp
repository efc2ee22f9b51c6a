#include "perf/runbench/output_metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tegula::runbench {
namespace {

/// Whether class a with score x comes before class b with score y.
bool is_ahead(double x, std::size_t a, double y, std::size_t b) {
  if (std::isnan(x) || std::isnan(y)) return std::isnan(x) == std::isnan(y) ? a < b : std::isnan(y);
  return x > y || (x == y && a < b);
}

double difference(double a, double b) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return 0;
  const double d = std::fabs(a - b);
  return std::isnan(d) ? std::numeric_limits<double>::infinity() : d;
}

}  // namespace

int64_t rank_of_label(std::span<const double> scores, std::size_t label) {
  int64_t ahead = 0;
  for (std::size_t c = 0; c < scores.size(); ++c) ahead += is_ahead(scores[c], c, scores[label], label) ? 1 : 0;
  return ahead;
}

std::size_t first_answer(std::span<const double> scores) {
  std::size_t best = 0;
  for (std::size_t c = 1; c < scores.size(); ++c)
    if (is_ahead(scores[c], c, scores[best], best)) best = c;
  return best;
}

double cosine(std::span<const double> a, std::span<const double> b) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  if (aa == 0 && bb == 0) return 1;
  const double value = ab / (std::sqrt(aa) * std::sqrt(bb));
  return std::isfinite(value) ? value : 0;
}

double mean_squared_error(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += difference(a[i], b[i]) * difference(a[i], b[i]);
  return a.empty() ? 0 : sum / static_cast<double>(a.size());
}

void OutputAgreement::add(std::string_view sample, std::span<const double> got, std::span<const double> want) {
  const double similarity = cosine(got, want);
  if (samples_ == 0 || similarity < least_cosine_) {
    least_cosine_ = similarity;
    least_sample_ = sample;
  }
  ++samples_;
  cosine_ += similarity;
  squared_error_ += runbench::mean_squared_error(got, want);
  for (std::size_t i = 0; i < got.size(); ++i)
    largest_difference_ = std::max(largest_difference_, difference(got[i], want[i]));
  same_first_answer_ += !got.empty() && first_answer(got) == first_answer(want) ? 1 : 0;
}

}  // namespace tegula::runbench
