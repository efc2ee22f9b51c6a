#include "compiler/passes/fold_constants.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "compiler/ops/op_def.h"
#include "compiler/passes/gemm_like.h"
#include "compiler/passes/quantization.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

// Folding makes files larger; beyond this, only what has to be constant is folded, and that not without a limit either:
// a few bytes of a model must not ask for all memory.
constexpr int64_t kLargestGrowth = int64_t{16} << 20;
constexpr int64_t kLargestWeightGrowth = int64_t{1} << 30;
constexpr int64_t kTooMany = int64_t{1} << 48;

/// The bytes of the values together; kTooMany when that is exceeded, or a size is not known.
int64_t byte_count(const std::vector<Value*>& values) {
  int64_t bytes = 0;
  for (const Value* value : values) {
    if (value == nullptr) continue;
    const std::optional<std::vector<int64_t>> dims = constant_dims(value->shape);
    const std::optional<int64_t> count = dims ? checked_element_count(*dims) : std::nullopt;
    if (!count || *count >= kTooMany) return kTooMany;
    bytes += *count * static_cast<int64_t>(size_of(value->dtype));
    if (bytes >= kTooMany) return kTooMany;
  }
  return bytes;
}

/// Whether products or convolutions have the value as their weights, which have to be constant.
bool is_weight(const Value& value) {
  return std::any_of(value.users.begin(), value.users.end(),
                     [&](const Node* user) { return is_gemm_like(user) && user->input(1) == &value; });
}

/// Whether a value comes out of dequantize, perhaps through nodes that only place its elements.
bool comes_from_quantized(const Value* value) {
  constexpr int kDepth = 8;
  for (int depth = 0; depth < kDepth && value != nullptr && value->producer != nullptr; ++depth) {
    if (as_dequantize(value) || as_dynamic_dequantize(value)) return true;
    const Node& node = *value->producer;
    if (node.op == &eltwise_op) return false;
    value = node.input(0);
  }
  return false;
}

/// Whether the node dequantizes a constant for a product that may become an integer one: its weights or bias, perhaps
/// through transposes and reshapes.
bool keeps_quantized(const Value& value, int depth = 0) {
  constexpr int kDepth = 4;
  return depth < kDepth && std::any_of(
                               value.users.begin(), value.users.end(),
                               [&](const Node* user) {
                                 if (is_gemm_like(user))
                                   return user->input(0) != &value && comes_from_quantized(user->input(0));
                                 return (is_op(user, "transpose") || is_op(user, "reshape")) &&
                                        keeps_quantized(*user->output(), depth + 1);
                               });
}

bool is_small_enough(const Node& node) {
  const int64_t read = byte_count(node.inputs), written = byte_count(node.outputs);
  if (read == kTooMany || written == kTooMany) return false;
  if (node.output() != nullptr && is_weight(*node.output())) return written <= 16 * read + kLargestWeightGrowth;
  return written <= 2 * read + kLargestGrowth;
}

std::optional<std::vector<Literal>> evaluated(const Node& node) {
  if ((node.op->evaluate == nullptr && !node.op->is_view) || !node.post_ops.empty() || !is_small_enough(node))
    return std::nullopt;
  std::vector<const Literal*> inputs;
  for (const Value* value : node.inputs) {
    if (value != nullptr && !value->is_constant()) return std::nullopt;
    inputs.push_back(value == nullptr ? nullptr : &*value->literal);
  }
  Result<std::vector<Literal>> literals = evaluate(node, inputs);
  if (!literals.ok()) return std::nullopt;
  return *std::move(literals);
}

Result<bool> fold(Graph& graph, Node& node) {
  std::optional<std::vector<Literal>> literals = evaluated(node);
  if (!literals) return false;
  const std::vector<Value*> folded = node.outputs;
  for (std::size_t i = 0; i < folded.size(); ++i) {
    if (folded[i] == nullptr) continue;
    const bool last = std::all_of(folded.begin() + static_cast<std::ptrdiff_t>(i) + 1, folded.end(),
                                  [](const Value* value) { return value == nullptr; });
    Value* constant = graph.add_constant(folded[i]->name, std::move((*literals)[i]));
    if (last)
      replace_value(graph, folded[i], constant);  // the node goes with its last output
    else
      graph.replace_all_uses(folded[i], constant);
  }
  return true;
}

}  // namespace

Result<bool> fold_constants(Graph& graph) {
  return rewrite_nodes(graph, [&](Node& node) -> Result<bool> {
    if (is_dequantized_constant(node.output()) && keeps_quantized(*node.output())) return false;
    return fold(graph, node);
  });
}

Result<bool> fold_all_constants(Graph& graph) {
  return rewrite_nodes(graph, [&](Node& node) { return fold(graph, node); });
}

}  // namespace tegula::compiler
