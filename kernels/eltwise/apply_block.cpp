#include "kernels/eltwise/apply_block.h"

#include <array>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "kernels/eltwise/cast.h"
#include "kernels/math/math.h"
#include "kernels/plain_loops.h"

namespace tegula::kernels {
namespace {

template <typename T>
using Block = std::array<T, kEltwiseBlock>;

template <typename T>
const T* as(const std::byte* data) {
  return reinterpret_cast<const T*>(data);
}

void apply_where(DType type, const BlockOperands& operands, std::byte* out, int64_t count) {
  visit_by_size(type, [&](auto element) {
    using T = decltype(element);
    auto* results = reinterpret_cast<T*>(out);
    for (int64_t i = 0; i < count; ++i)
      results[i] = operands.x[i] != std::byte{0} ? as<T>(operands.y)[i] : as<T>(operands.z)[i];
  });
}

void apply_bool(Function function, const BlockOperands& operands, std::byte* out, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const bool x = operands.x[i] != std::byte{0}, y = operands.y != nullptr && operands.y[i] != std::byte{0};
    bool result = x;
    switch (function) {
      case Function::k_identity: break;
      case Function::k_logical_not: result = !x; break;
      case Function::k_logical_and: result = x && y; break;
      case Function::k_logical_or: result = x || y; break;
      case Function::k_logical_xor: result = x != y; break;
      case Function::k_equal: result = x == y; break;
      default: TEGULA_CHECK(false, "types were checked");
    }
    out[i] = std::byte{result};
  }
}

/// 16-bit floats compute in f32 and round each result.
void apply_narrow_float(const FunctionInstruction& in, DType type, const BlockOperands& operands, std::byte* out,
                        int64_t count) {
  alignas(64) Block<float> x, y, result;
  auto* wide_result = reinterpret_cast<std::byte*>(result.data());
  cast_block(type, DType::kF32, operands.x, reinterpret_cast<std::byte*>(x.data()), count);
  if (operands.y != nullptr) cast_block(type, DType::kF32, operands.y, reinterpret_cast<std::byte*>(y.data()), count);
  if (returns_bool(in.function)) return apply_f32_block(in, x.data(), y.data(), out, count);
  apply_f32_block(in, x.data(), y.data(), wide_result, count);
  cast_block(DType::kF32, type, wide_result, out, count);
}

/// By repeated squaring, wrapping around.
template <typename T>
T integer_power(T base, int64_t exponent) {
  if (exponent < 0) {
    if (base == 1) return 1;
    if constexpr (std::is_signed_v<T>) {
      if (base == -1) return exponent % 2 == 0 ? T{1} : T{-1};
    }
    return 0;
  }
  T result = 1;
  for (; exponent > 0; exponent >>= 1) {
    if (exponent % 2 != 0) result = wrapping_mul(result, base);
    base = wrapping_mul(base, base);
  }
  return result;
}

}  // namespace

void apply_block(const FunctionInstruction& in, DType type, const BlockOperands& operands, std::byte* out,
                 int64_t count) {
  if (in.function == Function::k_where) return apply_where(type, operands, out, count);
  if (in.function == Function::k_identity) {
    std::memcpy(out, operands.x, static_cast<std::size_t>(count) * size_of(type));
    return;
  }
  switch (type) {
    case DType::kF32: return apply_f32_block(in, as<float>(operands.x), as<float>(operands.y), out, count);
    case DType::kF64: return apply_f64_block(in, as<double>(operands.x), as<double>(operands.y), out, count);
    case DType::kF16:
    case DType::kBF16: return apply_narrow_float(in, type, operands, out, count);
    case DType::kBool: return apply_bool(in.function, operands, out, count);
    default: return apply_integer_block(in, type, operands, out, count);
  }
}

void pow_block(DType type, DType exponent_type, const BlockOperands& operands, std::byte* out, int64_t count) {
  FunctionInstruction in;
  in.function = Function::k_pow;
  if (is_float(type)) {
    alignas(64) Block<double> exponent;  // room for any float type
    auto* converted = reinterpret_cast<std::byte*>(exponent.data());
    const std::byte* y = operands.y;
    if (exponent_type != type) {
      cast_block(exponent_type, type, operands.y, converted, count);
      y = converted;
    }
    return apply_block(in, type, {operands.x, y, nullptr}, out, count);
  }
  if (is_float(exponent_type)) {
    alignas(64) Block<double> x, y, power;
    cast_block(type, DType::kF64, operands.x, reinterpret_cast<std::byte*>(x.data()), count);
    cast_block(exponent_type, DType::kF64, operands.y, reinterpret_cast<std::byte*>(y.data()), count);
    apply_f64_block(in, x.data(), y.data(), reinterpret_cast<std::byte*>(power.data()), count);
    return cast_block(DType::kF64, type, reinterpret_cast<const std::byte*>(power.data()), out, count);
  }
  alignas(64) Block<int64_t> exponent;
  cast_block(exponent_type, DType::kS64, operands.y, reinterpret_cast<std::byte*>(exponent.data()), count);
  visit_native(type, [&](auto element) {
    using T = decltype(element);
    if constexpr (std::is_integral_v<T>) {
      auto* results = reinterpret_cast<T*>(out);
      for (int64_t i = 0; i < count; ++i)
        results[i] = integer_power(as<T>(operands.x)[i], exponent[static_cast<std::size_t>(i)]);
    }
  });
}

}  // namespace tegula::kernels
