#include "compiler/data/convert.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <type_traits>

#include "compiler/data/half.h"
#include "schema/base/check.h"

namespace tegula::data {
namespace {

/// 16-bit floats have no C++ type; they are read and written through float.
struct F16 {
  uint16_t bits;
};
struct BF16 {
  uint16_t bits;
};

template <typename T>
auto widen(T value) {
  if constexpr (std::is_same_v<T, F16>)
    return f16_to_f32(value.bits);
  else if constexpr (std::is_same_v<T, BF16>)
    return bf16_to_f32(value.bits);
  else
    return value;
}

template <typename To, typename From>
std::optional<To> exactly(From from) {
  const auto value = widen(from);
  using Value = decltype(value);
  if constexpr (std::is_same_v<To, F16> || std::is_same_v<To, BF16>) {
    const auto single = static_cast<float>(value);
    const To result{std::is_same_v<To, F16> ? f32_to_f16(single) : f32_to_bf16(single)};
    const float back = widen(result);
    if constexpr (std::is_floating_point_v<std::remove_const_t<Value>>) {
      if (std::isnan(value)) return result;
      return static_cast<double>(back) == static_cast<double>(value) ? std::optional(result) : std::nullopt;
    } else {
      return std::isfinite(back) && static_cast<long double>(back) == static_cast<long double>(value)
                 ? std::optional(result)
                 : std::nullopt;
    }
  } else if constexpr (std::is_same_v<To, bool>) {
    return value == 0 || value == 1 ? std::optional(value == 1) : std::nullopt;
  } else if constexpr (std::is_floating_point_v<To>) {
    const To result = static_cast<To>(value);
    if constexpr (std::is_floating_point_v<std::remove_const_t<Value>>) {
      if (std::isnan(value)) return result;
      return static_cast<long double>(result) == static_cast<long double>(value) ? std::optional(result) : std::nullopt;
    } else {
      return static_cast<long double>(result) == static_cast<long double>(value) ? std::optional(result) : std::nullopt;
    }
  } else {
    static_assert(!std::is_floating_point_v<std::remove_const_t<Value>>, "floats never become integers");
    To result{};
    return __builtin_add_overflow(value, 0, &result) ? std::nullopt : std::optional(result);
  }
}

template <typename Visitor>
auto visit(DType dtype, Visitor&& visitor) {
  switch (dtype) {
    case DType::kF32: return visitor(float{});
    case DType::kF64: return visitor(double{});
    case DType::kF16: return visitor(F16{});
    case DType::kBF16: return visitor(BF16{});
    case DType::kS8: return visitor(int8_t{});
    case DType::kU8: return visitor(uint8_t{});
    case DType::kS16: return visitor(int16_t{});
    case DType::kU16: return visitor(uint16_t{});
    case DType::kS32: return visitor(int32_t{});
    case DType::kU32: return visitor(uint32_t{});
    case DType::kS64: return visitor(int64_t{});
    case DType::kU64: return visitor(uint64_t{});
    case DType::kBool: return visitor(bool{});
  }
  TEGULA_CHECK(false, "the dtype is one of ours");
  return visitor(float{});
}

template <typename T>
constexpr bool kIsFloat = std::is_floating_point_v<T> || std::is_same_v<T, F16> || std::is_same_v<T, BF16>;

template <typename From, typename To>
Result<Tensor> convert(const Tensor& tensor, DType to, std::string_view what) {
  if constexpr (kIsFloat<From> && !kIsFloat<To>) {
    return Error{ErrorCode::kInvalidArgument, concat(what, ": ", name_of(tensor.dtype), " elements do not become ",
                                                     name_of(to), "; save it as ", name_of(to))};
  } else {
    TEGULA_ASSIGN_OR_RETURN(Tensor result, make_tensor(to, tensor.dims));
    for (std::size_t i = 0; i < static_cast<std::size_t>(tensor.count()); ++i) {
      From from;
      std::memcpy(&from, tensor.bytes.data() + i * sizeof(From), sizeof(From));
      const auto value = exactly<To>(from);
      if (!value)
        return Error{ErrorCode::kInvalidArgument, concat(what, ": element ", i, " is ", +widen(from), ", which ",
                                                         name_of(to), " cannot hold exactly (the file has ",
                                                         name_of(tensor.dtype), "); save it as ", name_of(to))};
      std::memcpy(result.bytes.data() + i * sizeof(To), &*value, sizeof(To));
    }
    return result;
  }
}

}  // namespace

Result<Tensor> convert_exactly(Tensor tensor, DType to, std::string_view what) {
  if (tensor.dtype == to) return tensor;
  return visit(tensor.dtype, [&](auto from) {
    return visit(to, [&](auto target) { return convert<decltype(from), decltype(target)>(tensor, to, what); });
  });
}

}  // namespace tegula::data
