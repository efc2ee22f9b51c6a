#include "compiler/graph/literal.h"

#include "schema/base/check.h"
#include "schema/base/visit_dtype.h"

namespace tegula::compiler {
namespace {

float widen_bf16(uint16_t bits) {
  return __builtin_bit_cast(float, static_cast<uint32_t>(bits) << 16);
}

float widen_f16(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16, exponent = (bits >> 10) & 0x1f,
                 fraction = bits & 0x3ff;
  if (exponent == 0) {  // zero and subnormals: fraction * 2^-24, exact in a float
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return __builtin_bit_cast(float, __builtin_bit_cast(uint32_t, magnitude) | sign);
  }
  const uint32_t widened = exponent == 0x1f ? 0xff : exponent + 112;
  return __builtin_bit_cast(float, sign | widened << 23 | fraction << 13);
}

/// Calls visit(element) with the elements in C++'s type for them; 16-bit floats come as float.
template <typename Visit>
void for_each_element(const Literal& literal, Visit&& visit) {
  if (literal.dtype() == DType::kBF16) {
    for (int64_t i = 0; i < literal.count(); ++i) visit(widen_bf16(literal.at<uint16_t>(i)));
  } else if (literal.dtype() == DType::kF16) {
    for (int64_t i = 0; i < literal.count(); ++i) visit(widen_f16(literal.at<uint16_t>(i)));
  } else {
    visit_native(literal.dtype(), [&]<typename T>(T) {
      for (int64_t i = 0; i < literal.count(); ++i) visit(literal.at<T>(i));
    });
  }
}

}  // namespace

std::vector<int64_t> Literal::to_ints() const {
  TEGULA_CHECK(!is_float(dtype_), "only integers convert to integers without loss");
  std::vector<int64_t> elements;
  elements.reserve(static_cast<std::size_t>(count()));
  for_each_element(*this, [&](auto element) { elements.push_back(static_cast<int64_t>(element)); });
  return elements;
}

std::vector<double> Literal::to_doubles() const {
  std::vector<double> elements;
  elements.reserve(static_cast<std::size_t>(count()));
  for_each_element(*this, [&](auto element) { elements.push_back(static_cast<double>(element)); });
  return elements;
}

}  // namespace tegula::compiler
