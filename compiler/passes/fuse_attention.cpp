#include "compiler/passes/fuse_attention.h"

#include <numeric>
#include <utility>
#include <vector>

#include "compiler/ops/op_def.h"
#include "compiler/passes/match.h"
#include "compiler/passes/quantization.h"
#include "compiler/passes/relayout.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

/// An operand of a product before its scales and transposes: operand = factor * transpose(source, perm), or, of a
/// quantized one, factor * transpose(dequantize(source), perm).
struct Peeled {
  Value* source = nullptr;
  Permutation perm;
  double factor = 1;
  std::optional<Quantization> quantization = {};
};

/// The number that the node multiplies its operand 0 by, when the shape stays.
std::optional<double> factor_of(const Node* node) {
  if (!is_function(node, Function::k_mul) && !is_function(node, Function::k_div)) return std::nullopt;
  if (node->input(0)->shape != node->output()->shape) return std::nullopt;
  const std::optional<double> number = splat(node->input(1));
  if (!number || *number == 0) return std::nullopt;
  return is_function(node, Function::k_mul) ? *number : 1 / *number;
}

Permutation identity(int rank) {
  Permutation perm(static_cast<std::size_t>(rank));
  std::iota(perm.begin(), perm.end(), int64_t{0});
  return perm;
}

Permutation swap_last_two(int rank) {
  Permutation perm = identity(rank);
  std::swap(perm[perm.size() - 2], perm[perm.size() - 1]);
  return perm;
}

/// `swapped`: the last two dimensions of the value change places in the product.
Peeled peel(Value* value, bool swapped) {
  Peeled result{value, swapped ? swap_last_two(value->rank()) : identity(value->rank())};
  for (;;) {
    if (const std::optional<TransposedValue> x = as_transpose(result.source)) {
      result.perm = compose(x->perm, result.perm);
      result.source = x->source;
    } else if (const std::optional<double> factor = factor_of(result.source->producer)) {
      result.factor *= *factor;
      result.source = result.source->producer->input(0);
    } else {
      return result;
    }
  }
}

/// The same on the other side of a dequantize, where there is one.
void peel_quantized(Peeled& operand) {
  const auto link = as_dequantize(operand.source);
  if (!link || link->source->dtype != DType::kU8) return;
  operand.quantization = link->quantization;
  const Peeled inner = peel(link->source, false);
  operand.perm = compose(inner.perm, operand.perm);
  operand.source = inner.source;
}

bool is_plain_product(const Node* node) {
  return is_op(node, "matmul") && node->post_ops.empty() && node->input(2) == nullptr;
}

/// The nodes softmax(q k) v, with q [..., seq, dim], k [..., seq_kv, dim], v [..., seq_kv, dim] after their transposes.
struct Found {
  Node* scores = nullptr;
  Node* softmax = nullptr;
  Node* product = nullptr;
  Peeled q, k, v;
  double scale = 1;
  std::optional<Quantization> probabilities = {};  ///< as the model quantizes them; then it quantizes q, k and v, too
};

/// The value that the second product reads before quantize and dequantize, when nothing else reads any of them.
Value* probabilities_of(Value* read, std::optional<Quantization>& quantization) {
  const auto down = as_dequantize(read);
  const auto up = down ? as_quantize(down->source) : std::nullopt;
  if (!up || up->quantization != down->quantization || down->source->dtype != DType::kU8) return read;
  if (!is_read_once(read) || !is_read_once(down->source)) return read;
  quantization = up->quantization;
  return up->source;
}

std::optional<Found> find(Node& node) {
  if (!is_plain_product(&node) || node.attributes.flag("transpose_a")) return std::nullopt;
  Found found;
  found.product = &node;
  const Value* const probabilities = probabilities_of(node.input(0), found.probabilities);
  found.softmax = probabilities->producer;
  if (!is_op(found.softmax, "softmax") || !is_read_once(probabilities) || found.softmax->attributes.flag("log"))
    return std::nullopt;
  const int rank = probabilities->rank();
  if (positive_axis(found.softmax->attributes.integer("axis", -1), rank) != rank - 1) return std::nullopt;
  found.scores = found.softmax->input(0)->producer;
  if (!is_plain_product(found.scores) || !is_read_once(found.softmax->input(0))) return std::nullopt;
  for (const Value* value : {found.scores->input(0), found.scores->input(1), node.input(1)})
    if (value->rank() != rank || value->dtype != DType::kF32 || value->is_constant()) return std::nullopt;

  found.q = peel(found.scores->input(0), found.scores->attributes.flag("transpose_a"));
  found.k = peel(found.scores->input(1), !found.scores->attributes.flag("transpose_b"));
  found.v = peel(node.input(1), node.attributes.flag("transpose_b"));
  if (found.v.factor != 1) return std::nullopt;  // no place for it in the operation
  if (found.probabilities) {
    for (Peeled* operand : {&found.q, &found.k, &found.v}) {
      peel_quantized(*operand);
      if (!operand->quantization || operand->source->is_constant()) return std::nullopt;
    }
  }
  found.scale = found.q.factor * found.k.factor * found.scores->attributes.number("alpha", 1) *
                found.softmax->attributes.number("scale", 1);
  return found;
}

Shape shape_of(const Peeled& operand) {
  return permuted(operand.source->shape, operand.perm);
}

/// [batch, heads, seq, dim] -> [batch, seq, heads * dim].
Result<Value*> merge_heads(Builder& build, const Peeled& operand) {
  TEGULA_ASSIGN_OR_RETURN(Value * value, make_transpose(build, operand.source, compose(operand.perm, {0, 2, 1, 3})));
  const Shape& shape = value->shape;
  return make_reshape(build, value, {shape[0], shape[1], shape[2] * shape[3]});
}

/// [seq, heads, dim] in memory, seen as [heads, seq, dim]: one batch.
bool has_heads_outside(const Peeled& operand) {
  return operand.perm == Permutation{1, 0, 2} && operand.source->shape[1].is_constant();
}

Result<Value*> merge_outer_heads(Builder& build, const Peeled& operand) {
  TEGULA_ASSIGN_OR_RETURN(Value * value, make_transpose(build, operand.source, compose(operand.perm, {1, 0, 2})));
  const Shape& shape = value->shape;
  return make_reshape(build, value, {Dim(1), shape[0], shape[1] * shape[2]});
}

Result<Value*> keep_batch(Builder& build, const Peeled& operand) {
  return make_transpose(build, operand.source, operand.perm);
}

/// How operands of the products become operands of attention, and its result theirs.
struct Scheme {
  int64_t heads = 1;
  Result<Value*> (*merge)(Builder& build, const Peeled& operand) = keep_batch;
  bool is_batched = true;  ///< rank 3: the first dimension is the batch, not the heads
};

std::optional<Scheme> choose_scheme(const Found& found) {
  const Shape q = shape_of(found.q), k = shape_of(found.k), v = shape_of(found.v);
  const std::size_t rank = q.size();
  if (rank != 3 && rank != 4) return std::nullopt;
  for (std::size_t d = 0; d + 2 < rank; ++d)
    if (q[d] != k[d] || q[d] != v[d]) return std::nullopt;
  const Dim& width = q[rank - 1];
  if (!width.is_constant() || width != k[rank - 1] || width != v[rank - 1] || k[rank - 2] != v[rank - 2])
    return std::nullopt;
  if (rank == 4) {
    if (!q[1].is_constant()) return std::nullopt;
    return Scheme{q[1].value(), merge_heads};
  }
  if (has_heads_outside(found.q) && q[0].is_constant()) return Scheme{q[0].value(), merge_outer_heads, false};
  return Scheme{};
}

/// The mask as attention reads it: broadcast to [batch, heads, seq, seq_kv].
Result<Value*> attention_mask(Builder& build, Value* mask, const Scheme& scheme, int rank) {
  if (mask == nullptr || rank == 4 || mask->rank() < 3) return mask;
  Shape shape = mask->shape;
  shape.insert(shape.begin() + (scheme.is_batched ? 1 : 0), Dim(1));
  return make_reshape(build, mask, shape);
}

/// [batch, seq, heads * dim] as the product has it.
Result<Value*> split_heads(Builder& build, Value* value, const Scheme& scheme, const Shape& result) {
  if (result.size() == 4) {
    TEGULA_ASSIGN_OR_RETURN(Value * split, make_reshape(build, value, {result[0], result[2], result[1], result[3]}));
    return make_transpose(build, split, {0, 2, 1, 3});
  }
  if (scheme.is_batched) return value;
  TEGULA_ASSIGN_OR_RETURN(Value * split, make_reshape(build, value, {result[1], result[0], result[2]}));
  return make_transpose(build, split, {1, 0, 2});
}

Result<bool> fuse(Graph& graph, Node& node) {
  const std::optional<Found> found = find(node);
  if (!found) return false;
  const std::optional<Scheme> scheme = choose_scheme(*found);
  if (!scheme) return false;

  Builder build(graph, origins_of({found->softmax, found->scores, found->product}), &node);
  std::vector<Value*> inputs;
  for (const Peeled* operand : {&found->q, &found->k, &found->v}) {
    TEGULA_ASSIGN_OR_RETURN(Value * value, scheme->merge(build, *operand));
    inputs.push_back(value);
  }
  TEGULA_ASSIGN_OR_RETURN(Value * mask,
                          attention_mask(build, found->softmax->input(1), *scheme, node.output()->rank()));
  if (mask != nullptr) inputs.push_back(mask);
  Attributes attributes = {{"heads", scheme->heads}, {"kv_heads", scheme->heads}, {"scale", found->scale}};
  if (found->probabilities)
    set_integer_products(attributes, {*found->q.quantization, *found->k.quantization, *found->v.quantization},
                         *found->probabilities);
  TEGULA_ASSIGN_OR_RETURN(Value * value, build.add("attention", std::move(inputs), std::move(attributes)));
  TEGULA_ASSIGN_OR_RETURN(Value * result, split_heads(build, value, *scheme, node.output()->shape));
  replace_value(graph, node.output(), result);
  return true;
}

}  // namespace

Result<bool> fuse_attention(Graph& graph) {
  return rewrite_nodes(graph, [&](Node& node) { return fuse(graph, node); });
}

}  // namespace tegula::compiler
