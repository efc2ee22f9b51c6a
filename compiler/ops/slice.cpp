// dst[i0, i1, ...] = src[starts[0] + i0 * steps[0], ...]. Starts are indices of src, clamped already; sizes are dst's.
//
// Attributes: starts, sizes (dims), steps (ints), one entry for each dimension.
#include "kernels/slice/slice.h"

#include <algorithm>

#include "compiler/lowering/lower_context.h"
#include "compiler/ops/infer_helpers.h"

namespace tegula::compiler {
namespace {

/// Refuses numbers that leave src; what depends on symbols is checked when sizes are bound.
Status check_constants(const InferContext& context, const Dim& dim, const Dim& start, const Dim& size, int64_t step) {
  if (step == 0) return context.error("a step is 0");
  if (!dim.is_constant() || !start.is_constant() || !size.is_constant() || size.value() == 0) return {};
  const int64_t last = (start + (size - 1) * step).value();  // saturates
  if (size.value() < 0 || start.value() < 0 || start.value() >= dim.value() || last < 0 || last >= dim.value())
    return context.error(concat("takes ", size.value(), " from ", start.value(), " in steps of ", step,
                                " from a dimension of ", dim.value()));
  return {};
}

Status infer_slice(InferContext& context) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(context, 1, 1));
  const Value& src = context.input(0);
  const Attributes& attributes = context.node.attributes;
  const Shape starts = attributes.dims("starts"), sizes = attributes.dims("sizes");
  const std::vector<int64_t> steps = attributes.ints("steps");
  if (starts.size() != src.shape.size() || sizes.size() != starts.size() || steps.size() != starts.size())
    return context.error("starts, sizes and steps must have one entry for each dimension");
  for (std::size_t d = 0; d < steps.size(); ++d)
    TEGULA_RETURN_IF_ERROR(check_constants(context, src.shape[d], starts[d], sizes[d], steps[d]));
  auto contents = constant_dims(starts) ? moved_contents(context, {0}, sizes) : std::nullopt;
  context.outputs.push_back({src.dtype, sizes, std::move(contents)});
  return {};
}

Status evaluate_slice(const Node& node, std::span<const kernels::TensorView> inputs,
                      std::span<const kernels::TensorView> outputs) {
  const auto starts = constant_dims(node.attributes.dims("starts"));
  if (!starts) return Error{ErrorCode::kUnsupported, "the slice depends on symbols"};
  const std::vector<int64_t> steps = node.attributes.ints("steps");
  kernels::SliceDesc desc;
  desc.rank = static_cast<int>(starts->size());
  std::copy(starts->begin(), starts->end(), desc.starts.begin());
  std::copy(steps.begin(), steps.end(), desc.steps.begin());
  return kernels::slice(desc, inputs[0], outputs[0]);
}

Status lower_slice(LowerContext& context, const Node& node, schema::StepT& step) {
  schema::SliceT slice;
  slice.starts = context.expressions(node.attributes.dims("starts"));
  slice.steps = node.attributes.ints("steps");
  step.attributes.Set(std::move(slice));
  return {};
}

}  // namespace

const OpDef slice_op = {
    .name = "slice",
    .infer = infer_slice,
    .evaluate = evaluate_slice,
    .lower = lower_slice,
    .strided_inputs = true,
    .strided_outputs = true,
};

}  // namespace tegula::compiler
