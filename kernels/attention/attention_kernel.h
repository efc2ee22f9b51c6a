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
  /// Tiles without an epilogue; softmax rows with a mask where `mask` calls have one, without elsewhere.
  AttentionKernel(TileSetPtr tiles, SoftmaxCodePtr plain_softmax, SoftmaxCodePtr mask_softmax)
      : gemm_(std::move(tiles)), plain_softmax_(std::move(plain_softmax)), mask_softmax_(std::move(mask_softmax)) {}

  /// Operands as attention() takes them, with contiguous last dimensions (but the mask's). They have passed check().
  struct Operands {
    TensorView q, k, v, dst;
    TensorView mask;  ///< broadcast to [batch, heads, seq_q, seq_kv]; data is nullptr without one
  };

  int64_t blocks(const AttentionDesc& desc, const Operands& operands, int workers) const;
  /// Of one worker, aligned to 64.
  std::size_t scratch_bytes(const AttentionDesc& desc, const Operands& operands) const;
  void run(const AttentionDesc& desc, const Operands& operands, int64_t block, int64_t blocks,
           std::byte* scratch) const;

 private:
  GemmKernel gemm_;
  SoftmaxCodePtr plain_softmax_, mask_softmax_;
};

}  // namespace tegula::kernels
