#pragma once
#include <vector>

#include "kernels/gemm/pack.h"
#include "runtime/steps/narrow_rows.h"

namespace tegula::runtime {

/// Packed depthwise weights as fp32: where they lie, or of bf16 a copy that is made once when the step is bound.
class WidenedFilters {
 public:
  /// `weights`: a constant of f32 or bf16, PackedDepthwise of `channels` filters of `taps`. `to_real` is for bf16.
  WidenedFilters(const BoundTensor& weights, int64_t channels, int64_t taps, const kernels::RowConverter& to_real) {
    TEGULA_CHECK(weights.is_constant(), "the loader refuses packed values that are no constants");
    if (weights.dtype == DType::kF32) {
      in_file_ = reinterpret_cast<const float*>(weights.location.constant);
      return;
    }
    const int64_t elements = kernels::PackedDepthwise{channels, taps, 1}.bytes();
    rows_.resize(static_cast<std::size_t>(elements / kernels::kPanelColumns));
    to_real(weights.location.constant, reinterpret_cast<std::byte*>(rows_.data()), elements);
  }

  const float* data() const { return in_file_ != nullptr ? in_file_ : reinterpret_cast<const float*>(rows_.data()); }

 private:
  struct alignas(64) Row {
    float channels[kernels::kPanelColumns];
  };
  const float* in_file_ = nullptr;
  std::vector<Row> rows_;
};

}  // namespace tegula::runtime
