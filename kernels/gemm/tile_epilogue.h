#pragma once
#include <cstdint>
#include <vector>

#include "kernels/gemm/epilogue.h"
#include "kernels/gemm/tile.h"

namespace tegula::kernels {

/// Moves the operands of an epilogue from one tile to the next. For the loops around microkernels.
class TileEpilogue {
 public:
  explicit TileEpilogue(const EpilogueDesc& desc) {
    for (const PostOpDesc& post_op : desc.post_ops)
      if (post_op.operand != OperandKind::kNone) kinds_.push_back(post_op.operand);
  }

  /// Strides and constants, once per call of a kernel.
  void begin(const EpilogueArgs& from, TileArgs& tile) const {
    tile.alpha = from.alpha;
    for (std::size_t i = 0; i < kinds_.size(); ++i)
      tile.operands[i].row_bytes =
          kinds_[i] == OperandKind::kTensor ? from.operands[i].row_stride * static_cast<int64_t>(sizeof(float)) : 0;
  }

  /// For the tile whose first element is (row, column) of C.
  void place(const EpilogueArgs& from, int64_t row, int64_t column, TileArgs& tile) const {
    if (from.bias != nullptr) tile.bias = from.bias + column;
    for (std::size_t i = 0; i < kinds_.size(); ++i) {
      const EpilogueOperand& operand = from.operands[i];
      switch (kinds_[i]) {
        case OperandKind::kTensor: tile.operands[i].data = operand.data + row * operand.row_stride + column; break;
        case OperandKind::kPerChannel: tile.operands[i].data = operand.data + column; break;
        default: tile.operands[i].data = operand.data;
      }
    }
  }

  /// The operands of the same rows from column `column` on.
  EpilogueArgs shifted(EpilogueArgs args, int64_t column) const {
    if (args.bias != nullptr) args.bias += column;
    for (std::size_t i = 0; i < kinds_.size(); ++i)
      if (kinds_[i] != OperandKind::kScalar) args.operands[i].data += column;
    return args;
  }

  /// Makes `args` the operands of the rows from `row` on.
  void skip_rows(int64_t row, EpilogueArgs& args) const {
    for (std::size_t i = 0; i < kinds_.size(); ++i)
      if (kinds_[i] == OperandKind::kTensor) args.operands[i].data += row * args.operands[i].row_stride;
  }

 private:
  std::vector<OperandKind> kinds_;
};

}  // namespace tegula::kernels
