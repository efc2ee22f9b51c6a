#pragma once
#include <limits>

#include "schema/base/dtype.h"

// Between real numbers and those of the narrow types: quantized integers, which a lane holds widened, and bf16, which
// it holds as the fp32 of equal value. F and I are the lane types of scalar.h and recorded.h.
namespace tegula::kernels::math {

struct QuantizedRange {
  float low, high;
};

constexpr QuantizedRange range_of(DType quantized) {
  return quantized == DType::kS8 ? QuantizedRange{-128.0f, 127.0f} : QuantizedRange{0.0f, 255.0f};
}

/// saturate(rounded + zero_point): clamped in float, before the conversion; NaN gives the lowest value.
template <typename F>
typename F::Int saturated(F rounded, F zero_point, QuantizedRange range) {
  return truncate_to_int(min_or_second(max_or_second(rounded + zero_point, F(range.low)), F(range.high)));
}

/// saturate(round(x / scale) + zero_point)
template <typename F>
typename F::Int quantized(F x, F scale, F zero_point, QuantizedRange range) {
  return saturated(round_to_even(x / scale), zero_point, range);
}

/// saturate(round(x * scale_inverse) + zero_point); kernels/quantize/requantize.h
template <typename F>
typename F::Int requantized(F x, F scale_inverse, F zero_point, QuantizedRange range) {
  return saturated(round_to_even(x * scale_inverse), zero_point, range);
}

/// float(q - zero_point) * scale; the difference wraps around.
template <typename F, typename I = typename F::Int>
F dequantized(I q, I zero_point, F scale) {
  return to_float(q - zero_point) * scale;
}

/// The nearest bf16, ties to even; NaN becomes quiet, subnormal values become zero: bf16_from_f32() of
/// kernels/float16.h.
template <typename F>
F rounded_to_bf16(F x) {
  using I = typename F::Int;
  const I bits = bits_of(x), high_half = I(static_cast<int32_t>(0xffff0000U));
  const I odd = shift_right_signed(bits, 16) & I(1);
  const I rounded = (bits + (odd + I(0x7fff))) & high_half;
  const I quiet = (bits | I(0x00400000)) & high_half;
  const I zero = bits & I(std::numeric_limits<int32_t>::min());
  const F magnitude = from_bits(bits & I(0x7fffffff));
  const I number = select(less(magnitude, F(0x1p-126f)), zero, rounded);
  return from_bits(select(unordered(x, x), quiet, number));
}

}  // namespace tegula::kernels::math
