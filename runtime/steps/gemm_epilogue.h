#pragma once
#include <vector>

#include "kernels/gemm/epilogue.h"
#include "kernels/gemm/tile_set.h"
#include "runtime/steps/step.h"

namespace tegula::runtime {

/// What a gemm-like step does with its sums, with its operands bound: rows of dst along its last dimension.
class StepEpilogue {
 public:
  /// From the step's post-ops, its bias ([channels], or absent) and its alpha. kInvalidFile when operands do not fit
  /// dst or their rows are not contiguous; kUnsupported when no fp32 kernel has such an epilogue.
  static Result<StepEpilogue> read(const BindContext& context, const BoundTensor& bias, float alpha,
                                   const BoundTensor& dst);

  const kernels::EpilogueDesc& desc() const { return desc_; }
  float alpha() const { return alpha_; }

  /// Addresses of one run, for kernels that see dst as evenly spaced rows.
  kernels::EpilogueArgs args(const RunContext& context) const;

  /// The operands of the post-ops that have one, in order.
  const std::vector<BoundTensor>& operands() const { return operands_; }
  const BoundTensor& bias() const { return bias_; }

 private:
  kernels::EpilogueDesc desc_;
  float alpha_ = 1;
  BoundTensor bias_;
  std::vector<BoundTensor> operands_;
  std::vector<int64_t> row_strides_;
};

/// The tiles of an epilogue for the features at hand, from the program's cache.
Result<kernels::TileSetPtr> tiles_for(const BindContext& context, const kernels::EpilogueDesc& epilogue);

/// Which tiles those are. kUnsupported as check_epilogue.
Result<kernels::TileIsa> tile_isa_for(const BindContext& context, const kernels::EpilogueDesc& epilogue);

}  // namespace tegula::runtime
