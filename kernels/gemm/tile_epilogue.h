#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/gemm/epilogue.h"
#include "kernels/gemm/tile.h"

namespace tegula::kernels {

/// Zero points and scales of the source by row of one tile, where several rows share one.
class SharedSourceValues {
 public:
  /// Those of `count` rows from `row` on, of what `desc` has by row.
  void place(const QuantizedSumDesc& desc, const QuantizedSumArgs& from, int64_t row, int count) {
    const int64_t first = row / from.rows_per_src_value, last = (row + count - 1) / from.rows_per_src_value;
    if (first == only_ && last == only_ && count <= filled_) return;
    for (int i = 0; i < count; ++i) {
      const int64_t value = (row + i) / from.rows_per_src_value;
      if (desc.src_zero_point == DynamicValue::kPerRow) zero_points_[i] = from.src_zero_points[value];
      if (desc.src_scale == DynamicValue::kPerRow) scales_[i] = from.src_scales[value];
    }
    only_ = first == last ? first : -1;
    filled_ = count;
  }

  const int32_t* zero_points() const { return zero_points_; }
  const float* scales() const { return scales_; }

 private:
  int64_t only_ = -1;  // the value that all of the rows below have
  int filled_ = 0;     // rows
  int32_t zero_points_[kMostTileRows];
  float scales_[kMostTileRows];
};

/// Moves the operands of an epilogue from one tile to the next. For the loops around microkernels.
class TileEpilogue {
 public:
  explicit TileEpilogue(const EpilogueDesc& desc) : quantized_(desc.quantized), weight_scale_(desc.weight_scale) {
    for (const PostOpDesc& post_op : desc.post_ops)
      if (post_op.operand != OperandKind::kNone)
        operands_.push_back({post_op.operand, static_cast<int64_t>(size_of(post_op.operand_dtype))});
  }

  /// Strides and constants, once per call of a kernel. `depth`: K in all.
  void begin(const EpilogueArgs& from, int64_t depth, TileArgs& tile) const {
    tile.alpha = from.alpha;
    for (std::size_t i = 0; i < operands_.size(); ++i) {
      const EpilogueOperand& operand = from.operands[i];
      TileOperand& to = tile.operands[i];
      to.row_bytes = operands_[i].kind == OperandKind::kTensor ? operand.row_stride * operands_[i].bytes : 0;
      std::fill_n(to.scale, std::size(to.scale), operand.scale);
      std::fill_n(to.zero_point, std::size(to.zero_point), operand.zero_point);
    }
    tile.multipliers = weight_scale_ == WeightScale::kNone ? from.quantized.multipliers : from.weight_scales;
    tile.src_zero_points = from.quantized.src_zero_points;
    tile.src_scales = from.quantized.src_scales;
    tile.dst_scale_inverse = from.quantized.dst_scale_inverse;
    tile.dst_zero_point = static_cast<float>(from.quantized.dst_zero_point);
    tile.depth = static_cast<int32_t>(depth);
  }

  /// For the tile of `rows` rows whose first element is (row, column) of C. `shared` lives as long as the tile.
  void place(const EpilogueArgs& from, int64_t row, int rows, int64_t column, SharedSourceValues& shared,
             TileArgs& tile) const {
    if (from.bias != nullptr) tile.bias = from.bias + column;
    for (std::size_t i = 0; i < operands_.size(); ++i) {
      const EpilogueOperand& operand = from.operands[i];
      int64_t element = 0;
      if (operands_[i].kind == OperandKind::kTensor) element = row * operand.row_stride + column;
      if (operands_[i].kind == OperandKind::kPerChannel) element = column;
      tile.operands[i].data = at(operand.data, element * operands_[i].bytes);
    }
    if (weight_scale_ == WeightScale::kPerChannel) tile.multipliers = from.weight_scales + column;
    const QuantizedSumArgs& quantized = from.quantized;
    if (quantized.multipliers == nullptr && quantized.bias == nullptr && quantized.weight_sums == nullptr &&
        quantized.weight_zero_points == nullptr)
      return;
    if (quantized.bias != nullptr) tile.bias = quantized.bias + column;
    if (quantized_.multiplier_per_channel) tile.multipliers = quantized.multipliers + column;
    if (quantized_.weight_zero_points) tile.weight_zero_points = quantized.weight_zero_points + column;
    if (quantized_.src_zero_point != DynamicValue::kStatic) tile.weight_sums = quantized.weight_sums + column;
    const bool zero_points = quantized_.src_zero_point == DynamicValue::kPerRow;
    const bool scales = quantized_.src_scale == DynamicValue::kPerRow;
    if (quantized.rows_per_src_value > 1) {
      if (zero_points || scales) shared.place(quantized_, quantized, row, rows);
      if (zero_points) tile.src_zero_points = shared.zero_points();
      if (scales) tile.src_scales = shared.scales();
      return;
    }
    if (zero_points) tile.src_zero_points = quantized.src_zero_points + row;
    if (scales) tile.src_scales = quantized.src_scales + row;
  }

  /// The operands of the same rows from column `column` on.
  EpilogueArgs shifted(EpilogueArgs args, int64_t column) const {
    const auto shift = [&](auto& pointer) {
      if (pointer != nullptr) pointer += column;
    };
    shift(args.bias);
    if (weight_scale_ == WeightScale::kPerChannel) shift(args.weight_scales);
    for (std::size_t i = 0; i < operands_.size(); ++i)
      if (operands_[i].kind != OperandKind::kScalar)
        args.operands[i].data = at(args.operands[i].data, column * operands_[i].bytes);
    shift(args.quantized.bias);
    if (quantized_.multiplier_per_channel) shift(args.quantized.multipliers);
    shift(args.quantized.weight_zero_points);
    shift(args.quantized.weight_sums);
    return args;
  }

  /// Makes `args` the operands of the rows from `row` on.
  void skip_rows(int64_t row, EpilogueArgs& args) const {
    for (std::size_t i = 0; i < operands_.size(); ++i)
      if (operands_[i].kind == OperandKind::kTensor)
        args.operands[i].data = at(args.operands[i].data, row * args.operands[i].row_stride * operands_[i].bytes);
    skip_rows_of_source(row, args);
  }

  /// The same for what the source's rows have, and nothing else. No two of them share a value.
  void skip_rows_of_source(int64_t row, EpilogueArgs& args) const {
    if (quantized_.src_zero_point == DynamicValue::kPerRow) args.quantized.src_zero_points += row;
    if (quantized_.src_scale == DynamicValue::kPerRow) args.quantized.src_scales += row;
  }

  /// The operand of one post-op moved by so many of its elements.
  void move_operand(std::size_t index, int64_t elements, EpilogueArgs& args) const {
    args.operands[index].data = at(args.operands[index].data, elements * operands_[index].bytes);
  }

 private:
  struct Operand {
    OperandKind kind;
    int64_t bytes;
  };

  static const void* at(const void* data, int64_t bytes) { return static_cast<const std::byte*>(data) + bytes; }

  std::vector<Operand> operands_;
  QuantizedSumDesc quantized_;
  WeightScale weight_scale_;
};

}  // namespace tegula::kernels
