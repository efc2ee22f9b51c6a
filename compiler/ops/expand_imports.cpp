// ONNX operators that repeat elements: Expand, Tile, ConstantOfShape.
#include <algorithm>

#include "compiler/ops/import_helpers.h"
#include "compiler/ops/op_def.h"

namespace tegula::compiler {
namespace {

/// Repeats `value` along the axes [begin, end): each becomes two dimensions, of which the first is repeated.
Result<Value*> tile_axes(Builder& build, Value* value, const Shape& repeats, std::size_t begin, std::size_t end) {
  Shape split, repeated, joined = value->shape;
  for (std::size_t d = 0; d < value->shape.size(); ++d) {
    if (d >= begin && d < end && !repeats[d].is(1)) {
      split.push_back(1);
      repeated.push_back(repeats[d]);
      joined[d] = joined[d] * repeats[d];
    }
    split.push_back(value->shape[d]);
    repeated.push_back(value->shape[d]);
  }
  if (joined == value->shape) return value;
  TEGULA_ASSIGN_OR_RETURN(Value * apart, build.reshape(value, std::move(split)));
  TEGULA_ASSIGN_OR_RETURN(Value * copied, build.add("expand", {apart}, {{"shape", std::move(repeated)}}));
  return build.reshape(copied, std::move(joined));
}

}  // namespace

/// Expand 8, 13.
Result<std::vector<Value*>> import_expand(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 2, 2));
  TEGULA_ASSIGN_OR_RETURN(Shape shape, context.shape_operand(node, 1));
  TEGULA_ASSIGN_OR_RETURN(Value * dst, context.build.add("expand", {node.inputs[0]}, {{"shape", std::move(shape)}}));
  return ImportedValues{dst};
}

/// Tile 6, 13.
Result<std::vector<Value*>> import_tile(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 2, 2));
  Value* value = node.inputs[0];
  TEGULA_ASSIGN_OR_RETURN(const Shape repeats, context.shape_operand(node, 1));
  if (repeats.size() != value->shape.size())
    return node.invalid(concat(repeats.size(), " repeats for ", value->rank(), " dimensions"));
  // As many axes at once as the largest rank allows, the last ones first.
  std::size_t end = repeats.size();
  while (end > 0) {
    std::size_t begin = end;
    int rank = value->rank();
    while (begin > 0 && (repeats[begin - 1].is(1) || rank < kernels::kMaxRank)) {
      --begin;
      if (!repeats[begin].is(1)) ++rank;
    }
    if (begin == end) return node.unsupported(concat("repeats of ", value->rank(), " dimensions"));
    TEGULA_ASSIGN_OR_RETURN(value, tile_axes(context.build, value, repeats, begin, end));
    end = begin;
  }
  return ImportedValues{value};
}

/// ConstantOfShape 9, 20, 21.
Result<std::vector<Value*>> import_constant_of_shape(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 1));
  const Literal* value = node.tensor("value");
  if (value != nullptr && value->count() != 1) return node.invalid("the attribute 'value' must have one element");
  TEGULA_ASSIGN_OR_RETURN(Shape shape, context.shape_operand(node, 0));
  Value* element =
      value != nullptr ? context.build.constant(value->reshaped({}), "value") : scalar(context, DType::kF32, 0);
  TEGULA_ASSIGN_OR_RETURN(Value * dst, context.build.add("expand", {element}, {{"shape", std::move(shape)}}));
  return ImportedValues{dst};
}

}  // namespace tegula::compiler
