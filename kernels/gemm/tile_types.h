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
///   f32, bf16 by s8  n16k4   dst bf16, f32    weight-only: the weights become fp32 in registers, one fused
///   multiply-add
///                                             each; EpilogueDesc::weight_scale
struct TileTypes {
  DType src = DType::kF32;
  DType weights = DType::kF32;
  DType dst = DType::kF32;

  auto operator<=>(const TileTypes&) const = default;

  constexpr bool integer() const { return src == DType::kU8; }
  /// Quantized weights beside a real source.
  constexpr bool weight_only() const { return weights == DType::kS8 && !integer(); }
  constexpr Packing packing() const {
    return weights == DType::kS8 ? Packing::kN16K4 : weights == DType::kBF16 ? Packing::kN16K2 : Packing::kN16K1;
  }
  /// Elements of A, one after another, that meet one row of a panel.
  constexpr int64_t group() const { return 4 / static_cast<int64_t>(size_of(weights)); }
  constexpr int64_t group_bytes() const { return group() * src_bytes(); }
  /// Bytes of an element of A.
  constexpr int64_t src_bytes() const { return static_cast<int64_t>(size_of(src)); }
  constexpr int64_t dst_bytes() const { return static_cast<int64_t>(size_of(dst)); }

  /// "f32", "u8s8_u8", "bf16_f32".
  std::string name() const;
};

inline constexpr TileTypes kF32Product{};

/// kUnsupported for types that no kernel multiplies.
Status check_tile_types(const TileTypes& types);

}  // namespace tegula::kernels
