#pragma once
#include <compare>
#include <cstdint>
#include <string>

#include "schema/base/dtype.h"
#include "schema/base/result.h"
#include "schema/file_layout.h"

namespace tegula::kernels {

/// Types of a product's operands and result.
///   f32 by f32    n16k1   dst f32             sums in fp32, one fused multiply-add each
///   u8 by s8      n16k4   dst u8, s8, bf16, f32, s32   sums in s32, modulo 2^32
///   bf16 by bf16  n16k2   dst bf16, f32       sums in fp32
struct TileTypes {
  DType src = DType::kF32;
  DType weights = DType::kF32;
  DType dst = DType::kF32;

  auto operator<=>(const TileTypes&) const = default;

  constexpr bool integer() const { return src == DType::kU8; }
  constexpr Packing packing() const {
    return src == DType::kU8 ? Packing::kN16K4 : src == DType::kBF16 ? Packing::kN16K2 : Packing::kN16K1;
  }
  /// Bytes of an element of A; four bytes of A make one group of k.
  constexpr int64_t src_bytes() const { return static_cast<int64_t>(size_of(src)); }
  constexpr int64_t dst_bytes() const { return static_cast<int64_t>(size_of(dst)); }

  /// "f32", "u8s8_u8", "bf16_f32".
  std::string name() const;
};

inline constexpr TileTypes kF32Product{};

/// kUnsupported for types that no kernel multiplies.
Status check_tile_types(const TileTypes& types);

}  // namespace tegula::kernels
