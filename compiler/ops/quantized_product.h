#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "compiler/ops/op_def.h"
#include "kernels/tensor_view.h"

namespace tegula::schema {
struct RequantizeT;
}

namespace tegula::compiler {

class LowerContext;

// What quantized_conv and quantized_matmul share: table Requantize of schema/program.fbs as a node.
//
//   acc = sum(q_x * q_w) + bias[c] - z_w[c] * sum(q_x)                      z_x is in the bias where it is static;
//   acc = acc - z_x * sum(q_w) + K * z_x * z_w[c]                           where it is an operand
//   f   = post_ops(float(acc) * (multipliers[c] * s_x))                     s_x: 1 where it is in the multipliers
//   dst = saturate(round(f * dst_scale_inverse) + dst_zero_point), or f, or (s32, without multipliers) acc
//
// Attributes: to (the type of dst: u8, s8, bf16, f32, s32), src_zero_point (0), dst_scale_inverse (1), dst_zero_point
// (0).

/// Operands of the node. All but the first two may be absent.
enum QuantizedOperandIndex : std::size_t {
  kQuantizedSource = 0,       ///< u8
  kQuantizedWeights = 1,      ///< s8; of quantized_matmul also an activation of u8
  kQuantizedBias = 2,         ///< s32, one per output channel
  kQuantizedMultipliers = 3,  ///< f32, one, or one per output channel
  kWeightZeroPoints = 4,      ///< s32, one per output channel
  kSourceZeroPoint = 5,       ///< s32: dynamic; [], or by row or image as infer_quantized_product says
  kSourceScale = 6,           ///< f32: likewise
  kQuantizedOperands = 7,
};

/// Checks what does not depend on the form of the product, for `channels` output channels and a right operand of type
/// `right`; gives the type of dst.
/// `parts`: the shape that dynamic zero points and scales have where they are not one for all of the source.
Result<DType> infer_quantized_product(InferContext& context, const Dim& channels, const Shape& parts,
                                      DType right = DType::kS8);
/// That shape, of scale and zero point of a source: [..., 1] of matrix products (a row each), [n, 1, ...] of
/// convolutions (an image each).
Shape source_rows(const Shape& source);
Shape source_images(const Shape& source);

/// The sum of one output element: products and sums of sources over all K elements, modulo 2^32.
struct ProductSums {
  uint32_t products = 0, sources = 0, weights = 0, count = 0;
};

/// From sums to dst in plain loops: evaluate() writes acc (s32) or float(acc) * multiplier (f32), and
/// store_quantized() does the rest after the post-ops.
class ProductEpilogue {
 public:
  ProductEpilogue(const Node& node, std::span<const kernels::TensorView> inputs);
  /// Writes element `offset` of dst, s32 or f32. `part`: the row or image of the source.
  void write(const ProductSums& sums, int64_t part, int64_t channel, const kernels::TensorView& dst,
             int64_t offset) const;

 private:
  int32_t at(std::size_t operand, int64_t index) const;
  std::span<const kernels::TensorView> inputs_;
};

Status store_quantized(const Node& node, const kernels::TensorView& real, const kernels::TensorView& dst);

/// The table, with the sums of the weights where kernels need them: `weight_sums` are then added as a constant.
std::unique_ptr<schema::RequantizeT> lower_requantize(LowerContext& context, const Node& node,
                                                      const std::vector<int32_t>& weight_sums);

}  // namespace tegula::compiler
