// com.microsoft Attention and MultiHeadAttention, as ONNX Runtime's optimizer writes transformers.
//
// Masks (mask_index, key_padding_mask) hide with mask_filter_value, as that runtime does, not with -infinity:
//   [batch]               the length of each entry; what comes after is hidden
//   [batch, seq_kv]       0 hides
//   [batch, seq_q, seq_kv]
#include <cmath>
#include <limits>

#include "compiler/ops/attend.h"

namespace tegula::compiler {
namespace {

constexpr double kFilterValue = -10000;

/// One of q, k and v out of a projection [batch, seq, q | k | v].
Result<Value*> columns(ImportContext& context, Value* value, const Dim& start, const Dim& size) {
  Shape starts(value->shape.size(), Dim(0)), sizes = value->shape;
  starts.back() = start;
  sizes.back() = size;
  return context.build.add("slice", {value},
                           {{"starts", starts}, {"sizes", sizes}, {"steps", std::vector<int64_t>(starts.size(), 1)}});
}

Result<Value*> mask_bias(ImportContext& context, const OnnxNode& node, Value* mask, const Dim& batch,
                         const Dim& seq_kv) {
  if (mask == nullptr) return mask;
  Value* visible = nullptr;
  if (mask->rank() == 1 && mask->shape[0] == batch) {
    TEGULA_ASSIGN_OR_RETURN(Value * column, positions(context, seq_kv));
    TEGULA_ASSIGN_OR_RETURN(Value* const lengths, context.build.cast(mask, DType::kS64));
    TEGULA_ASSIGN_OR_RETURN(Value* const limit, reshaped(context, lengths, {mask->shape[0], 1, 1, 1}));
    TEGULA_ASSIGN_OR_RETURN(visible, context.build.function(Function::k_less, {column, limit}));
  } else if (mask->rank() == 2 || mask->rank() == 3) {
    TEGULA_ASSIGN_OR_RETURN(visible, context.build.cast(mask, DType::kBool));
    Shape shape = {mask->shape[0], 1, mask->rank() == 3 ? mask->shape[1] : Dim(1), mask->shape.back()};
    TEGULA_ASSIGN_OR_RETURN(visible, reshaped(context, visible, shape));
  } else {
    return node.unsupported(concat("a mask of shape ", to_string(mask->shape)));
  }
  return bias_of(context, visible, node.attributes.number("mask_filter_value", kFilterValue));
}

Result<double> scale_of(const OnnxNode& node, const Dim& width, int64_t heads) {
  if (const double scale = node.attributes.number("scale", 0); scale != 0) return scale;
  TEGULA_ASSIGN_OR_RETURN(const int64_t size, constant_dim(node, width, "the size of the heads"));
  if (size < heads || size % heads != 0) return node.invalid(concat(size, " columns in ", heads, " heads"));
  return 1 / std::sqrt(static_cast<double>(size / heads));
}

/// Attention over q, k and v; `causal` for as many queries as keys.
Result<Value*> finish(ImportContext& context, const OnnxNode& node, AttentionOperands operands, Value* mask,
                      Value* extra, bool causal) {
  const Dim &seq_q = operands.q->shape[1], &seq_kv = operands.k->shape[1];
  TEGULA_ASSIGN_OR_RETURN(operands.scale, scale_of(node, operands.q->shape[2], operands.heads));
  TEGULA_ASSIGN_OR_RETURN(operands.bias, mask_bias(context, node, mask, operands.q->shape[0], seq_kv));
  TEGULA_ASSIGN_OR_RETURN(operands.bias, sum_of(context, operands.bias, extra));
  operands.causal = causal && operands.bias == nullptr;
  if (causal && operands.bias != nullptr) {
    TEGULA_ASSIGN_OR_RETURN(Value* const visible, causal_visible(context, seq_q, seq_kv, nullptr));
    TEGULA_ASSIGN_OR_RETURN(Value* const hidden, bias_of(context, visible, -std::numeric_limits<double>::infinity()));
    TEGULA_ASSIGN_OR_RETURN(operands.bias, sum_of(context, operands.bias, hidden));
  }
  return attend(context, operands);
}

/// What these operators can ask for beyond attention, and we do not have.
Status refuse_rest(const OnnxNode& node, std::size_t first_absent) {
  for (const char* flag : {"do_rotary", "past_present_share_buffer"})
    if (node.attributes.flag(flag)) return node.unsupported(concat("attribute '", flag, "' is not supported"));
  for (std::size_t i = first_absent; i < node.inputs.size(); ++i)
    if (node.inputs[i] != nullptr)
      return node.unsupported(concat("input ", i, " (past keys and values) is not supported"));
  return {};
}

Result<int64_t> heads_of(const OnnxNode& node) {
  const int64_t heads = node.attributes.integer("num_heads");
  if (heads < 1) return node.invalid(concat("num_heads is ", heads));
  return heads;
}

}  // namespace

/// Inputs: x [batch, seq, in], weights [in, q + k + v], bias [q + k + v]?, mask?, past?, attention bias?.
Result<ImportedValues> import_contrib_attention(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 2, 7));
  OnnxNode without_bias = node;
  if (node.inputs.size() > 5) without_bias.inputs[5] = nullptr;
  TEGULA_RETURN_IF_ERROR(refuse_rest(without_bias, 4));
  Value *x = node.inputs[0], *w = node.inputs[1];
  if (x->rank() != 3 || w->rank() != 2)
    return node.invalid(concat("an input of ", to_string(x->shape), " with weights of ", to_string(w->shape)));
  AttentionOperands operands;
  TEGULA_ASSIGN_OR_RETURN(operands.heads, heads_of(node));
  operands.kv_heads = operands.heads;
  std::vector<int64_t> sizes = node.attributes.ints("qkv_hidden_sizes");
  if (sizes.empty()) {
    TEGULA_ASSIGN_OR_RETURN(const int64_t all, constant_dim(node, w->shape[1], "the number of the weights' columns"));
    sizes.assign(3, all / 3);
  }
  if (sizes.size() != 3 || !w->shape[1].is(sizes[0] + sizes[1] + sizes[2]))
    return node.invalid(concat("the weights' ", w->shape[1].to_string(), " columns are not those of q, k and v"));
  std::vector<Value*> factors = {x, w};
  if (node.input(2) != nullptr) factors.push_back(node.input(2));
  TEGULA_ASSIGN_OR_RETURN(Value* const all, context.build.add("matmul", std::move(factors)));
  TEGULA_ASSIGN_OR_RETURN(operands.q, columns(context, all, 0, sizes[0]));
  TEGULA_ASSIGN_OR_RETURN(operands.k, columns(context, all, sizes[0], sizes[1]));
  TEGULA_ASSIGN_OR_RETURN(operands.v, columns(context, all, sizes[0] + sizes[1], sizes[2]));
  TEGULA_ASSIGN_OR_RETURN(Value* const y, finish(context, node, operands, node.input(3), node.input(5),
                                                 node.attributes.flag("unidirectional")));
  return ImportedValues{y};
}

/// Inputs: q [batch, seq_q, heads * dim], k, v [batch, seq_kv, ...], bias of all three?, key padding mask?, attention
/// bias?.
Result<ImportedValues> import_multi_head_attention(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 10));
  TEGULA_RETURN_IF_ERROR(refuse_rest(node, 6));
  AttentionOperands operands;
  TEGULA_ASSIGN_OR_RETURN(operands.heads, heads_of(node));
  operands.kv_heads = operands.heads;
  Value* parts[3] = {node.inputs[0], node.input(1), node.input(2)};
  for (const Value* part : parts)
    if (part == nullptr || part->rank() != 3)
      return node.unsupported("packed queries, keys and values; separate ones of three dimensions are supported");
  if (Value* const bias = node.input(3); bias != nullptr) {
    Dim start = 0;
    for (Value*& part : parts) {
      TEGULA_ASSIGN_OR_RETURN(Value* const own, columns(context, bias, start, part->shape[2]));
      start = start + part->shape[2];
      TEGULA_ASSIGN_OR_RETURN(part, context.build.function(Function::k_add, {part, own}));
    }
  }
  operands.q = parts[0];
  operands.k = parts[1];
  operands.v = parts[2];
  TEGULA_ASSIGN_OR_RETURN(Value* const y, finish(context, node, operands, node.input(4), node.input(5),
                                                 node.attributes.flag("unidirectional")));
  return ImportedValues{y};
}

}  // namespace tegula::compiler
