#pragma once
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "compiler/ops/op_def.h"
#include "kernels/quantize/quantized_ends.h"

namespace tegula::schema {
struct QuantizedEndsT;
}

namespace tegula::compiler {

// Nodes that compute in fp32 between operands and results of other types: bf16, or u8 and s8 as table QuantizedEnds
// says. Attributes, of those that have such ends: to (the type of the result: u8, s8, bf16 or f32), src_scale,
// second_scale, third_scale (1), src_zero_point, second_zero_point, third_zero_point (0), dst_scale_inverse (1),
// dst_zero_point (0).

bool has_quantized_ends(const Node& node);
/// What stands behind operand 0, 1 or 2 of those that a node takes in other types than fp32.
kernels::QuantizedOperand quantized_operand(const Node& node, std::size_t which);
inline kernels::QuantizedOperand quantized_source(const Node& node) {
  return quantized_operand(node, 0);
}
kernels::QuantizedResult quantized_result(const Node& node);

/// Whether one of these operands is bf16, u8 or s8, or the node says its result's type: then infer_ends() applies.
bool has_ends(const InferContext& context, std::span<const std::size_t> operands = {});

/// The type of the result; refuses operands (by their numbers among the node's inputs, absent ones allowed) and
/// parameters that do not fit.
Result<DType> infer_ends(const InferContext& context, std::span<const std::size_t> operands = {});

/// The operands and results of evaluate() as fp32: those of other types are copies.
class RealEnds {
 public:
  /// `operands` as in infer_ends(); results that are bf16, u8 or s8 get a place of their own.
  RealEnds(const Node& node, std::span<const kernels::TensorView> inputs, std::span<const kernels::TensorView> outputs,
           std::span<const std::size_t> operands = {});

  std::span<const kernels::TensorView> inputs() const { return inputs_; }
  std::span<const kernels::TensorView> outputs() const { return outputs_; }
  /// Converts the results into their own types.
  void store() const;

 private:
  const Node& node_;
  std::vector<kernels::TensorView> inputs_, outputs_, results_;
  std::vector<std::vector<float>> copies_;
};

/// nullptr for a node that has none.
std::unique_ptr<schema::QuantizedEndsT> ends_table(const Node& node);

/// What evaluate() of products (conv, matmul) reads as fp32.
inline constexpr std::size_t kProductOperands[] = {0, 1};

/// Of products, OpDef::store: a result of bf16.
Status store_bf16(const Node& node, const kernels::TensorView& real, const kernels::TensorView& output);

/// The result of a product (conv, matmul) whose first two operands are both f32 or both bf16: attribute `to`, f32
/// without it, bf16 only where the first operand is. Refuses other types; the bias is f32. `real_weights`: the second
/// operand may be f32 beside bf16.
Result<DType> infer_real_product(const InferContext& context, bool real_weights = false);

}  // namespace tegula::compiler
