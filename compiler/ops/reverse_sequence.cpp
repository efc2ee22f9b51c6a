// Reverses the first lengths[b] elements along the time axis of every batch entry b.
//
// Inputs: src, lengths (s64 [batch]). Attribute: time_axis (0 or 1; the other one is the batch).
#include "kernels/reverse_sequence/reverse_sequence.h"

#include "compiler/ops/plain_op.h"

namespace tegula::compiler {
namespace {

Status infer_reverse_sequence(InferContext& context) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(context, 2, 2));
  const Value &src = context.input(0), &lengths = context.input(1);
  const int64_t time_axis = context.node.attributes.integer("time_axis");
  if (src.rank() < 2 || time_axis < 0 || time_axis > 1)
    return context.error("at least two dimensions expected, the first two being time and batch");
  if (lengths.dtype != DType::kS64 || lengths.rank() != 1) return context.error("lengths must be a list of s64");
  TEGULA_RETURN_IF_ERROR(
      same_size(context, lengths.shape[0], src.shape[static_cast<std::size_t>(1 - time_axis)], "the batch"));
  context.outputs.push_back({src.dtype, src.shape, std::nullopt});
  return {};
}

Status evaluate_reverse_sequence(const Node& node, kernels::Views inputs, kernels::Views outputs) {
  const kernels::ReverseSequenceDesc desc{static_cast<int>(node.attributes.integer("time_axis"))};
  return evaluate_plain(desc, kernels::reverse_sequence, inputs, outputs);
}

Status lower_reverse_sequence(LowerContext&, const Node& node, schema::StepT& step) {
  schema::ReverseSequenceT attributes;
  attributes.time_axis = static_cast<uint32_t>(node.attributes.integer("time_axis"));
  step.attributes.Set(std::move(attributes));
  return {};
}

}  // namespace

/// ReverseSequence 10.
Result<std::vector<Value*>> import_reverse_sequence(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 2, 2));
  const int64_t time_axis = node.attributes.integer("time_axis", 0),
                batch_axis = node.attributes.integer("batch_axis", 1);
  if (time_axis + batch_axis != 1 || time_axis * batch_axis != 0)
    return node.invalid(concat("time_axis ", time_axis, " and batch_axis ", batch_axis, "; 0 and 1 expected"));
  TEGULA_ASSIGN_OR_RETURN(Value * dst, context.build.add("reverse_sequence", node.inputs, {{"time_axis", time_axis}}));
  return ImportedValues{dst};
}

const OpDef reverse_sequence_op = {
    .name = "reverse_sequence",
    .infer = infer_reverse_sequence,
    .evaluate = evaluate_reverse_sequence,
    .lower = lower_reverse_sequence,
};

}  // namespace tegula::compiler
