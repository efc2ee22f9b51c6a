#pragma once
#include <vector>

#include "kernels/gemm/quantized_reference.h"
#include "tests/kernels/gemm/typed_post_ops_case.h"

namespace tegula::kernels::test {

using Ints = tegula::test::GuardedBuffer<int32_t>;
using Reals = tegula::test::GuardedBuffer<float>;

/// A random way from integer sums to a dst of `rows` x `columns`, for the tiles and for the reference. With `per_row`
/// zero points and scales of the source may belong to runs of `rows_per_value` rows.
class QuantizedEpilogueCase {
 public:
  QuantizedEpilogueCase(Random& random, int64_t rows, int64_t columns, bool per_row, bool weight_zero_points,
                        int64_t rows_per_value = 1)
      : rows_per_value_(rows_per_value),
        bias_(fitting(columns)),
        folded_bias_(fitting(columns)),
        multipliers_(fitting(columns)),
        one_multiplier_(1),
        weight_zero_points_(fitting(columns)),
        weight_sums_(fitting(columns)),
        src_zero_points_(fitting(rows / rows_per_value)),
        src_scales_(fitting(rows / rows_per_value)),
        one_zero_point_(1),
        one_scale_(1),
        post_ops_(rows, columns) {
    const DType dsts[] = {DType::kU8, DType::kS8, DType::kF32, DType::kBF16, DType::kS32};
    types_ = {DType::kU8, DType::kS8, dsts[pick(random, 0, 4)]};
    const auto dynamic = [&] {
      return static_cast<DynamicValue>(one_in(random, 2) ? 0 : pick(random, 1, per_row ? 2 : 1));
    };
    static_zero_point_ = static_cast<int32_t>(one_in(random, 3) ? 0 : pick(random, 0, 255));
    desc_.bias = static_zero_point_ != 0 || one_in(random, 2);
    desc_.quantized.multiplier_per_channel = one_in(random, 2);
    desc_.quantized.weight_zero_points = weight_zero_points && one_in(random, 3);
    desc_.quantized.src_zero_point = dynamic();
    if (types_.dst != DType::kS32) desc_.quantized.src_scale = dynamic();
    std::uniform_real_distribution<float> unit(0.5f, 1.5f);
    for (std::size_t i = 0; i < bias_.size(); ++i) {
      bias_[i] = desc_.bias ? static_cast<int32_t>(pick(random, -50000, 50000)) : 0;
      multipliers_[i] = unit(random) * 1e-3f;
      weight_zero_points_[i] = desc_.quantized.weight_zero_points ? static_cast<int32_t>(pick(random, -128, 127)) : 0;
    }
    one_multiplier_[0] = 0.002f;
    for (std::size_t i = 0; i < src_scales_.size(); ++i) {
      src_zero_points_[i] = static_cast<int32_t>(pick(random, 0, 255));
      src_scales_[i] = unit(random);
    }
    for (int64_t row = 0; row < rows; ++row) {
      row_zero_points_.push_back(src_zero_points_[fitting(row / rows_per_value)]);
      row_scales_.push_back(src_scales_[fitting(row / rows_per_value)]);
    }
    one_zero_point_[0] = static_cast<int32_t>(pick(random, 0, 255));
    one_scale_[0] = unit(random);
    if (types_.dst == DType::kU8 || types_.dst == DType::kS8) {
      desc_.quantized.dst_scale = one_in(random, 2);
      if (desc_.quantized.dst_scale) dst_scale_inverse_ = unit(random) * (one_in(random, 8) ? 1e30f : 20.0f);
      dst_zero_point_ = static_cast<int32_t>(types_.dst == DType::kU8 ? pick(random, 0, 255) : pick(random, -128, 127));
    }
    if (types_.dst != DType::kS32)
      for (int64_t i = pick(random, 0, 2); i > 0; --i) post_ops_.add(random, desc_);
  }

  const TileTypes& types() const { return types_; }
  const EpilogueDesc& desc() const { return desc_; }
  int32_t src_zero_point() const { return dynamic_zero_point() ? one_zero_point_data() : static_zero_point_; }

  /// Zero points of the runs of rows; nullptr: there is one for all.
  const int32_t* src_zero_points() {
    return desc_.quantized.src_zero_point == DynamicValue::kPerRow ? src_zero_points_.data() : nullptr;
  }

  /// Sums of the weights are known: folds a static zero point into the bias.
  void set_weight_sums(const std::vector<int32_t>& sums, int64_t depth) {
    for (std::size_t i = 0; i < sums.size(); ++i) {
      weight_sums_[i] = sums[i];
      folded_bias_[i] = bias_[i];
      if (!dynamic_zero_point())
        folded_bias_[i] -= static_zero_point_ * (sums[i] - static_cast<int32_t>(depth) * weight_zero_points_[i]);
    }
  }

  EpilogueArgs args() {
    EpilogueArgs args;
    QuantizedSumArgs& q = args.quantized;
    const QuantizedSumDesc& desc = desc_.quantized;
    if (desc_.bias) q.bias = folded_bias_.data();
    q.multipliers = desc.multiplier_per_channel ? multipliers_.data() : one_multiplier_.data();
    if (desc.weight_zero_points) q.weight_zero_points = weight_zero_points_.data();
    if (desc.src_zero_point != DynamicValue::kStatic) q.weight_sums = weight_sums_.data();
    if (desc.src_zero_point == DynamicValue::kPerTensor) q.src_zero_points = one_zero_point_.data();
    if (desc.src_zero_point == DynamicValue::kPerRow) q.src_zero_points = src_zero_points_.data();
    if (desc.src_scale == DynamicValue::kPerTensor) q.src_scales = one_scale_.data();
    if (desc.src_scale == DynamicValue::kPerRow) q.src_scales = src_scales_.data();
    q.dst_scale_inverse = dst_scale_inverse_;
    q.dst_zero_point = dst_zero_point_;
    q.rows_per_src_value = rows_per_value_;
    post_ops_.place(args);
    return args;
  }

  /// All but a, b and dst.
  QuantizedMatMul product() {
    QuantizedMatMul p;
    const QuantizedSumDesc& desc = desc_.quantized;
    const EpilogueArgs own = args();
    if (desc_.bias) p.bias = bias_.data();
    p.src_zero_points = dynamic_zero_point() ? own.quantized.src_zero_points : &static_zero_point_;
    p.zero_point_per_row = desc.src_zero_point == DynamicValue::kPerRow;
    if (p.zero_point_per_row) p.src_zero_points = row_zero_points_.data();
    p.weight_zero_points = weight_zero_points_.data();
    p.multipliers = own.quantized.multipliers;
    p.multiplier_per_channel = desc.multiplier_per_channel;
    p.src_scales = own.quantized.src_scales;
    p.scale_per_row = desc.src_scale == DynamicValue::kPerRow;
    if (p.scale_per_row) p.src_scales = row_scales_.data();
    p.post_ops = desc_.post_ops;
    p.dst_scale_inverse = dst_scale_inverse_;
    p.dst_zero_point = dst_zero_point_;
    return p;
  }

  /// As dst [rows, columns] wants them.
  std::vector<PostOpTensor> operands() const { return post_ops_.operands(); }

 private:
  static std::size_t fitting(int64_t count) { return static_cast<std::size_t>(count); }
  bool dynamic_zero_point() const { return desc_.quantized.src_zero_point != DynamicValue::kStatic; }
  int32_t one_zero_point_data() const { return const_cast<Ints&>(one_zero_point_)[0]; }

  int64_t rows_per_value_;
  TileTypes types_;
  EpilogueDesc desc_;
  int32_t static_zero_point_ = 0;
  Ints bias_, folded_bias_;
  Reals multipliers_, one_multiplier_;
  Ints weight_zero_points_, weight_sums_, src_zero_points_;
  Reals src_scales_;
  std::vector<int32_t> row_zero_points_;  // as the reference reads them
  std::vector<float> row_scales_;
  Ints one_zero_point_;
  Reals one_scale_;
  float dst_scale_inverse_ = 1.0f;
  int32_t dst_zero_point_ = 0;
  TypedPostOpsCase post_ops_;
};

}  // namespace tegula::kernels::test
