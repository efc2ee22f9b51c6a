// dst[..., i..., ...] = src[..., indices[i...], ...] along `axis`. Negative indices count from the end.
//
// Inputs: src, indices, and where the rows of a src of u8 or s8 become real numbers (an embedding, axis 0): scales
// (f32) and zero_points? (src's type), one for all or one for each row: dst = (float(q) - zero_point) * scale.
// Attributes: axis, and beside scales to (the type of the result: f32, or bf16).
#include "kernels/gather/gather.h"

#include "compiler/lowering/lower_context.h"
#include "compiler/ops/import_helpers.h"
#include "compiler/ops/infer_helpers.h"
#include "kernels/quantize/quantized_ends.h"

namespace tegula::compiler {
namespace {

constexpr std::size_t kScales = 2, kZeroPoints = 3;

/// Of rows that become real numbers: the type that they become.
Result<DType> infer_scales(const InferContext& context) {
  const Value &src = context.input(0), &scales = context.input(kScales);
  const auto is_one_or_each = [&](const Value& value) {
    return value.shape.empty() || value.shape == Shape{src.shape.front()};
  };
  if (!kernels::is_quantized(src.dtype) || context.node.attributes.integer("axis") != 0)
    return context.unsupported(concat("scales of ", name_of(src.dtype), to_string(src.shape), " along axis ",
                                      context.node.attributes.integer("axis")));
  if (scales.dtype != DType::kF32 || !is_one_or_each(scales))
    return context.error(
        concat("scales of ", name_of(scales.dtype), to_string(scales.shape), " for rows of ", to_string(src.shape)));
  if (context.has_input(kZeroPoints) &&
      (context.input(kZeroPoints).dtype != src.dtype || !is_one_or_each(context.input(kZeroPoints))))
    return context.error(concat("zero points that do not fit rows of ", to_string(src.shape)));
  const DType to = context.node.attributes.dtype("to", DType::kF32);
  if (to != DType::kF32 && to != DType::kBF16) return context.unsupported(concat("a result of type ", name_of(to)));
  return to;
}

Status infer_gather(InferContext& context) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(context, 2, 4));
  const Value &src = context.input(0), &indices = context.input(1);
  if (indices.dtype != DType::kS32 && indices.dtype != DType::kS64)
    return context.error(concat("indices must be s32 or s64, not ", name_of(indices.dtype)));
  TEGULA_ASSIGN_OR_RETURN(const int axis, axis_attribute(context, "axis", src.rank()));
  const auto at = src.shape.begin() + axis;
  if (const auto literal = small_literal(indices); literal && at->is_constant())
    for (const int64_t index : literal->to_ints())
      if (index < -at->value() || index >= at->value())
        return context.error(concat("index ", index, " is out of range for a dimension of ", at->value()));
  Shape shape(src.shape.begin(), at);
  shape.insert(shape.end(), indices.shape.begin(), indices.shape.end());
  shape.insert(shape.end(), at + 1, src.shape.end());
  if (context.has_input(kScales)) {
    TEGULA_ASSIGN_OR_RETURN(const DType to, infer_scales(context));
    context.outputs.push_back({to, std::move(shape), std::nullopt});
    return {};
  }
  auto contents = moved_contents(context, {0}, shape);
  context.outputs.push_back({src.dtype, std::move(shape), std::move(contents)});
  return {};
}

void dequantize_rows(std::span<const kernels::TensorView> inputs, const std::byte* q, const kernels::TensorView& dst) {
  const kernels::TensorView &table = inputs[0], &indices = inputs[1], &scales = inputs[kScales];
  const int64_t width = indices.count() == 0 ? 0 : dst.count() / indices.count();
  for (int64_t i = 0; i < indices.count(); ++i) {
    const int64_t index = indices.dtype == DType::kS64 ? indices.as<int64_t>()[i] : int64_t{indices.as<int32_t>()[i]};
    const int64_t row = index < 0 ? index + table.dims[0] : index;
    int32_t zero_point = 0;
    if (inputs.size() > kZeroPoints && inputs[kZeroPoints].data != nullptr) {
      const int64_t at = inputs[kZeroPoints].rank == 0 ? 0 : row;
      zero_point = table.dtype == DType::kU8 ? int32_t{inputs[kZeroPoints].as<uint8_t>()[at]}
                                             : int32_t{inputs[kZeroPoints].as<int8_t>()[at]};
    }
    const float scale = scales.as<float>()[scales.rank == 0 ? 0 : row];
    for (int64_t c = i * width; c < (i + 1) * width; ++c)
      kernels::store_real(dst.dtype, dst.data, c, kernels::real_at(table.dtype, q, c, {scale, zero_point}), {});
  }
}

Status evaluate_gather(const Node& node, std::span<const kernels::TensorView> inputs,
                       std::span<const kernels::TensorView> outputs) {
  if (inputs.size() <= kScales)
    return kernels::gather(static_cast<int>(node.attributes.integer("axis")), inputs[0], inputs[1], outputs[0]);
  std::vector<std::byte> rows(static_cast<std::size_t>(outputs[0].count()));
  const kernels::TensorView gathered =
      kernels::TensorView::contiguous(inputs[0].dtype, outputs[0].shape(), static_cast<void*>(rows.data()));
  TEGULA_RETURN_IF_ERROR(kernels::gather(0, inputs[0], inputs[1], gathered));
  dequantize_rows(inputs, rows.data(), outputs[0]);
  return {};
}

Status lower_gather(LowerContext&, const Node& node, schema::StepT& step) {
  schema::GatherT gather;
  gather.axis = static_cast<uint32_t>(node.attributes.integer("axis"));
  step.attributes.Set(std::move(gather));
  return {};
}

}  // namespace

/// Gather 1, 11, 13.
Result<std::vector<Value*>> import_gather(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 2, 2));
  TEGULA_ASSIGN_OR_RETURN(const int64_t axis,
                          checked_axis(node, node.attributes.integer("axis"), node.inputs[0]->rank()));
  TEGULA_ASSIGN_OR_RETURN(Value * dst, context.build.add("gather", node.inputs, {{"axis", axis}}));
  return ImportedValues{dst};
}

const OpDef gather_op = {
    .name = "gather",
    .infer = infer_gather,
    .evaluate = evaluate_gather,
    .lower = lower_gather,
    .strided_inputs = true,
    .strided_outputs = true,
};

}  // namespace tegula::compiler
