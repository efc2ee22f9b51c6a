#include "compiler/passes/fuse_post_ops.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "compiler/ops/op_def.h"
#include "compiler/passes/gemm_like.h"
#include "compiler/passes/relayout.h"
#include "compiler/passes/rewrite.h"
#include "kernels/post_ops/post_op.h"

namespace tegula::compiler {
namespace {

/// Longer chains would need more registers and operands than the kernels' loops can spare.
constexpr std::size_t kMaxPostOps = 8;

/// What the kernels read for the operand: nullopt when they cannot.
std::optional<kernels::OperandKind> kind_of(const Value* operand, const Shape& shape, int channel_axis) {
  if (operand->dtype != DType::kF32 || operand->rank() > static_cast<int>(shape.size())) return std::nullopt;
  const auto is_one = [](const Dim& dim) { return dim.is(1); };
  if (std::all_of(operand->shape.begin(), operand->shape.end(), is_one)) return kernels::OperandKind::kScalar;
  if (operand->shape == shape) return kernels::OperandKind::kTensor;
  const std::size_t offset = shape.size() - operand->shape.size();
  for (std::size_t d = 0; d < operand->shape.size(); ++d) {
    const bool is_channel = static_cast<int>(d + offset) == channel_axis;
    if (is_channel ? operand->shape[d] != shape[d + offset] : !operand->shape[d].is(1)) return std::nullopt;
  }
  return kernels::OperandKind::kPerChannel;
}

kernels::PostOpDesc describe(const PostOp& post_op, kernels::OperandKind kind) {
  return {.function = post_op.function,
          .alpha = post_op.alpha,
          .beta = post_op.beta,
          .operand = kind,
          .operand_first = post_op.operand_first};
}

/// The post-op that computes `node` from its operand `side`, when the producer of that can take it.
std::optional<PostOp> post_op_for(const Node& node, std::size_t side) {
  const FunctionInstruction& instruction = *single_function(node);
  const Value* x = node.input(side);
  const Node* gemm = x->producer;
  if (gemm == nullptr || !gemm->op->takes_post_ops || gemm->output() != x || gemm->post_ops.size() >= kMaxPostOps)
    return std::nullopt;
  if (!is_read_once(x) || x->dtype != DType::kF32 || node.output()->dtype != DType::kF32) return std::nullopt;
  if (node.output()->shape != x->shape) return std::nullopt;
  PostOp post_op{.function = instruction.function, .alpha = instruction.alpha, .beta = instruction.beta};
  kernels::OperandKind kind = kernels::OperandKind::kNone;
  if (arity_of(instruction.function) == 2) {
    post_op.operand = node.input(1 - side);
    post_op.operand_first = side == 1;
    const bool commutes = instruction.function == Function::k_add || instruction.function == Function::k_mul;
    if (commutes) post_op.operand_first = false;
    const std::optional<kernels::OperandKind> found = kind_of(post_op.operand, x->shape, output_channel_axis(*gemm));
    if (!found) return std::nullopt;
    kind = *found;
  } else if (arity_of(instruction.function) != 1) {
    return std::nullopt;
  }
  const kernels::PostOpDesc description = describe(post_op, kind);
  if (!kernels::check_post_ops(std::span(&description, 1)).ok()) return std::nullopt;
  return post_op;
}

Result<bool> fuse(Graph& graph, Node& node) {
  const FunctionInstruction* instruction = single_function(node);
  if (instruction == nullptr) return false;
  std::optional<PostOp> best;
  Node* gemm = nullptr;
  for (std::size_t side = 0; side < node.inputs.size(); ++side) {
    std::optional<PostOp> candidate = post_op_for(node, side);
    if (!candidate) continue;
    Node* producer = node.input(side)->producer;
    if (gemm != nullptr && graph.is_before(producer, gemm)) continue;
    best = candidate;
    gemm = producer;
  }
  if (gemm == nullptr) return false;
  const Value* operand = best->operand;
  if (operand != nullptr && operand->producer != nullptr && graph.is_before(gemm, operand->producer))
    graph.move_before(gemm, &node);
  graph.add_post_op(gemm, *best);
  absorb_node(graph, node, *gemm);
  return true;
}

}  // namespace

Result<bool> fuse_post_ops(Graph& graph) {
  return rewrite_nodes(graph, [&](Node& node) { return fuse(graph, node); });
}

}  // namespace tegula::compiler
