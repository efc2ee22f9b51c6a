#pragma once
#include <cstdint>

#include "schema/base/check.h"
#include "schema/base/dtype.h"

namespace tegula {

/// Whether C++ has a type for the elements: all but bf16 and f16. Bool has uint8_t.
constexpr bool has_native_type(DType type) {
  return type != DType::kBF16 && type != DType::kF16;
}

/// visit(T{}) with C++'s type for the elements; the caller has checked has_native_type().
template <typename Visit>
auto visit_native(DType type, Visit&& visit) {
  switch (type) {
    case DType::kF64: return visit(double{});
    case DType::kS8: return visit(int8_t{});
    case DType::kU8:
    case DType::kBool: return visit(uint8_t{});
    case DType::kS16: return visit(int16_t{});
    case DType::kU16: return visit(uint16_t{});
    case DType::kS32: return visit(int32_t{});
    case DType::kU32: return visit(uint32_t{});
    case DType::kS64: return visit(int64_t{});
    case DType::kU64: return visit(uint64_t{});
    default: TEGULA_CHECK(type == DType::kF32, "callers look for bf16 and f16 first"); return visit(float{});
  }
}

}  // namespace tegula
