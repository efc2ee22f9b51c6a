#include "kernels/eltwise/cast.h"

#include <cmath>
#include <limits>
#include <type_traits>

#include "kernels/float16.h"
#include "schema/base/check.h"

namespace tegula::kernels {
namespace {

// Elements of the 16-bit floats and of bool in memory, as types of their own.
struct BF16 {
  uint16_t bits;
};
struct F16 {
  uint16_t bits;
};
struct Bool {
  uint8_t value;
};

template <typename Visit>
void visit_element(DType type, const Visit& visit) {
  switch (type) {
    case DType::kF32: return visit(float{});
    case DType::kF64: return visit(double{});
    case DType::kBF16: return visit(BF16{});
    case DType::kF16: return visit(F16{});
    case DType::kS8: return visit(int8_t{});
    case DType::kU8: return visit(uint8_t{});
    case DType::kS16: return visit(int16_t{});
    case DType::kU16: return visit(uint16_t{});
    case DType::kS32: return visit(int32_t{});
    case DType::kU32: return visit(uint32_t{});
    case DType::kS64: return visit(int64_t{});
    case DType::kU64: return visit(uint64_t{});
    case DType::kBool: return visit(Bool{});
  }
  TEGULA_CHECK(false, "types were checked");
}

/// An element as a type that C++ computes with.
inline float number(BF16 x) {
  return f32_from_bf16(x.bits);
}
inline float number(F16 x) {
  return f32_from_f16(x.bits);
}
inline uint8_t number(Bool x) {
  return static_cast<uint8_t>(x.value != 0);
}
template <typename T>
T number(T x) {
  return x;
}

/// Towards zero; the lowest value for what does not fit, and for NaN.
template <typename Int, typename Float>
Int truncated(Float x) {
  constexpr Float kLimit = static_cast<Float>(uint64_t{1} << (8 * sizeof(Int) - 1));
  return std::trunc(x) >= -kLimit && std::trunc(x) < kLimit ? static_cast<Int>(x) : std::numeric_limits<Int>::min();
}

template <typename To, typename From>
To converted(From x) {
  if constexpr (std::is_same_v<To, Bool>) {
    return Bool{static_cast<uint8_t>(x != From{0})};
  } else if constexpr (std::is_same_v<To, BF16>) {
    return BF16{bf16_from_f32(static_cast<float>(x))};
  } else if constexpr (std::is_same_v<To, F16>) {
    return F16{f16_from_f32(static_cast<float>(x))};
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    if constexpr (std::is_same_v<To, uint64_t>) {
      constexpr From kTwoTo63 = static_cast<From>(uint64_t{1} << 63);
      if (x >= kTwoTo63 && x < 2 * kTwoTo63) return static_cast<uint64_t>(x);
    }
    using Through = std::conditional_t<(sizeof(To) < 4) || std::is_same_v<To, int32_t>, int32_t, int64_t>;
    return static_cast<To>(truncated<Through>(x));
  } else {
    return static_cast<To>(x);
  }
}

}  // namespace

void cast_block(DType from, DType to, const std::byte* x, std::byte* y, int64_t count) {
  visit_element(from, [&](auto from_element) {
    using From = decltype(from_element);
    visit_element(to, [&](auto to_element) {
      using To = decltype(to_element);
      const auto* in = reinterpret_cast<const From*>(x);
      auto* out = reinterpret_cast<To*>(y);
      for (int64_t i = 0; i < count; ++i) out[i] = converted<To>(number(in[i]));
    });
  });
}

}  // namespace tegula::kernels
