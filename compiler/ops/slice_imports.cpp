// ONNX Slice and Split, as slices with clamped starts and sizes.
#include <algorithm>
#include <numeric>

#include "compiler/ops/import_helpers.h"
#include "compiler/ops/slice_range.h"

namespace tegula::compiler {
namespace {

/// Exporters write "to the end" as the largest number of some width.
constexpr int64_t kFar = (int64_t{1} << 31) - 1;

/// `bound` counted from the front of a dimension of `size` and kept within low .. high, where low is 0 or -1 and high
/// is `size` or size - 1.
Dim clamped(const Dim& bound, const Dim& size, const Dim& low, const Dim& high) {
  if (bound.is_constant() && !size.is_constant()) {
    if (bound.value() >= kFar) return high;
    if (bound.value() <= -kFar) return low;
  }
  const Dim counted = max(low, bound + size), plain = min(bound, high);
  if (bound.is_constant() && bound.value() < 0) return min(counted, high);
  if (bound.is_at_least(0)) return max(low, plain);
  return select(less(bound, 0), min(counted, high), max(low, plain));
}

}  // namespace

SliceRange slice_range(const Dim& start, const Dim& end, int64_t step, const Dim& size) {
  if (step > 0) {
    const Dim from = clamped(start, size, 0, size), to = clamped(end, size, 0, size);
    return {from, max(0, ceil_div(to - from, step))};
  }
  const Dim from = clamped(start, size, -1, size - 1), to = clamped(end, size, -1, size - 1);
  return {max(0, from), max(0, ceil_div(from - to, -step))};
}

Result<Value*> slice_axis(Builder& build, Value* value, int64_t axis, const Dim& start, const Dim& size) {
  Shape starts(value->shape.size(), Dim(0)), sizes = value->shape;
  const auto at = static_cast<std::size_t>(axis);
  if (start.is(0) && size == sizes[at]) return value;
  starts[at] = start;
  sizes[at] = size;
  return build.add("slice", {value},
                   {{"starts", std::move(starts)},
                    {"sizes", std::move(sizes)},
                    {"steps", std::vector<int64_t>(value->shape.size(), 1)}});
}

/// Slice 1, 10, 11, 13. Before 10 the bounds are attributes and there are no steps.
Result<std::vector<Value*>> import_slice(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, node.version >= 10 ? 3 : 1, node.version >= 10 ? 5 : 1));
  Value* src = node.inputs[0];
  Shape bounds[2];
  std::vector<int64_t> axes, steps;
  bool has_axes = false, has_steps = false;
  if (node.version < 10) {
    bounds[0] = node.attributes.dims("starts");
    bounds[1] = node.attributes.dims("ends");
    has_axes = node.attributes.has("axes");
    axes = node.attributes.ints("axes");
  } else {
    for (std::size_t i = 0; i < 2; ++i) {
      TEGULA_ASSIGN_OR_RETURN(bounds[i], context.shape_operand(node, i + 1));
    }
    if ((has_axes = node.input(3) != nullptr)) {
      TEGULA_ASSIGN_OR_RETURN(axes, context.constant_ints(node, 3));
    }
    if ((has_steps = node.input(4) != nullptr)) {
      TEGULA_ASSIGN_OR_RETURN(steps, context.constant_ints(node, 4));
    }
  }
  const std::size_t count = bounds[0].size();
  if (!has_axes)
    for (std::size_t i = 0; i < count; ++i) axes.push_back(static_cast<int64_t>(i));
  if (!has_steps) steps.assign(count, 1);
  if (bounds[1].size() != count || axes.size() != count || steps.size() != count)
    return node.invalid("starts, ends, axes and steps differ in length");
  TEGULA_RETURN_IF_ERROR(checked_axes(node, axes, src->rank()));  // each once

  Shape starts(src->shape.size(), Dim(0)), sizes = src->shape;
  std::vector<int64_t> all_steps(src->shape.size(), 1);
  for (std::size_t i = 0; i < count; ++i) {
    if (steps[i] == 0) return node.invalid("a step is 0");
    if (steps[i] == INT64_MIN) return node.invalid("a step is out of range");
    const auto d = static_cast<std::size_t>(axes[i] < 0 ? axes[i] + src->rank() : axes[i]);
    SliceRange range = slice_range(bounds[0][i], bounds[1][i], steps[i], src->shape[d]);
    starts[d] = std::move(range.start);
    sizes[d] = std::move(range.size);
    all_steps[d] = steps[i];
  }
  const bool everything = sizes == src->shape &&
                          std::all_of(starts.begin(), starts.end(), [](const Dim& s) { return s.is(0); }) &&
                          std::all_of(all_steps.begin(), all_steps.end(), [](int64_t s) { return s == 1; });
  if (everything) return ImportedValues{src};
  TEGULA_ASSIGN_OR_RETURN(
      Value * dst,
      context.build.add("slice", {src},
                        {{"starts", std::move(starts)}, {"sizes", std::move(sizes)}, {"steps", std::move(all_steps)}}));
  return ImportedValues{dst};
}

/// Split 1, 2, 11, 13, 18. Sizes are an attribute before 13, then an input; without them the parts are equal, but
/// for the last with num_outputs (18).
Result<std::vector<Value*>> import_split(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 2));
  Value* src = node.inputs[0];
  TEGULA_ASSIGN_OR_RETURN(const int64_t axis, checked_axis(node, node.attributes.integer("axis"), src->rank()));
  const Dim& whole = src->shape[static_cast<std::size_t>(axis)];
  const auto count = static_cast<int64_t>(node.output_names.size());
  if (count == 0) return node.invalid("has no outputs");

  const bool given = node.input(1) != nullptr || node.attributes.has("split");
  Shape sizes;
  if (node.input(1) != nullptr) {
    TEGULA_ASSIGN_OR_RETURN(sizes, context.shape_operand(node, 1));
  } else if (node.attributes.has("split")) {
    sizes = node.attributes.dims("split");
  } else if (node.attributes.has("num_outputs")) {
    if (node.attributes.integer("num_outputs") != count)
      return node.invalid(
          concat("num_outputs is ", node.attributes.integer("num_outputs"), " for ", count, " outputs"));
    const Dim part = ceil_div(whole, count);
    for (int64_t i = 0; i + 1 < count; ++i) sizes.push_back(min(part, max(0, whole - part * i)));
    sizes.push_back(max(0, whole - part * (count - 1)));
  } else {
    const Dim part = floor_div(whole, count);
    if (part * count != whole) {
      const Error error =
          node.invalid(concat("a dimension of ", whole.to_string(), " cannot be split into ", count, " equal parts"));
      if (whole.is_constant()) return error;
      context.graph.constraints.push_back({GraphConstraint::Kind::kDivisible, whole, count, error.message});
    }
    sizes.assign(static_cast<std::size_t>(count), part);
  }

  if (static_cast<int64_t>(sizes.size()) != count)
    return node.invalid(concat(sizes.size(), " sizes for ", count, " outputs"));
  for (const Dim& size : sizes) {
    const Error error = node.invalid(concat("the size ", size.to_string(), " is negative"));
    if (size.is_constant() && size.value() < 0) return error;
    if (!size.is_at_least(0))
      context.graph.constraints.push_back({GraphConstraint::Kind::kAtLeast, size, 0, error.message});
  }
  if (given) {  // computed ones add up by construction
    const Dim sum = std::accumulate(sizes.begin(), sizes.end(), Dim(0));
    const Error error =
        node.invalid(concat("sizes that add up to ", sum.to_string(), " for a dimension of ", whole.to_string()));
    if (sum != whole && (sum - whole).is_constant()) return error;
    if (sum != whole) context.graph.constraints.push_back({GraphConstraint::Kind::kEqual, sum, whole, error.message});
  }

  ImportedValues parts;
  Dim start = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    Value* part = nullptr;
    if (node.wants_output(i)) {
      TEGULA_ASSIGN_OR_RETURN(part, slice_axis(context.build, src, axis, start, sizes[i]));
    }
    parts.push_back(part);
    start = start + sizes[i];
  }
  return parts;
}

}  // namespace tegula::compiler
