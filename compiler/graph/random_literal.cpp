#include "compiler/graph/random_literal.h"

namespace tegula::compiler {
namespace {

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
uint64_t next(uint64_t& state) {
  uint64_t z = (state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/// The upper half of a float is a bf16; these numbers have few enough digits for both 16-bit formats.
uint16_t bf16_bits(float value) {
  return static_cast<uint16_t>(__builtin_bit_cast(uint32_t, value) >> 16);
}

uint16_t f16_bits(float value) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, value);
  const uint32_t sign = bits >> 16 & 0x8000;
  if ((bits & 0x7fffffff) == 0) return static_cast<uint16_t>(sign);
  const uint32_t exponent = (bits >> 23 & 0xff) - 112;  // of numbers down to 1/1024, so never subnormal
  return static_cast<uint16_t>(sign | exponent << 10 | (bits >> 13 & 0x3ff));
}

template <typename T, typename Make>
void fill(const kernels::TensorView& view, uint64_t seed, Make&& make) {
  uint64_t state = seed;
  T* out = reinterpret_cast<T*>(view.data);
  const int64_t count = view.count();
  for (int64_t i = 0; i < count; ++i) out[i] = static_cast<T>(make(next(state) >> 32));
}

}  // namespace

Literal random_literal(DType dtype, Dims dims, uint64_t seed) {
  const auto real = [](uint64_t bits, int steps) {
    return static_cast<float>(static_cast<int>(bits % static_cast<unsigned>(2 * steps)) - steps) /
           static_cast<float>(steps);
  };
  const auto integer = [](uint64_t bits) { return static_cast<int64_t>(bits % 16) - 8; };
  const auto natural = [](uint64_t bits) { return bits % 16; };
  return Literal::make(dtype, std::move(dims), [&](const kernels::TensorView& view) {
    switch (dtype) {
      case DType::kF32: return fill<float>(view, seed, [&](uint64_t bits) { return real(bits, 1024); });
      case DType::kF64: return fill<double>(view, seed, [&](uint64_t bits) { return real(bits, 1024); });
      case DType::kF16: return fill<uint16_t>(view, seed, [&](uint64_t bits) { return f16_bits(real(bits, 1024)); });
      case DType::kBF16: return fill<uint16_t>(view, seed, [&](uint64_t bits) { return bf16_bits(real(bits, 128)); });
      case DType::kS8: return fill<int8_t>(view, seed, integer);
      case DType::kS16: return fill<int16_t>(view, seed, integer);
      case DType::kS32: return fill<int32_t>(view, seed, integer);
      case DType::kS64: return fill<int64_t>(view, seed, integer);
      case DType::kU8: return fill<uint8_t>(view, seed, natural);
      case DType::kU16: return fill<uint16_t>(view, seed, natural);
      case DType::kU32: return fill<uint32_t>(view, seed, natural);
      case DType::kU64: return fill<uint64_t>(view, seed, natural);
      case DType::kBool: return fill<uint8_t>(view, seed, [](uint64_t bits) { return bits & 1; });
    }
  });
}

}  // namespace tegula::compiler
