// dst = softmax(scale * q k^T + mask) v for each batch entry and head: kernels/attention/attention.h.
//
// Inputs: q [batch, seq_q, heads * dim], k [batch, seq_kv, kv_heads * dim], v [batch, seq_kv, kv_heads * value_dim],
// mask? broadcast to [batch, heads, seq_q, seq_kv]; all f32, but q, k, v and the result may be bf16 or quantized, each
// of its own type (ops/quantized_ends.h). Attributes: heads, kv_heads (heads), scale (1), causal (0), and where the
// products are products of integers, of q, k and v of u8 (kernels/attention/quantized_attention.h), probability_scale
// and probability_zero_point (0), of the probabilities as u8.
#include "kernels/attention/attention.h"

#include "compiler/lowering/lower_context.h"
#include "compiler/ops/op_def.h"
#include "compiler/ops/quantized_ends.h"
#include "kernels/attention/quantized_attention.h"

namespace tegula::compiler {
namespace {

constexpr std::size_t kNarrowOperands[] = {0, 1, 2};

kernels::AttentionDesc desc_of(const Node& node) {
  kernels::AttentionDesc desc;
  desc.heads = node.attributes.integer("heads", 1);
  desc.kv_heads = node.attributes.integer("kv_heads", desc.heads);
  desc.scale = static_cast<float>(node.attributes.number("scale", 1));
  desc.causal = node.attributes.flag("causal");
  return desc;
}

bool has_integer_products(const Node& node) {
  return node.attributes.has("probability_scale");
}

kernels::QuantizedOperand probability_of(const Node& node) {
  return {.scale = static_cast<float>(node.attributes.number("probability_scale")),
          .zero_point = static_cast<int32_t>(node.attributes.integer("probability_zero_point"))};
}

Status check_integer_products(const InferContext& context) {
  for (std::size_t i = 0; i < 3; ++i)
    if (context.input(i).dtype != DType::kU8)
      return context.unsupported(concat("products of integers with operand ", i, " of ",
                                        name_of(context.input(i).dtype), "; u8 is supported"));
  const kernels::QuantizedOperand p = probability_of(context.node);
  if (!(float{p.scale} > 0) || !kernels::fits(p.scale, p.zero_point, DType::kU8))
    return context.error(concat("probabilities with scale ", float{p.scale}, " and zero point ", p.zero_point));
  return {};
}

/// Two sizes that must agree: at once where they are known, when shapes are bound otherwise.
Status expect_equal(InferContext& context, const Dim& a, const Dim& b, std::string_view what) {
  if (a == b) return {};
  if (a.is_constant() && b.is_constant())
    return context.error(concat(what, " differ: ", a.to_string(), " and ", b.to_string()));
  context.graph.constraints.push_back(
      {GraphConstraint::Kind::kEqual, a, b, context.error(concat(what, " differ")).message});
  return {};
}

Status infer_attention(InferContext& context) {
  if (context.node.inputs.size() < 3 || context.node.inputs.size() > 4)
    return context.error("three or four inputs expected");
  for (std::size_t i = 0; i < 3; ++i)
    if (!context.has_input(i) || context.input(i).rank() != 3) return context.unsupported("q, k and v are of rank 3");
  TEGULA_ASSIGN_OR_RETURN(const DType dtype, infer_ends(context, kNarrowOperands));
  if (has_integer_products(context.node)) TEGULA_RETURN_IF_ERROR(check_integer_products(context));
  const kernels::AttentionDesc desc = desc_of(context.node);
  if (desc.heads < 1 || desc.kv_heads < 1 || desc.heads % desc.kv_heads != 0)
    return context.error(concat(desc.heads, " heads over ", desc.kv_heads, " of k and v"));
  const Shape &q = context.input(0).shape, &k = context.input(1).shape, &v = context.input(2).shape;
  if (!q[2].is_constant() || !k[2].is_constant() || !v[2].is_constant())
    return context.unsupported("the sizes of heads are symbolic; fix them with --dim");
  if (q[2].value() % desc.heads != 0 || k[2].value() % desc.kv_heads != 0 || v[2].value() % desc.kv_heads != 0 ||
      q[2].value() / desc.heads != k[2].value() / desc.kv_heads)
    return context.error("q and k do not split into heads of one size");
  TEGULA_RETURN_IF_ERROR(expect_equal(context, q[0], k[0], "the batches of q and k"));
  TEGULA_RETURN_IF_ERROR(expect_equal(context, q[0], v[0], "the batches of q and v"));
  TEGULA_RETURN_IF_ERROR(expect_equal(context, k[1], v[1], "the lengths of k and v"));
  if (context.has_input(3)) {
    const Value& mask = context.input(3);
    if (mask.dtype != DType::kF32 || mask.rank() > 4) return context.unsupported("the mask is f32 of rank 4 at most");
    const Shape full = {q[0], Dim(desc.heads), q[1], k[1]};
    for (std::size_t d = 0; d < mask.shape.size(); ++d) {
      const Dim& size = mask.shape[d];
      const Dim& to = full[d + 4 - mask.shape.size()];
      if (size.is(1) || size == to) continue;
      if (size.is_constant() && to.is_constant())
        return context.error(concat("a mask of ", to_string(mask.shape), " does not broadcast to ", to_string(full)));
      context.graph.constraints.push_back({GraphConstraint::Kind::kBroadcast, size, to,
                                           context.error("the mask does not broadcast to the scores").message});
    }
  }
  context.outputs.push_back({dtype, {q[0], q[1], Dim(v[2].value() / desc.kv_heads * desc.heads)}, std::nullopt});
  return {};
}

Status evaluate_attention(const Node& node, std::span<const kernels::TensorView> inputs,
                          std::span<const kernels::TensorView> outputs) {
  const kernels::AttentionDesc desc = desc_of(node);
  if (has_integer_products(node)) {
    const kernels::QuantizedAttentionDesc integer =
        quantized_attention_desc(desc, quantized_operand(node, 0), quantized_operand(node, 1),
                                 quantized_operand(node, 2), probability_of(node), quantized_result(node));
    TEGULA_RETURN_IF_ERROR(check(integer, inputs, outputs));
    return quantized_attention(integer, inputs, outputs);
  }
  const RealEnds ends(node, inputs, outputs, kNarrowOperands);
  TEGULA_RETURN_IF_ERROR(check(desc, ends.inputs(), ends.outputs()));
  TEGULA_RETURN_IF_ERROR(kernels::attention(desc, ends.inputs(), ends.outputs()));
  ends.store();
  return {};
}

Status lower_attention(LowerContext& context, const Node& node, schema::StepT& step) {
  const kernels::AttentionDesc desc = desc_of(node);
  schema::AttentionT attention;
  attention.heads = static_cast<uint64_t>(desc.heads);
  attention.kv_heads = static_cast<uint64_t>(desc.kv_heads);
  attention.scale = desc.scale;
  attention.causal = desc.causal;
  attention.ends = ends_table(node);
  step.attributes.Set(std::move(attention));
  if (!has_integer_products(node)) return {};
  const kernels::QuantizedOperand p = probability_of(node);
  const float numbers[] = {p.scale, static_cast<float>(p.zero_point)};
  const auto* const bytes = reinterpret_cast<const std::byte*>(numbers);
  step.inputs = {context.value(node.inputs[0]), context.value(node.inputs[1]), context.value(node.inputs[2]),
                 context.value(node.input(3)),
                 context.packed_constant(concat(node.output()->name, "_probabilities"), DType::kF32, {2},
                                         Packing::kPlain, {bytes, bytes + sizeof(numbers)})};
  return {};
}

}  // namespace

const OpDef attention_op = {
    .name = "attention",
    .infer = infer_attention,
    .evaluate = evaluate_attention,
    .lower = lower_attention,
    .strided_inputs = true,
    .strided_outputs = true,
};

}  // namespace tegula::compiler
