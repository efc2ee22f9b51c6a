// ONNX Attention (23, 24): operands of rank 3 [batch, seq, heads * dim] or of rank 4 [batch, heads, seq, dim], grouped
// heads, a mask, causality, past keys and values, a soft cap on the scores, and the scores as an output.
//
// Without cap and scores it is the graph's attention; otherwise it is spelled out:
//   scores = scale * q k^T (output mode 0);  cap * tanh(scores / cap) (1);  + bias (2);  softmax (3);  times v
#include <cmath>
#include <limits>

#include "compiler/ops/attend.h"

namespace tegula::compiler {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The operands' sizes.
struct Sizes {
  bool by_head = false;  ///< rank 4
  int64_t heads = 1, kv_heads = 1;
  Dim seq_q, seq_kv;  ///< seq_kv with the past
  Dim past = 0;
};

Result<Sizes> sizes_of(const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 3, 7));
  const Value &q = *node.inputs[0], &k = *node.inputs[1], &v = *node.inputs[2];
  if (q.rank() != k.rank() || q.rank() != v.rank() || (q.rank() != 3 && q.rank() != 4))
    return node.invalid(
        concat("operands of shapes ", to_string(q.shape), ", ", to_string(k.shape), " and ", to_string(v.shape)));
  Sizes sizes;
  sizes.by_head = q.rank() == 4;
  if (sizes.by_head) {
    TEGULA_ASSIGN_OR_RETURN(sizes.heads, constant_dim(node, q.shape[1], "the number of heads"));
    TEGULA_ASSIGN_OR_RETURN(sizes.kv_heads, constant_dim(node, k.shape[1], "the number of heads"));
  } else {
    sizes.heads = node.attributes.integer("q_num_heads");
    sizes.kv_heads = node.attributes.integer("kv_num_heads");
  }
  if (sizes.heads < 1 || sizes.kv_heads < 1 || sizes.heads % sizes.kv_heads != 0)
    return node.invalid(concat(sizes.heads, " heads over ", sizes.kv_heads, " of keys and values"));
  const std::size_t seq = sizes.by_head ? 2 : 1;
  if ((node.input(4) == nullptr) != (node.input(5) == nullptr))
    return node.invalid("past keys without past values, or the reverse");
  if (const Value* past = node.input(4); past != nullptr) {
    if (past->rank() != 4 || node.input(5)->rank() != 4)
      return node.invalid("past keys and values must have four dimensions");
    sizes.past = past->shape[2];
  }
  sizes.seq_q = q.shape[seq];
  sizes.seq_kv = k.shape[seq] + sizes.past;
  return sizes;
}

/// The mask as a bias whose last dimension is seq_kv (or is broadcast).
Result<Value*> mask_bias(ImportContext& context, const OnnxNode& node, const Sizes& sizes) {
  Value* bias = node.input(3);
  if (bias == nullptr) return bias;
  if (bias->rank() < 1 || bias->rank() > 4) return node.invalid(concat("a mask of shape ", to_string(bias->shape)));
  if (bias->dtype == DType::kBool) {
    TEGULA_ASSIGN_OR_RETURN(bias, bias_of(context, bias, -kInfinity));
  }
  const Dim missing = sizes.seq_kv - bias->shape.back();
  if (missing.is(0) || bias->shape.back().is(1)) return bias;
  // A shorter mask hides what it does not reach (24).
  Shape begins(bias->shape.size(), Dim(0)), ends = begins;
  ends.back() = missing;
  return context.build.add("pad", {bias, scalar(context, DType::kF32, -kInfinity)},
                           {{"mode", std::string("constant")}, {"begins", begins}, {"ends", ends}});
}

/// Everything that hides positions, as one bias; `causal` stays true when causality alone is left to the operation.
Result<Value*> full_bias(ImportContext& context, const OnnxNode& node, const Sizes& sizes, bool spelled_out,
                         bool& causal) {
  TEGULA_ASSIGN_OR_RETURN(Value * bias, mask_bias(context, node, sizes));
  Value* const lengths = node.input(6);  // of the keys that are no padding, per batch entry
  causal = node.attributes.flag("is_causal");
  if (causal && (bias != nullptr || lengths != nullptr || spelled_out || !sizes.past.is(0))) {
    causal = false;
    Value* offset = nullptr;
    if (lengths != nullptr) {
      TEGULA_ASSIGN_OR_RETURN(Value* const rows, context.build.add("materialize", {},
                                                                   {{"elements", Shape{sizes.seq_q}},
                                                                    {"shape", std::vector<int64_t>{}},
                                                                    {"dtype", DType::kS64}}));
      TEGULA_ASSIGN_OR_RETURN(offset, context.build.function(Function::k_sub, {lengths, rows}));
    } else if (!sizes.past.is(0)) {
      TEGULA_ASSIGN_OR_RETURN(
          offset, context.build.add(
                      "materialize", {},
                      {{"elements", Shape{sizes.past}}, {"shape", std::vector<int64_t>{}}, {"dtype", DType::kS64}}));
    }
    TEGULA_ASSIGN_OR_RETURN(Value* const visible, causal_visible(context, sizes.seq_q, sizes.seq_kv, offset));
    TEGULA_ASSIGN_OR_RETURN(Value* const hidden, bias_of(context, visible, -kInfinity));
    TEGULA_ASSIGN_OR_RETURN(bias, sum_of(context, bias, hidden));
  }
  if (lengths == nullptr) return bias;
  if (lengths->dtype != DType::kS64 || lengths->rank() != 1)
    return node.invalid("nonpad_kv_seqlen must be s64 [batch]");
  TEGULA_ASSIGN_OR_RETURN(Value* const column, positions(context, sizes.seq_kv));
  TEGULA_ASSIGN_OR_RETURN(Value* const limit, reshaped(context, lengths, {lengths->shape[0], 1, 1, 1}));
  TEGULA_ASSIGN_OR_RETURN(Value* const visible, context.build.function(Function::k_less, {column, limit}));
  TEGULA_ASSIGN_OR_RETURN(Value* const hidden, bias_of(context, visible, -kInfinity));
  return sum_of(context, bias, hidden);
}

/// [batch, heads of k and v, seq, dim] with each head repeated for the queries' heads that read it.
Result<Value*> repeat_heads(ImportContext& context, Value* value, const Sizes& sizes) {
  if (sizes.heads == sizes.kv_heads) return value;
  const Shape& from = value->shape;
  const Dim repeats = sizes.heads / sizes.kv_heads;
  TEGULA_ASSIGN_OR_RETURN(Value* const column, context.build.reshape(value, {from[0], from[1], 1, from[2], from[3]}));
  TEGULA_ASSIGN_OR_RETURN(
      Value* const table,
      context.build.add("expand", {column}, {{"shape", Shape{from[0], from[1], repeats, from[2], from[3]}}}));
  return context.build.reshape(table, {from[0], sizes.heads, from[2], from[3]});
}

/// Y and the scores, by matrix products, for q, k and v of rank 4.
Result<ImportedValues> spell_out(ImportContext& context, const OnnxNode& node, const Sizes& sizes, Value* q, Value* k,
                                 Value* v, Value* bias, double scale) {
  TEGULA_ASSIGN_OR_RETURN(k, repeat_heads(context, k, sizes));
  TEGULA_ASSIGN_OR_RETURN(v, repeat_heads(context, v, sizes));
  Value* stages[4] = {};
  TEGULA_ASSIGN_OR_RETURN(stages[0],
                          context.build.add("matmul", {q, k}, {{"transpose_b", int64_t{1}}, {"alpha", scale}}));
  stages[1] = stages[0];
  if (const double cap = node.attributes.number("softcap", 0); cap > 0) {
    TEGULA_ASSIGN_OR_RETURN(Value* const relative, with_scalar(context, Function::k_div, stages[0], cap));
    TEGULA_ASSIGN_OR_RETURN(Value* const bent, context.build.function(Function::k_tanh, {relative}));
    TEGULA_ASSIGN_OR_RETURN(stages[1], with_scalar(context, Function::k_mul, bent, cap));
  }
  TEGULA_ASSIGN_OR_RETURN(stages[2], sum_of(context, stages[1], bias));
  TEGULA_ASSIGN_OR_RETURN(stages[3], context.build.add("softmax", {stages[2]}, {{"axis", int64_t{3}}}));
  if (bias != nullptr && may_hide_rows(*bias)) {
    TEGULA_ASSIGN_OR_RETURN(Value* const hidden, hidden_rows(context, bias));
    TEGULA_ASSIGN_OR_RETURN(
        stages[3], context.build.function(Function::k_where, {hidden, scalar(context, DType::kF32, 0), stages[3]}));
  }
  TEGULA_ASSIGN_OR_RETURN(Value* const y, context.build.add("matmul", {stages[3], v}));
  const int64_t mode = node.attributes.integer("qk_matmul_output_mode", 0);
  if (mode < 0 || mode > 3) return node.invalid(concat("qk_matmul_output_mode is ", mode));
  return ImportedValues{y, stages[mode]};
}

}  // namespace

/// Outputs: Y, present keys?, present values?, scores?.
Result<ImportedValues> import_attention(ImportContext& context, const OnnxNode& node) {
  TEGULA_ASSIGN_OR_RETURN(const Sizes sizes, sizes_of(node));
  Value *q = node.inputs[0], *k = node.inputs[1], *v = node.inputs[2];
  const Dim width = sizes.by_head ? q->shape[3] : floor_div(q->shape[2], sizes.heads);
  double scale = node.attributes.number("scale", 0);
  if (!node.attributes.has("scale")) {
    TEGULA_ASSIGN_OR_RETURN(const int64_t dim, constant_dim(node, width, "the size of a head"));
    if (dim < 1) return node.invalid("heads have no elements");
    scale = 1 / std::sqrt(static_cast<double>(dim));
  }
  const bool has_past = node.input(4) != nullptr;
  const bool spelled_out = node.attributes.number("softcap", 0) > 0 || node.wants_output(3) || scale <= 0;
  ImportedValues outputs(4);

  // Keys and values by head where something asks for them so.
  if (!sizes.by_head && (has_past || spelled_out || node.wants_output(1) || node.wants_output(2))) {
    TEGULA_ASSIGN_OR_RETURN(k, split_heads(context, k, sizes.kv_heads));
    TEGULA_ASSIGN_OR_RETURN(v, split_heads(context, v, sizes.kv_heads));
  }
  if (has_past) {
    TEGULA_ASSIGN_OR_RETURN(k, context.build.add("concat", {node.inputs[4], k}, {{"axis", int64_t{2}}}));
    TEGULA_ASSIGN_OR_RETURN(v, context.build.add("concat", {node.inputs[5], v}, {{"axis", int64_t{2}}}));
  }
  outputs[1] = k;
  outputs[2] = v;

  bool causal = false;
  TEGULA_ASSIGN_OR_RETURN(Value* const bias, full_bias(context, node, sizes, spelled_out, causal));
  if (spelled_out) {
    if (!sizes.by_head) {
      TEGULA_ASSIGN_OR_RETURN(q, split_heads(context, q, sizes.heads));
    }
    TEGULA_ASSIGN_OR_RETURN(const ImportedValues spelled, spell_out(context, node, sizes, q, k, v, bias, scale));
    outputs[0] = spelled[0];
    outputs[3] = spelled[1];
    if (!sizes.by_head) {
      TEGULA_ASSIGN_OR_RETURN(outputs[0], merge_heads(context, outputs[0]));
    }
    return outputs;
  }
  for (Value** operand : {&q, &k, &v}) {
    if ((*operand)->rank() != 4) continue;
    TEGULA_ASSIGN_OR_RETURN(*operand, merge_heads(context, *operand));
  }
  TEGULA_ASSIGN_OR_RETURN(outputs[0], attend(context, {q, k, v, sizes.heads, sizes.kv_heads, scale, bias, causal}));
  if (sizes.by_head) {
    TEGULA_ASSIGN_OR_RETURN(outputs[0], split_heads(context, outputs[0], sizes.heads));
  }
  return outputs;
}

}  // namespace tegula::compiler
