#pragma once
#include <cstdint>
#include <optional>
#include <span>

#include "schema/base/dtype.h"
#include "schema/file_layout.h"

namespace tegula::kernels {

/// Sizes of packed weights, a pure function of what a program file says about the constant: the packers allocate by
/// it and the loader refuses a file that disagrees.
///
///   kN16K1, kN16K2, kN16K4   dims [..., K, N]: as many packed matrices. A gemm has [K, N], a convolution
///                            [blocks, taps, K, N] (PackedConv in pack.h): K is that of one tap, padded by itself
///   kDepthwise               dims [taps, C]: C padded to whole panels of 16
///   kPlain                   row-major

/// Columns of a panel, and the lanes of a packed row.
inline constexpr int64_t kPanelColumns = 16;

/// How many consecutive k lie side by side in a panel: 1, 2 or 4; 0 for packings that are no panels.
int64_t k_group_of(Packing packing);

/// K groups that are stored for a matrix of `groups`: zero-padded to a multiple of r = ceil(groups / ceil(groups /
/// 16)), so that tiles along K have equal heights r <= 16. kN16K1 is not padded.
int64_t stored_k_groups(Packing packing, int64_t groups);

/// Bytes of one packed matrix [k, n]. Sizes must be >= 0 and below 2^31.
int64_t packed_matrix_bytes(Packing packing, int64_t k, int64_t n);

/// Bytes of a whole constant. nullopt: no such combination of type, packing and rank, a negative dimension, or a size
/// that overflows.
std::optional<int64_t> packed_bytes(Packing packing, DType dtype, std::span<const int64_t> dims);

}  // namespace tegula::kernels
