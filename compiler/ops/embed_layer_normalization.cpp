// com.microsoft EmbedLayerNormalization: layer_norm(word[ids] + position[0 .. seq-1 or ids of positions] +
// segment[ids]).
//
// Inputs: input_ids [batch, seq], segment_ids?, word [words, width], position [positions, width], segment?, gamma,
// beta, mask?, position_ids?. Outputs: y [batch, seq, width], how many positions the mask shows per entry [batch], the
// sum before the normalisation?.
#include "compiler/ops/import_helpers.h"

namespace tegula::compiler {
namespace {

Result<Value*> rows(ImportContext& context, Value* table, Value* ids) {
  return context.build.add("gather", {table, ids}, {{"axis", int64_t{0}}});
}

/// position[0 .. seq-1], or what the ids of positions say.
Result<Value*> position_rows(ImportContext& context, Value* table, Value* ids, const Dim& seq) {
  if (ids != nullptr) return rows(context, table, ids);
  return context.build.add(
      "slice", {table},
      {{"starts", Shape{0, 0}}, {"sizes", Shape{seq, table->shape[1]}}, {"steps", std::vector<int64_t>{1, 1}}});
}

/// s32 [batch]: the sum of the mask, or 0 without one.
Result<Value*> shown(ImportContext& context, Value* mask, const Dim& batch) {
  if (mask == nullptr) return context.build.add("expand", {scalar(context, DType::kS32, 0)}, {{"shape", Shape{batch}}});
  TEGULA_ASSIGN_OR_RETURN(Value* const counts, context.build.cast(mask, DType::kS32));
  return context.build.add("reduce", {counts},
                           {{"kind", std::string("sum")}, {"axes", std::vector<int64_t>{1}}, {"keepdims", int64_t{0}}});
}

}  // namespace

Result<ImportedValues> import_embed_layer_normalization(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 9));
  for (const std::size_t i : {2, 3, 5, 6})
    if (node.input(i) == nullptr) return node.invalid(concat("input ", i, " is missing"));
  Value* const ids = node.inputs[0];
  if (ids->rank() != 2 || node.inputs[2]->rank() != 2 || node.inputs[3]->rank() != 2)
    return node.invalid("ids and tables must have two dimensions");
  TEGULA_ASSIGN_OR_RETURN(Value * sum, rows(context, node.inputs[2], ids));
  TEGULA_ASSIGN_OR_RETURN(Value* const position, position_rows(context, node.inputs[3], node.input(8), ids->shape[1]));
  TEGULA_ASSIGN_OR_RETURN(sum, context.build.function(Function::k_add, {sum, position}));
  if (node.input(1) != nullptr && node.input(4) != nullptr) {
    TEGULA_ASSIGN_OR_RETURN(Value* const segment, rows(context, node.input(4), node.input(1)));
    TEGULA_ASSIGN_OR_RETURN(sum, context.build.function(Function::k_add, {sum, segment}));
  }
  TEGULA_ASSIGN_OR_RETURN(
      Value* const y, context.build.add("layer_norm", {sum, node.inputs[5], node.inputs[6]},
                                        {{"axis", int64_t{2}}, {"epsilon", node.attributes.number("epsilon", 1e-12)}}));
  ImportedValues outputs = {y, nullptr, sum};
  if (node.wants_output(1)) {
    TEGULA_ASSIGN_OR_RETURN(outputs[1], shown(context, node.input(7), ids->shape[0]));
  }
  return outputs;
}

}  // namespace tegula::compiler
