// dst dimension d is src dimension perm[d].
//
// Attribute: perm (ints).
#include "kernels/transpose/transpose.h"

#include <algorithm>

#include "compiler/lowering/lower_context.h"
#include "compiler/ops/import_helpers.h"
#include "compiler/ops/infer_helpers.h"

namespace tegula::compiler {
namespace {

Status infer_transpose(InferContext& context) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(context, 1, 1));
  const Value& src = context.input(0);
  const std::vector<int64_t> perm = context.node.attributes.ints("perm");
  std::vector<int64_t> sorted = perm;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t d = 0; d < sorted.size(); ++d)
    if (sorted[d] != static_cast<int64_t>(d)) return context.error("perm is no permutation");
  if (perm.size() != src.shape.size())
    return context.error(concat("perm has ", perm.size(), " entries for ", src.rank(), " dimensions"));
  Shape shape;
  for (const int64_t d : perm) shape.push_back(src.shape[static_cast<std::size_t>(d)]);
  auto contents = moved_contents(context, {0}, shape);
  context.outputs.push_back({src.dtype, std::move(shape), std::move(contents)});
  return {};
}

Status evaluate_transpose(const Node& node, std::span<const kernels::TensorView> inputs,
                          std::span<const kernels::TensorView> outputs) {
  kernels::TransposeDesc desc;
  for (const int64_t d : node.attributes.ints("perm")) desc.perm[desc.rank++] = static_cast<int>(d);
  return kernels::transpose(desc, inputs[0], outputs[0]);
}

Status lower_transpose(LowerContext&, const Node& node, schema::StepT& step) {
  schema::TransposeT transpose;
  for (const int64_t d : node.attributes.ints("perm")) transpose.perm.push_back(static_cast<uint32_t>(d));
  step.attributes.Set(std::move(transpose));
  return {};
}

}  // namespace

Result<std::vector<Value*>> import_transpose(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 1));
  const int rank = node.inputs[0]->rank();
  std::vector<int64_t> perm;
  if (node.attributes.has("perm")) {
    for (const int64_t axis : node.attributes.ints("perm")) {
      TEGULA_ASSIGN_OR_RETURN(const int64_t checked, checked_axis(node, axis, rank));
      perm.push_back(checked);
    }
  } else {
    for (int d = rank; d-- > 0;) perm.push_back(d);
  }
  TEGULA_ASSIGN_OR_RETURN(Value * dst, context.build.transpose(node.inputs[0], std::move(perm)));
  return ImportedValues{dst};
}

const OpDef transpose_op = {
    .name = "transpose",
    .infer = infer_transpose,
    .evaluate = evaluate_transpose,
    .lower = lower_transpose,
    .strided_inputs = true,
    .strided_outputs = true,
};

}  // namespace tegula::compiler
