#include <algorithm>
#include <utility>
#include <vector>

#include "compiler/passes/rewrite.h"
#include "compiler/passes/transpose_rules.h"

namespace tegula::compiler {
namespace {

/// How an operand can be had in the order that the others have before their transposes.
struct Operand {
  int added = 0;    ///< transposes that this takes
  int removed = 0;  ///< transposes that nobody needs any more then
};

bool all_ones(const Shape& shape) {
  return std::all_of(shape.begin(), shape.end(), [](const Dim& dim) { return dim.is(1); });
}

Operand cost_of(const Node& node, const Value* value, const Permutation& perm) {
  if (all_ones(value->shape) || value->is_constant()) return {};
  if (const std::optional<TransposedValue> x = as_transpose(value)) {
    const int removed = only_user(value) == &node ? 1 : 0;
    return {x->perm == perm ? 0 : 1, removed};
  }
  Shape shape = value->shape;
  shape.insert(shape.begin(), perm.size() - shape.size(), Dim(1));
  if (is_reshape(inverse(perm), shape)) return {};
  // Already there in that order, for another reader.
  for (const Node* user : value->users)
    if (is_op(user, "transpose") && user->attributes.ints("perm") == inverse(perm)) return {};
  return {1, 0};
}

/// Whether every reader takes the value in the order `perm`, perhaps after elementwise functions.
bool is_wanted_as(const Value* value, const Permutation& perm, int depth) {
  if (value->is_output || value->users.empty() || depth == 0) return false;
  return std::all_of(value->users.begin(), value->users.end(), [&](const Node* user) {
    if (is_op(user, "transpose")) return user->attributes.ints("perm") == perm;
    return is_op(user, "eltwise") && user->output()->shape == value->shape &&
           is_wanted_as(user->output(), perm, depth - 1);
  });
}

constexpr int kLookDown = 8;

/// Whether computing the node in the order before `perm` leaves fewer transposes, or as many but further down.
bool pays(const Node& node, const Permutation& perm) {
  Operand sum;
  std::vector<const Value*> seen;
  for (const Value* value : node.inputs) {
    if (std::find(seen.begin(), seen.end(), value) != seen.end()) continue;
    seen.push_back(value);
    const Operand operand = cost_of(node, value, perm);
    sum.added += operand.added;
    sum.removed += operand.removed;
  }
  if (sum.added == 0) return true;
  const bool cancels = is_wanted_as(node.output(), inverse(perm), kLookDown);
  return cancels ? sum.added < sum.removed + 1 : sum.added + 1 < sum.removed;
}

/// The perms of transposed operands that have all dimensions of the result, each once.
std::vector<Permutation> candidates(const Node& node) {
  std::vector<Permutation> perms;
  const int rank = node.output()->rank();
  for (const Value* value : node.inputs) {
    const std::optional<TransposedValue> x = as_transpose(value);
    if (!x || value->rank() != rank) continue;
    if (is_op(&node, "eltwise") && value->shape != node.output()->shape) continue;
    if (std::find(perms.begin(), perms.end(), x->perm) == perms.end()) perms.push_back(x->perm);
  }
  return perms;
}

Result<std::vector<Value*>> operands_before(Builder& build, const Node& node, const Permutation& perm) {
  std::vector<Value*> inputs;
  for (Value* value : node.inputs) {
    if (!all_ones(value->shape)) {
      TEGULA_ASSIGN_OR_RETURN(Value * ranked, with_rank(build, value, static_cast<int>(perm.size())));
      TEGULA_ASSIGN_OR_RETURN(value, make_transpose(build, ranked, inverse(perm)));
    }
    inputs.push_back(value);
  }
  return inputs;
}

}  // namespace

Result<Sunk> sink_through_eltwise(Builder& build, Node& node) {
  for (const Permutation& perm : candidates(node)) {
    if (!pays(node, perm)) continue;
    TEGULA_ASSIGN_OR_RETURN(std::vector<Value*> inputs, operands_before(build, node, perm));
    TEGULA_ASSIGN_OR_RETURN(Value * value, build.add("eltwise", std::move(inputs), node.attributes));
    return Sunk(TransposedValue{value, perm});
  }
  return Sunk();
}

Result<Sunk> sink_through_concat(Builder& build, Node& node) {
  for (const Permutation& perm : candidates(node)) {
    if (!pays(node, perm)) continue;
    std::vector<Value*> inputs;
    for (Value* value : node.inputs) {
      TEGULA_ASSIGN_OR_RETURN(Value * before, make_transpose(build, value, inverse(perm)));
      inputs.push_back(before);
    }
    const int64_t axis = positive_axis(node.attributes.integer("axis"), node.output()->rank());
    TEGULA_ASSIGN_OR_RETURN(Value * value,
                            build.add("concat", std::move(inputs), {{"axis", perm[static_cast<std::size_t>(axis)]}}));
    return Sunk(TransposedValue{value, perm});
  }
  return Sunk();
}

}  // namespace tegula::compiler
