#include "compiler/passes/round_before_residual.h"

#include "compiler/passes/gemm_like.h"
#include "compiler/passes/quantization.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

/// The product of quantized operands whose result, perhaps after functions, is `value`; each read once.
Node* quantized_product(const Value* value) {
  while (is_read_once(value) && value->producer != nullptr && value->dtype == DType::kF32) {
    Node* const node = value->producer;
    if (is_op(node, "conv") || is_op(node, "matmul")) {
      const bool is_quantized = (as_dequantize(node->input(0)) || as_dynamic_dequantize(node->input(0))) &&
                                is_dequantized_constant(node->input(1));
      return is_quantized ? node : nullptr;
    }
    if (single_function(*node) == nullptr || node->inputs.size() != 1) return nullptr;
    value = node->input(0);
  }
  return nullptr;
}

struct Branch {
  std::size_t side = 0;
  Node* product = nullptr;
  Value* real = nullptr;  ///< before it is quantized
  Quantization quantization;
  DType dtype = DType::kU8;
};

std::optional<Branch> branch_of(const Node& add, std::size_t side) {
  const Value* const value = add.input(side);
  const auto down = as_dequantize(value);
  if (!down || !is_read_once(value) || !is_read_once(down->source) || value->shape != add.output()->shape)
    return std::nullopt;
  const auto up = as_quantize(down->source);
  if (!up || up->quantization != down->quantization) return std::nullopt;
  Node* const product = quantized_product(up->source);
  if (product == nullptr) return std::nullopt;
  return Branch{side, product, up->source, up->quantization, down->source->dtype};
}

Result<bool> rewrite(Graph& graph, Node& node) {
  if (!is_function(&node, Function::k_add) || node.input(0)->is_constant() || node.input(1)->is_constant())
    return false;
  std::optional<Branch> best;
  for (const std::size_t side : {0, 1}) {
    const auto branch = branch_of(node, side);
    if (branch && (!best || graph.is_before(best->product, branch->product))) best = branch;
  }
  if (!best) return false;
  const Quantization& quantization = best->quantization;
  const int32_t low = (best->dtype == DType::kS8 ? -128 : 0) - quantization.zero_point, high = low + 255;
  Node* const dequantize = node.input(best->side)->producer;
  Builder build(graph, dequantize->origins, dequantize);
  TEGULA_ASSIGN_OR_RETURN(Value * x, build.function(Function::k_affine, {best->real}, 1 / quantization.scale));
  TEGULA_ASSIGN_OR_RETURN(x, build.function(Function::k_round, {x}));
  TEGULA_ASSIGN_OR_RETURN(x, build.function(Function::k_clip, {x}, static_cast<float>(low), static_cast<float>(high)));
  TEGULA_ASSIGN_OR_RETURN(x, build.function(Function::k_affine, {x}, quantization.scale));
  replace_value(graph, dequantize->output(), x);
  return true;
}

}  // namespace

Result<bool> round_before_residual(Graph& graph) {
  return rewrite_nodes(graph, [&](Node& node) { return rewrite(graph, node); });
}

}  // namespace tegula::compiler
