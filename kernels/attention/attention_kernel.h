#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/attention/attention.h"
#include "kernels/gemm/gemm.h"
#include "kernels/softmax/softmax_kernel.h"

namespace tegula::kernels {

/// Attention out of gemm tiles and generated softmax rows, equal to attention() to the bit. Scores exist for a block of
/// whole rows at a time, in scratch. Sizes are arguments: unseen ones need no code. Immutable; safe for concurrent
/// calls.
class AttentionKernel {
 public:
  /// Tiles without an epilogue; softmax rows with a mask where calls have one.
  AttentionKernel(const AttentionDesc& desc, TileSetPtr tiles, SoftmaxCodePtr softmax)
      : desc_(desc), gemm_(std::move(tiles)), softmax_(std::move(softmax)) {}

  /// Operands as attention() takes them, with contiguous last dimensions (but the mask's). They have passed check().
  struct Operands {
    TensorView q, k, v, dst;
    TensorView mask;  ///< broadcast to [batch, heads, seq_q, seq_kv]; data is nullptr without one
  };

  int64_t blocks(const Operands& operands, int workers) const;
  /// Of one worker, aligned to 64.
  std::size_t scratch_bytes(const Operands& operands) const;
  void run(const Operands& operands, int64_t block, int64_t blocks, std::byte* scratch) const;

 private:
  AttentionDesc desc_;
  GemmKernel gemm_;
  SoftmaxCodePtr softmax_;
};

}  // namespace tegula::kernels
