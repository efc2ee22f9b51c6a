#pragma once
#include <cmath>
#include <cstdint>

#include "kernels/float16.h"
#include "kernels/float_bits.h"
#include "kernels/quantize/requantize.h"
#include "schema/base/dtype.h"
#include "schema/base/result.h"

namespace tegula::kernels {

/// How a u8 or s8 operand stands for real numbers: real = (float(q) - float(zero_point)) * scale.
struct QuantizedOperand {
  FloatBits scale = 1.0f;
  int32_t zero_point = 0;

  auto operator<=>(const QuantizedOperand&) const = default;
};

/// How real numbers become u8 or s8: q = sat(rne(real * scale_inverse) + zero_point).
struct QuantizedResult {
  FloatBits scale_inverse = 1.0f;
  int32_t zero_point = 0;

  auto operator<=>(const QuantizedResult&) const = default;
};

constexpr bool is_quantized(DType type) {
  return type == DType::kU8 || type == DType::kS8;
}

/// Types that steps which compute in fp32 read and write.
constexpr bool is_real_or_quantized(DType type) {
  return type == DType::kF32 || type == DType::kBF16 || is_quantized(type);
}

/// Whether the zero point is one of the type (any is, where it is not quantized) and the scale a finite number.
inline bool fits(float scale, int32_t zero_point, DType type) {
  if (!std::isfinite(scale)) return false;
  if (type == DType::kU8) return zero_point >= 0 && zero_point <= 255;
  return type != DType::kS8 || (zero_point >= -128 && zero_point <= 127);
}

/// Element `i` behind `data` as a real number.
inline float real_at(DType type, const std::byte* data, int64_t i, const QuantizedOperand& quantization) {
  switch (type) {
    case DType::kU8:
      return static_cast<float>(reinterpret_cast<const uint8_t*>(data)[i] - quantization.zero_point) *
             quantization.scale;
    case DType::kS8:
      return static_cast<float>(reinterpret_cast<const int8_t*>(data)[i] - quantization.zero_point) *
             quantization.scale;
    case DType::kBF16: return f32_from_bf16(reinterpret_cast<const uint16_t*>(data)[i]);
    default: return reinterpret_cast<const float*>(data)[i];
  }
}

/// Stores a real number as element `i` behind `data`.
inline void store_real(DType type, std::byte* data, int64_t i, float real, const QuantizedResult& quantization) {
  switch (type) {
    case DType::kU8:
      reinterpret_cast<uint8_t*>(data)[i] =
          requantize<uint8_t>(real, quantization.scale_inverse, quantization.zero_point);
      break;
    case DType::kS8:
      reinterpret_cast<int8_t*>(data)[i] =
          requantize<int8_t>(real, quantization.scale_inverse, quantization.zero_point);
      break;
    case DType::kBF16: reinterpret_cast<uint16_t*>(data)[i] = bf16_from_f32(real); break;
    default: reinterpret_cast<float*>(data)[i] = real;
  }
}

}  // namespace tegula::kernels
