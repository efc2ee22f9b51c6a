#pragma once
#include "kernels/math/exp.h"

// The activations that are a few operations each. NaN stays NaN in all of them. F is one of the lane
// types of scalar.h and recorded.h; alpha and beta are constants of the code.
namespace tegula::kernels::math {

/// max(0, x); -0 stays.
template <typename F>
F relu(F x) {
  return max_or_second(F(0.0f), x);
}

/// min(max(x, alpha), beta)
template <typename F>
F clip(F x, float alpha, float beta) {
  return min_or_second(F(beta), max_or_second(F(alpha), x));
}

/// x < 0 ? alpha x : x
template <typename F>
F leaky_relu(F x, float alpha) {
  if (alpha > 0.0f && alpha <= 1.0f) return max_or_second(x * F(alpha), x);
  return select(less(x, F(0.0f)), x * F(alpha), x);
}

/// x < 0 ? slope x : x
template <typename F>
F prelu(F x, F slope) {
  return select(less(x, F(0.0f)), x * slope, x);
}

/// x < 0 ? alpha (e^x - 1) : x
template <typename F>
F elu(F x, float alpha) {
  return select(less(x, F(0.0f)), exp_minus_1(x) * F(alpha), x);
}

/// x > 0 ? beta x : beta alpha (e^x - 1)
template <typename F>
F selu(F x, float alpha, float beta) {
  return select(greater(x, F(0.0f)), x * F(beta), exp_minus_1(x) * F(alpha * beta));
}

/// max(0, x) + min(0, alpha (e^(x / alpha) - 1))
template <typename F>
F celu(F x, float alpha) {
  return max_or_second(F(0.0f), x) + min_or_second(F(0.0f), exp_minus_1(x / F(alpha)) * F(alpha));
}

/// max(0, min(1, alpha x + beta)), alpha x + beta rounded once
template <typename F>
F hard_sigmoid(F x, float alpha, float beta) {
  return max_or_second(F(0.0f), min_or_second(F(1.0f), fma(x, F(alpha), F(beta))));
}

/// x * max(0, min(1, x/6 + 1/2))
template <typename F>
F hard_swish(F x) {
  return x * hard_sigmoid(x, 1.0f / 6.0f, 0.5f);
}

/// x / (1 + |x|)
template <typename F>
F softsign(F x) {
  return x / (F(1.0f) + absolute(x));
}

/// x > alpha ? x : 0
template <typename F>
F thresholded_relu(F x, float alpha) {
  return select(less_or_equal(x, F(alpha)), F(0.0f), x);
}

/// x < -alpha ? x + beta : x > alpha ? x - beta : 0
template <typename F>
F shrink(F x, float alpha, float beta) {
  const F inside = select(unordered(x, x), x, F(0.0f));
  return select(less(x, F(-alpha)), x + F(beta), select(greater(x, F(alpha)), x - F(beta), inside));
}

/// -1, 0 or 1
template <typename F>
F sign(F x) {
  return select(greater(x, F(0.0f)), F(1.0f), select(less(x, F(0.0f)), F(-1.0f), x));
}

/// min(x, y), NaN if either is
template <typename F>
F min_with_nan(F x, F y) {
  return select(unordered(x, x), x, min_or_second(x, y));
}

/// max(x, y), NaN if either is
template <typename F>
F max_with_nan(F x, F y) {
  return select(unordered(x, x), x, max_or_second(x, y));
}

}  // namespace tegula::kernels::math
