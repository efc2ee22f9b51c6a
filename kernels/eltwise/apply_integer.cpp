#include <algorithm>
#include <limits>
#include <type_traits>

#include "kernels/eltwise/apply_block.h"
#include "kernels/plain_loops.h"

namespace tegula::kernels {
namespace {

template <typename T>
T wrapping_sub(T x, T y) {
  return static_cast<T>(static_cast<uint64_t>(x) - static_cast<uint64_t>(y));
}

/// Towards zero; x / 0 is 0 and the lowest value / -1 wraps around.
template <typename T>
T divided(T x, T y) {
  if (y == 0) return 0;
  if constexpr (std::is_signed_v<T>) {
    if (y == -1) return wrapping_sub<T>(0, x);
  }
  return static_cast<T>(x / y);
}

/// The rest with the sign of x; 0 for y = 0.
template <typename T>
T truncated_mod(T x, T y) {
  return y == 0 ? T{0} : wrapping_sub<T>(x, wrapping_mul<T>(divided(x, y), y));
}

/// The rest with the sign of y; 0 for y = 0.
template <typename T>
T floored_mod(T x, T y) {
  const T rest = truncated_mod(x, y);
  return rest != 0 && (rest < 0) != (y < 0) ? static_cast<T>(rest + y) : rest;
}

/// The bound of a clip as an integer: the nearest value that T has, towards the inside.
template <typename T>
T bound(double value, double (*inside)(double)) {
  if (!(value > static_cast<double>(std::numeric_limits<T>::min()))) return std::numeric_limits<T>::min();
  if (value >= static_cast<double>(std::numeric_limits<T>::max())) return std::numeric_limits<T>::max();
  return static_cast<T>(inside(value));
}

template <typename T>
T unary(const FunctionInstruction& in, T x) {
  switch (in.function) {
    case Function::k_identity: return x;
    case Function::k_abs: return x < 0 ? wrapping_sub<T>(0, x) : x;
    case Function::k_neg: return wrapping_sub<T>(0, x);
    case Function::k_sign: return static_cast<T>((x > 0) - (x < 0));
    case Function::k_relu: return std::max<T>(x, 0);
    case Function::k_bitwise_not: return static_cast<T>(~x);
    default: break;
  }
  TEGULA_CHECK(false, "types were checked");
  return x;
}

template <typename T>
T binary(Function function, T x, T y) {
  constexpr auto kBits = static_cast<uint64_t>(8 * sizeof(T));
  switch (function) {
    case Function::k_add: return wrapping_add(x, y);
    case Function::k_sub: return wrapping_sub(x, y);
    case Function::k_mul: return wrapping_mul(x, y);
    case Function::k_div: return divided(x, y);
    case Function::k_mod: return floored_mod(x, y);
    case Function::k_fmod: return truncated_mod(x, y);
    case Function::k_min: return std::min(x, y);
    case Function::k_max: return std::max(x, y);
    case Function::k_prelu: return x < 0 ? wrapping_mul(x, y) : x;
    case Function::k_bitwise_and: return static_cast<T>(x & y);
    case Function::k_bitwise_or: return static_cast<T>(x | y);
    case Function::k_bitwise_xor: return static_cast<T>(x ^ y);
    case Function::k_shift_left:
      return static_cast<uint64_t>(y) < kBits ? static_cast<T>(static_cast<uint64_t>(x) << static_cast<uint64_t>(y))
                                              : T{0};
    case Function::k_shift_right: return static_cast<uint64_t>(y) < kBits ? static_cast<T>(x >> y) : T{0};
    case Function::k_squared_difference: {
      const T difference = wrapping_sub(x, y);
      return wrapping_mul(difference, difference);
    }
    default: break;
  }
  TEGULA_CHECK(false, "types were checked");
  return x;
}

template <typename T>
bool predicate(Function function, T x, T y) {
  switch (function) {
    case Function::k_equal: return x == y;
    case Function::k_less: return x < y;
    case Function::k_less_or_equal: return x <= y;
    case Function::k_greater: return x > y;
    case Function::k_greater_or_equal: return x >= y;
    default: break;
  }
  TEGULA_CHECK(false, "types were checked");
  return false;
}

template <typename T>
void apply_typed(const FunctionInstruction& in, const T* x, const T* y, std::byte* out, int64_t count) {
  auto* results = reinterpret_cast<T*>(out);
  if (returns_bool(in.function)) {
    for (int64_t i = 0; i < count; ++i) out[i] = std::byte{predicate(in.function, x[i], y[i])};
  } else if (in.function == Function::k_clip) {
    const T low = bound<T>(static_cast<double>(in.alpha), [](double v) { return __builtin_ceil(v); });
    const T high = bound<T>(static_cast<double>(in.beta), [](double v) { return __builtin_floor(v); });
    for (int64_t i = 0; i < count; ++i) results[i] = std::min(std::max(x[i], low), high);
  } else if (arity_of(in.function) == 2) {
    for (int64_t i = 0; i < count; ++i) results[i] = binary(in.function, x[i], y[i]);
  } else {
    for (int64_t i = 0; i < count; ++i) results[i] = unary(in, x[i]);
  }
}

}  // namespace

void apply_integer_block(const FunctionInstruction& in, DType type, const BlockOperands& operands, std::byte* out,
                         int64_t count) {
  visit_native(type, [&](auto element) {
    using T = decltype(element);
    if constexpr (std::is_integral_v<T>) {
      apply_typed<T>(in, reinterpret_cast<const T*>(operands.x), reinterpret_cast<const T*>(operands.y), out, count);
    } else {
      TEGULA_CHECK(false, "floats have blocks of their own");
    }
  });
}

}  // namespace tegula::kernels
