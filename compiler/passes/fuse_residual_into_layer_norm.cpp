#include "compiler/passes/fuse_residual_into_layer_norm.h"

#include "compiler/ops/op_def.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

constexpr std::size_t kResidual = 3;

Result<bool> fuse(Graph& graph, Node& node) {
  if (!is_op(&node, "layer_norm") || node.input(kResidual) != nullptr) return false;
  Value* sum = node.input(0);
  Node* add = sum->producer;
  if (!is_function(add, Function::k_add) || !is_read_once(sum)) return false;
  Value* x = add->input(0);
  Value* residual = add->input(1);
  if (x->shape != sum->shape || residual->shape != sum->shape || residual->dtype != sum->dtype) return false;
  graph.set_input(&node, 0, x);
  graph.set_input(&node, kResidual, residual);
  add_origins(node.origins, add->origins);
  erase_unread(graph, add);
  return true;
}

}  // namespace

Result<bool> fuse_residual_into_layer_norm(Graph& graph) {
  return rewrite_nodes(graph, [&](Node& node) { return fuse(graph, node); });
}

}  // namespace tegula::compiler
