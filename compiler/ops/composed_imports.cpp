// ONNX operators that are short expressions of other operations: DepthToSpace, SpaceToDepth, EyeLike, Compress,
// CenterCropPad.
#include <algorithm>
#include <numeric>

#include "compiler/ops/import_helpers.h"
#include "compiler/ops/slice_range.h"

namespace tegula::compiler {
namespace {

/// reshape, transpose, reshape.
Result<std::vector<Value*>> regrouped(ImportContext& context, Value* value, Shape apart, std::vector<int64_t> perm,
                                      Shape together) {
  TEGULA_ASSIGN_OR_RETURN(Value * split, context.build.reshape(value, std::move(apart)));
  TEGULA_ASSIGN_OR_RETURN(Value * moved, context.build.transpose(split, std::move(perm)));
  TEGULA_ASSIGN_OR_RETURN(Value * dst, context.build.reshape(moved, std::move(together)));
  return ImportedValues{dst};
}

Result<int64_t> block_size(const OnnxNode& node) {
  const int64_t block = node.attributes.integer("blocksize");
  if (node.inputs[0]->rank() != 4)
    return node.invalid(concat("an input of four dimensions expected, not ", node.inputs[0]->rank()));
  if (block < 1 || block > (1 << 20)) return node.invalid(concat("blocksize ", block, " is out of range"));
  return block;
}

/// 0, 1, ... count - 1 as s64, in the dimensions `shape`.
Result<Value*> counted(ImportContext& context, const Dim& count, Shape shape) {
  Value *zero = scalar(context, DType::kS64, 0), *one = scalar(context, DType::kS64, 1);
  TEGULA_ASSIGN_OR_RETURN(Value * list, context.build.add("range", {zero, one}, {{"count", Shape{count}}}));
  return context.build.reshape(list, std::move(shape));
}

}  // namespace

/// DepthToSpace 1, 11 (mode), 13.
Result<std::vector<Value*>> import_depth_to_space(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 1));
  TEGULA_ASSIGN_OR_RETURN(const int64_t block, block_size(node));
  const Shape& from = node.inputs[0]->shape;
  const Dim depth = floor_div(from[1], block * block);
  const Shape together = {from[0], depth, from[2] * block, from[3] * block};
  const std::string mode = node.attributes.text("mode", "DCR");
  if (mode == "DCR")
    return regrouped(context, node.inputs[0], {from[0], block, block, depth, from[2], from[3]}, {0, 3, 4, 1, 5, 2},
                     together);
  if (mode == "CRD")
    return regrouped(context, node.inputs[0], {from[0], depth, block, block, from[2], from[3]}, {0, 1, 4, 2, 5, 3},
                     together);
  return node.unsupported(concat("mode '", mode, "'"));
}

/// SpaceToDepth 1, 13.
Result<std::vector<Value*>> import_space_to_depth(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 1));
  TEGULA_ASSIGN_OR_RETURN(const int64_t block, block_size(node));
  const Shape& from = node.inputs[0]->shape;
  const Dim height = floor_div(from[2], block), width = floor_div(from[3], block);
  return regrouped(context, node.inputs[0], {from[0], from[1], height, block, width, block}, {0, 3, 5, 1, 2, 4},
                   {from[0], from[1] * (block * block), height, width});
}

/// EyeLike 9, 22: 1 where column == row + k.
Result<std::vector<Value*>> import_eye_like(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 1));
  const Value& like = *node.inputs[0];
  if (like.rank() != 2) return node.invalid(concat("an input of two dimensions expected, not ", like.rank()));
  TEGULA_ASSIGN_OR_RETURN(const DType dtype, node.dtype_attribute("dtype", like.dtype));
  TEGULA_ASSIGN_OR_RETURN(Value * rows, counted(context, like.shape[0], {like.shape[0], 1}));
  TEGULA_ASSIGN_OR_RETURN(Value * columns, counted(context, like.shape[1], {1, like.shape[1]}));
  Value* offset = context.build.constant(Literal::scalar(node.attributes.integer("k")), "k");
  TEGULA_ASSIGN_OR_RETURN(Value * diagonal, context.build.function(Function::k_add, {rows, offset}));
  TEGULA_ASSIGN_OR_RETURN(Value * eye, context.build.function(Function::k_equal, {diagonal, columns}));
  TEGULA_ASSIGN_OR_RETURN(Value * dst, context.build.cast(eye, dtype));
  return ImportedValues{dst};
}

/// Compress 9, 11, of a constant condition: which elements stay decides the size.
Result<std::vector<Value*>> import_compress(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 2, 2));
  Value* src = node.inputs[0];
  TEGULA_ASSIGN_OR_RETURN(const std::vector<int64_t> condition, context.constant_ints(node, 1));
  int64_t axis = 0;
  if (node.attributes.has("axis")) {
    TEGULA_ASSIGN_OR_RETURN(axis, checked_axis(node, node.attributes.integer("axis"), src->rank()));
  } else {
    TEGULA_ASSIGN_OR_RETURN(src, context.build.reshape(src, {product(src->shape)}));
  }
  std::vector<int64_t> kept;
  for (std::size_t i = 0; i < condition.size(); ++i)
    if (condition[i] != 0) kept.push_back(static_cast<int64_t>(i));
  const Dims dims = {static_cast<int64_t>(kept.size())};
  Value* indices = context.build.constant(Literal::of(dims, kept), "kept");
  TEGULA_ASSIGN_OR_RETURN(Value * dst, context.build.add("gather", {src, indices}, {{"axis", axis}}));
  return ImportedValues{dst};
}

/// CenterCropPad 18: along each axis the middle, or zeros around; an odd one out is cropped or added at the end.
Result<std::vector<Value*>> import_center_crop_pad(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 2, 2));
  Value* value = node.inputs[0];
  TEGULA_ASSIGN_OR_RETURN(const Shape sizes, context.shape_operand(node, 1));
  std::vector<int64_t> axes = node.attributes.ints("axes");
  if (!node.attributes.has("axes"))
    for (int d = 0; d < value->rank(); ++d) axes.push_back(d);
  TEGULA_RETURN_IF_ERROR(checked_axes(node, axes, value->rank()));  // each once
  if (axes.size() != sizes.size()) return node.invalid(concat(sizes.size(), " sizes for ", axes.size(), " axes"));
  Shape begins(value->shape.size(), Dim(0)), ends = begins;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto d = static_cast<std::size_t>(axes[i] < 0 ? axes[i] + value->rank() : axes[i]);
    const Dim added = sizes[i] - value->shape[d], cropped = value->shape[d] - sizes[i];
    begins[d] = select(less(added, 0), Dim(0) - floor_div(cropped, 2), floor_div(added, 2));
    ends[d] = added - begins[d];
  }
  TEGULA_ASSIGN_OR_RETURN(
      Value * dst,
      context.build.add("pad", {value},
                        {{"mode", std::string("constant")}, {"begins", std::move(begins)}, {"ends", std::move(ends)}}));
  return ImportedValues{dst};
}

}  // namespace tegula::compiler
