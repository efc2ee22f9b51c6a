// A small tensor of whole numbers whose elements are sizes, written when the program runs: what is left of a shape
// computation that data steps or outputs read. Its contents make other shape computations disappear.
//
// No inputs. Attributes: elements (dims), shape (ints), dtype.
#include "kernels/materialize/materialize.h"

#include <algorithm>

#include "compiler/lowering/lower_context.h"
#include "compiler/ops/import_helpers.h"
#include "compiler/ops/infer_helpers.h"
#include "compiler/ops/materialized.h"

namespace tegula::compiler {
namespace {

Status infer_materialize(InferContext& context) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(context, 0, 0));
  const Attributes& attributes = context.node.attributes;
  const DType dtype = attributes.dtype("dtype", DType::kS64);
  if (!kernels::is_numeric(dtype) && dtype != DType::kBool)
    return context.error(concat("no sizes of type ", name_of(dtype)));
  Shape elements = attributes.dims("elements");
  const std::vector<int64_t> dims = attributes.ints("shape");
  if (checked_element_count(dims) != static_cast<int64_t>(elements.size()))
    return context.error(concat(elements.size(), " elements for shape ", tegula::to_string(dims)));
  context.outputs.push_back({dtype, to_shape(dims), std::move(elements)});
  return {};
}

Status evaluate_materialize(const Node& node, std::span<const kernels::TensorView> inputs,
                            std::span<const kernels::TensorView> outputs) {
  auto elements = constant_dims(node.attributes.dims("elements"));
  if (!elements) return Error{ErrorCode::kUnsupported, "the sizes depend on symbols"};
  const kernels::MaterializeDesc desc{std::move(*elements)};
  TEGULA_RETURN_IF_ERROR(check(desc, inputs, outputs));
  return kernels::materialize(desc, inputs, outputs);
}

Status lower_materialize(LowerContext& context, const Node& node, schema::StepT& step) {
  schema::MaterializeT materialize;
  materialize.elements = context.expressions(node.attributes.dims("elements"));
  step.attributes.Set(std::move(materialize));
  return {};
}

}  // namespace

Result<Value*> materialized(Builder& build, const Shape& elements, std::vector<int64_t> shape, DType dtype) {
  return build.add("materialize", {}, {{"elements", elements}, {"shape", std::move(shape)}, {"dtype", dtype}});
}

/// Shape 1, 13, 15 (start and end), 19, 21.
Result<std::vector<Value*>> import_shape(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 1));
  const Shape& shape = node.inputs[0]->shape;
  const auto rank = static_cast<int64_t>(shape.size());
  const auto bound = [&](std::string_view name, int64_t absent) {
    const int64_t given = node.attributes.integer(name, absent);
    return std::clamp<int64_t>(given < 0 ? given + rank : given, 0, rank);
  };
  const int64_t begin = bound("start", 0), end = std::max(begin, bound("end", rank));
  const Shape elements(shape.begin() + begin, shape.begin() + end);
  TEGULA_ASSIGN_OR_RETURN(Value * dst, materialized(context.build, elements, {end - begin}, DType::kS64));
  return ImportedValues{dst};
}

/// Size 1, 13, 19, 21.
Result<std::vector<Value*>> import_size(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 1));
  TEGULA_ASSIGN_OR_RETURN(Value * dst, materialized(context.build, {product(node.inputs[0]->shape)}, {}, DType::kS64));
  return ImportedValues{dst};
}

const OpDef materialize_op = {
    .name = "materialize",
    .infer = infer_materialize,
    .evaluate = evaluate_materialize,
    .lower = lower_materialize,
};

}  // namespace tegula::compiler
