#include "compiler/passes/slice_rules.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "compiler/passes/relayout.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

struct Range {
  int64_t start = 0, size = 0, step = 1;
};

/// Indices, counted from the front, as start, start + step, ...
std::optional<Range> even_range(const Literal& indices, int64_t dim) {
  std::vector<int64_t> positions = indices.to_ints();
  if (positions.empty()) return std::nullopt;
  for (int64_t& position : positions) {
    if (position < 0) position += dim;
    if (position < 0 || position >= dim) return std::nullopt;
  }
  Range range{positions[0], static_cast<int64_t>(positions.size()), 1};
  if (positions.size() > 1) range.step = positions[1] - positions[0];
  if (range.step == 0) return std::nullopt;
  for (std::size_t i = 1; i < positions.size(); ++i)
    if (positions[i] - positions[i - 1] != range.step) return std::nullopt;
  return range;
}

}  // namespace

Result<Value*> slice_instead_of_gather(Builder& build, const Node& node) {
  Value* x = node.input(0);
  const Value* indices = node.input(1);
  if (node.inputs.size() > 2 || x->is_constant() || !indices->is_constant() || indices->rank() > 1) return nullptr;
  const auto axis = static_cast<std::size_t>(positive_axis(node.attributes.integer("axis"), x->rank()));
  if (!x->shape[axis].is_constant()) return nullptr;
  const std::optional<Range> range = even_range(*indices->literal, x->shape[axis].value());
  if (!range) return nullptr;
  Shape starts(x->shape.size(), Dim(0)), sizes = x->shape;
  std::vector<int64_t> steps(x->shape.size(), 1);
  starts[axis] = range->start;
  sizes[axis] = range->size;
  steps[axis] = range->step;
  TEGULA_ASSIGN_OR_RETURN(Value * slice,
                          build.add("slice", {x}, {{"starts", starts}, {"sizes", sizes}, {"steps", steps}}));
  return make_reshape(build, slice, node.output()->shape);
}

Result<Value*> slice_above_reshape(Builder& build, const Node& node) {
  Value* middle = node.input(0);
  if (!is_op(middle->producer, "reshape")) return nullptr;
  Value* x = middle->producer->input(0);
  const std::optional<std::vector<ReshapeGroup>> groups = reshape_groups(x->shape, middle->shape);
  if (!groups) return nullptr;
  const Shape starts = node.attributes.dims("starts"), sizes = node.attributes.dims("sizes");
  const std::vector<int64_t> steps = node.attributes.ints("steps");
  Shape new_starts(x->shape.size(), Dim(0)), new_sizes = x->shape;
  for (const ReshapeGroup& group : *groups) {
    // Dimensions of 1 in front do not count: the first that is more is the outermost.
    std::size_t outer = group.target_begin;
    while (outer + 1 < group.target_end && middle->shape[outer].is(1)) ++outer;
    for (std::size_t d = group.target_begin; d < group.target_end; ++d) {
      const bool is_whole = starts[d].is(0) && sizes[d] == middle->shape[d] && steps[d] == 1;
      if (is_whole) continue;
      if (d != outer || steps[d] != 1 || group.source_begin + 1 != group.source_end) return nullptr;
      const Dim inner = product(middle->shape, d + 1, group.target_end);
      new_starts[group.source_begin] = starts[d] * inner;
      new_sizes[group.source_begin] = sizes[d] * inner;
    }
  }
  const std::vector<int64_t> ones(x->shape.size(), 1);
  TEGULA_ASSIGN_OR_RETURN(Value * slice,
                          build.add("slice", {x}, {{"starts", new_starts}, {"sizes", new_sizes}, {"steps", ones}}));
  return make_reshape(build, slice, node.output()->shape);
}

}  // namespace tegula::compiler
