#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/attention/attention_kernel.h"
#include "kernels/attention/quantized_attention.h"
#include "kernels/gemm/gemm.h"
#include "kernels/quantize/convert_row.h"
#include "kernels/softmax/softmax_kernel.h"

namespace tegula::kernels {

/// Integer attention out of the tiles of integer products and generated rows, equal to quantized_attention() to the
/// bit. As AttentionKernel: whole rows of scores for a block of rows, in scratch; keys and values are packed for each
/// head. Sizes are arguments. Immutable; safe for concurrent calls.
class QuantizedAttentionKernel {
 public:
  /// What the two products do with their sums; their tiles are of u8 by s8, to f32 and to the type of dst.
  static EpilogueDesc score_epilogue(const QuantizedAttentionDesc& desc);
  static EpilogueDesc value_epilogue(const QuantizedAttentionDesc& desc, DType dst);

  /// Tiles with these epilogues; softmax rows with a mask where calls have one; the row that makes u8 of probabilities.
  QuantizedAttentionKernel(const QuantizedAttentionDesc& desc, TileSetPtr score_tiles, TileSetPtr value_tiles,
                           SoftmaxCodePtr softmax, RowConverter probabilities);

  /// Operands as quantized_attention() takes them, with contiguous last dimensions (but the mask's). They have passed
  /// check().
  using Operands = AttentionKernel::Operands;

  int64_t blocks(const Operands& operands, int workers) const;
  /// Of one worker, aligned to 64.
  std::size_t scratch_bytes(const Operands& operands) const;
  void run(const Operands& operands, int64_t block, int64_t blocks, std::byte* scratch) const;

  TileIsa isa() const { return scores_.tiles().desc().isa; }

 private:
  struct Layout;
  struct Head;
  void score_rows(const Operands& o, const Head& head, int64_t first, int64_t rows, const Layout& layout,
                  std::byte* scratch) const;

  QuantizedAttentionDesc desc_;
  GemmKernel scores_, values_;
  SoftmaxCodePtr softmax_;
  RowConverter probabilities_;
};

}  // namespace tegula::kernels
