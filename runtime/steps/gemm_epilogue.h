#pragma once
#include <optional>
#include <vector>

#include "kernels/gemm/epilogue.h"
#include "kernels/gemm/tile_set.h"
#include "runtime/steps/quantized_operands.h"
#include "runtime/steps/step.h"

namespace tegula::runtime {

/// What a gemm-like step does with its sums, with its operands bound: rows of dst along its last dimension.
class StepEpilogue {
 public:
  /// From the step's post-ops, its bias ([channels], or absent) and its alpha. kInvalidFile when operands do not fit
  /// dst or their rows are not contiguous; kUnsupported when no fp32 kernel has such an epilogue.
  static Result<StepEpilogue> read(const BindContext& context, const BoundTensor& bias, float alpha,
                                   const BoundTensor& dst);
  /// Of a product of these types, whose bias is the step's third input, and whose post-ops may read f32, bf16, u8 and
  /// s8. `table` is the step's where the sums are integers, else nullptr; `weight_scales` are those of s8 weights
  /// beside a real source, else absent. `images`: the outermost dimension of a convolution, whose dynamic scales and
  /// zero points belong to it; those of other products belong to rows.
  static Result<StepEpilogue> read_typed(const BindContext& context, const kernels::TileTypes& types, float alpha,
                                         const schema::Requantize* table, const BoundTensor& dst,
                                         const BoundTensor& weight_scales = {},
                                         std::optional<int64_t> images = std::nullopt);

  /// Of a product of two activations, u8 by u8: the static zero point of the left one and `right` of the right one are
  /// taken off the sums. kInvalidFile beside other zero points, which are for weights.
  Status take_zero_points(const BindContext& context, int32_t right);

  const kernels::EpilogueDesc& desc() const { return desc_; }
  float alpha() const { return alpha_; }

  /// Addresses of one run, for kernels that see dst as evenly spaced rows.
  kernels::EpilogueArgs args(const RunContext& context) const;

  /// The operands of the post-ops that have one, in order.
  const std::vector<BoundTensor>& operands() const { return operands_; }
  const BoundTensor& bias() const { return bias_; }
  /// Present where the sums are integers.
  const std::optional<QuantizedOperands>& quantized() const { return quantized_; }

 private:
  static Result<StepEpilogue> read_real(const BindContext& context, const BoundTensor& bias, float alpha,
                                        const BoundTensor& dst);
  Status read_post_ops(const BindContext& context, const BoundTensor& dst);

  kernels::EpilogueDesc desc_;
  float alpha_ = 1;
  BoundTensor bias_, weight_scales_;
  std::vector<BoundTensor> operands_;
  std::vector<kernels::EpilogueOperand> places_;  // without addresses
  std::optional<QuantizedOperands> quantized_;
  int64_t rows_per_src_value_ = 1;
};

/// Types of a step's product. kInvalidFile: integers without `table`, or the reverse; weights of s8 beside a real
/// source without `weight_scales`, or the reverse. kUnsupported: types that nobody multiplies.
Result<kernels::TileTypes> product_types(const BindContext& context, const BoundTensor& src, const BoundTensor& weights,
                                         const BoundTensor& dst, const schema::Requantize* table,
                                         const BoundTensor& weight_scales = {});

/// The tiles of an epilogue for the features at hand, from the program's cache. `depth`: K of products with weights,
/// which is the same for all shapes that are bound.
Result<kernels::TileSetPtr> tiles_for(const BindContext& context, const kernels::EpilogueDesc& epilogue,
                                      const kernels::TileTypes& types = {}, const kernels::TileDepth* depth = nullptr);

/// Which tiles those are. kUnsupported as check_epilogue.
Result<kernels::TileIsa> tile_isa_for(const BindContext& context, const kernels::EpilogueDesc& epilogue);

}  // namespace tegula::runtime
