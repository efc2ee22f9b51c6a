// dst = src with begins[d] elements added before and ends[d] after along every dimension; negative numbers crop.
//
// Inputs: src, fill value (a scalar of src's type; absent: 0). Attributes: mode ("constant", "edge", "reflect",
// "wrap"), begins, ends (dims), one entry for each dimension.
#include "kernels/pad/pad.h"

#include <algorithm>
#include <array>

#include "compiler/lowering/lower_context.h"
#include "compiler/ops/import_helpers.h"
#include "compiler/ops/infer_helpers.h"

namespace tegula::compiler {
namespace {

constexpr std::string_view kModes[] = {"constant", "edge", "reflect", "wrap"};  // in the order of PadMode

std::optional<kernels::PadMode> mode_of(std::string_view text) {
  const auto found = std::find(std::begin(kModes), std::end(kModes), text);
  if (found == std::end(kModes)) return std::nullopt;
  return static_cast<kernels::PadMode>(found - std::begin(kModes));
}

Status infer_pad(InferContext& context) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(context, 1, 2));
  const Value& src = context.input(0);
  const Attributes& attributes = context.node.attributes;
  const auto mode = mode_of(attributes.text("mode"));
  if (!mode) return context.error(concat("unknown mode '", attributes.text("mode"), "'"));
  const Shape begins = attributes.dims("begins"), ends = attributes.dims("ends");
  if (begins.size() != src.shape.size() || ends.size() != src.shape.size())
    return context.error("begins and ends must have one entry for each dimension");
  if (context.has_input(1)) {
    const Value& fill = context.input(1);
    if (fill.dtype != src.dtype) return context.error("the fill value has another type than the input");
    if (!product(fill.shape).is(1)) return context.error("the fill value must be one element");
  }
  Shape shape;
  for (std::size_t d = 0; d < begins.size(); ++d) {
    shape.push_back(begins[d] + src.shape[d] + ends[d]);
    TEGULA_RETURN_IF_ERROR(expect_at_least(context, shape.back(), 0, concat("the padded dimension ", d)));
    if (*mode != kernels::PadMode::kConstant && src.shape[d].is(0) && !shape.back().is(0))
      return context.error(concat("dimension ", d, " is empty: nothing to pad with"));
  }
  context.outputs.push_back({src.dtype, std::move(shape), std::nullopt});
  return {};
}

Status evaluate_pad(const Node& node, std::span<const kernels::TensorView> inputs,
                    std::span<const kernels::TensorView> outputs) {
  const auto begins = constant_dims(node.attributes.dims("begins"));
  if (!begins) return Error{ErrorCode::kUnsupported, "the padding depends on symbols"};
  kernels::PadDesc desc;
  desc.mode = *mode_of(node.attributes.text("mode"));
  desc.rank = static_cast<int>(begins->size());
  std::copy(begins->begin(), begins->end(), desc.begins.begin());
  return kernels::pad(desc, inputs[0], inputs.size() > 1 ? inputs[1].data : nullptr, outputs[0]);
}

Status lower_pad(LowerContext& context, const Node& node, schema::StepT& step) {
  schema::PadT pad;
  pad.mode = static_cast<schema::PadMode>(*mode_of(node.attributes.text("mode")));
  pad.begins = context.expressions(node.attributes.dims("begins"));
  step.attributes.Set(std::move(pad));
  return {};
}

/// pads (begin of each axis, then end of each) and axes of Pad 11 and later.
Status read_pads(ImportContext& context, const OnnxNode& node, Shape& begins, Shape& ends) {
  const int rank = node.inputs[0]->rank();
  Shape pads;
  if (node.version < 11) {
    pads = node.attributes.dims(node.version == 1 ? "paddings" : "pads");
  } else {
    TEGULA_ASSIGN_OR_RETURN(pads, context.shape_operand(node, 1));
  }
  std::vector<int64_t> axes;
  if (node.input(3) != nullptr) {
    TEGULA_ASSIGN_OR_RETURN(axes, context.constant_ints(node, 3));
  } else {
    for (int d = 0; d < rank; ++d) axes.push_back(d);
  }
  TEGULA_RETURN_IF_ERROR(checked_axes(node, axes, rank));  // each once
  if (pads.size() != 2 * axes.size())
    return node.invalid(concat(pads.size(), " pads for ", axes.size(), " axes; two for each expected"));
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto d = static_cast<std::size_t>(axes[i] < 0 ? axes[i] + rank : axes[i]);
    begins[d] = pads[i];
    ends[d] = pads[axes.size() + i];
  }
  return {};
}

}  // namespace

/// Pad 2, 11, 13, 18, 19, 21. Before 11 pads and value are attributes.
Result<std::vector<Value*>> import_pad(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, node.version >= 11 ? 2 : 1, node.version >= 11 ? 4 : 1));
  Value* src = node.inputs[0];
  const std::string mode = node.attributes.text("mode", "constant");
  if (!mode_of(mode)) return node.unsupported(concat("mode '", mode, "'"));
  Shape begins(src->shape.size(), Dim(0)), ends = begins;
  TEGULA_RETURN_IF_ERROR(read_pads(context, node, begins, ends));
  const auto is_zero = [](const Dim& dim) { return dim.is(0); };
  if (std::all_of(begins.begin(), begins.end(), is_zero) && std::all_of(ends.begin(), ends.end(), is_zero))
    return ImportedValues{src};

  std::vector<Value*> inputs = {src};
  if (mode == "constant") {
    if (node.version < 11 && node.attributes.number("value") != 0)
      inputs.push_back(scalar(context, src->dtype, node.attributes.number("value")));
    else if (node.input(2) != nullptr)
      inputs.push_back(node.input(2));
  }
  TEGULA_ASSIGN_OR_RETURN(
      Value * dst, context.build.add("pad", std::move(inputs),
                                     {{"mode", mode}, {"begins", std::move(begins)}, {"ends", std::move(ends)}}));
  return ImportedValues{dst};
}

const OpDef pad_op = {
    .name = "pad",
    .infer = infer_pad,
    .evaluate = evaluate_pad,
    .lower = lower_pad,
    .strided_inputs = true,
    .strided_outputs = true,
};

}  // namespace tegula::compiler
