#include "compiler/data/random_tensor.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "compiler/data/half.h"

namespace tegula::data {
namespace {

constexpr uint64_t kGolden = 0x9E3779B97F4A7C15;

uint64_t fnv1a(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

/// Whether every integer of [low, high) is an element of the dtype (and the range is one that this arithmetic can draw
/// from).
bool holds_range(DType dtype, double low, double high) {
  if (dtype == DType::kBool) return low >= 0 && high <= 2;
  const int bits = static_cast<int>(size_of(dtype)) * 8;
  const double limit = std::ldexp(1.0, is_signed_integer(dtype) ? bits - 1 : bits);
  return low >= (is_signed_integer(dtype) ? -limit : 0) && high <= std::min(limit, 0x1p63) && high - low <= 0x1p62;
}

}  // namespace

RandomRange default_range(DType dtype) {
  return is_float(dtype) ? RandomRange{-1, 1} : RandomRange{0, 2};
}

Result<Tensor> random_tensor(std::string_view name, DType dtype, Dims dims, std::optional<RandomRange> range,
                             uint64_t seed) {
  const auto [low, high] = range.value_or(default_range(dtype));
  const auto refuse = [&, l = low, h = high](std::string_view why) {
    return Error{ErrorCode::kInvalidArgument, concat("range ", l, ":", h, " of input ", in_quotes(name), " ", why)};
  };
  if (!std::isfinite(low) || !std::isfinite(high) || !(low < high))
    return refuse("is empty: give LOW:HIGH with LOW < HIGH");
  if (!is_float(dtype) && (std::trunc(low) != low || std::trunc(high) != high || !holds_range(dtype, low, high)))
    return refuse(concat("does not fit its type ", name_of(dtype)));

  TEGULA_ASSIGN_OR_RETURN(Tensor tensor, make_tensor(dtype, std::move(dims)));
  const uint64_t start = fnv1a(name) ^ (seed * kGolden);
  const std::size_t size = size_of(dtype), count = tensor.bytes.size() / size;
  for (std::size_t i = 0; i < count; ++i) {
    const uint64_t x = mix(start + (i + 1) * kGolden);
    std::byte* element = tensor.bytes.data() + i * size;
    if (is_float(dtype)) {
      const double value = low + (high - low) * (static_cast<double>(x >> 40) * 0x1p-24);
      const auto single = static_cast<float>(value);
      const uint16_t half = dtype == DType::kF16 ? f32_to_f16(single) : f32_to_bf16(single);
      if (dtype == DType::kF64)
        std::memcpy(element, &value, size);
      else if (dtype == DType::kF32)
        std::memcpy(element, &single, size);
      else
        std::memcpy(element, &half, size);
    } else {
      const int64_t value =
          static_cast<int64_t>(low) + static_cast<int64_t>((x >> 11) % static_cast<uint64_t>(high - low));
      std::memcpy(element, &value, size);
    }
  }
  return tensor;
}

}  // namespace tegula::data
