#pragma once
#include <vector>

#include "kernels/gemm/pack.h"
#include "runtime/steps/narrow_rows.h"

namespace tegula::runtime {

/// Packed depthwise weights of bf16 as fp32, made once when the step is bound.
class WidenedFilters {
 public:
  /// `weights`: a constant, PackedDepthwise of `channels` filters of `taps`.
  WidenedFilters(const BoundTensor& weights, int64_t channels, int64_t taps, const kernels::RowConverter& to_real) {
    TEGULA_CHECK(weights.is_constant(), "the loader refuses packed values that are no constants");
    const int64_t elements = kernels::PackedDepthwise{channels, taps, 1}.bytes();
    rows_.resize(static_cast<std::size_t>(elements / kernels::kPanelColumns));
    to_real(weights.location.constant, reinterpret_cast<std::byte*>(rows_.data()), elements);
  }

  const float* data() const { return reinterpret_cast<const float*>(rows_.data()); }

 private:
  struct alignas(64) Row {
    float channels[kernels::kPanelColumns];
  };
  std::vector<Row> rows_;
};

}  // namespace tegula::runtime
