#include "compiler/lowering/view_plan.h"

#include <algorithm>

#include "compiler/ops/op_def.h"

namespace tegula::compiler {
namespace {

bool is_contiguous(const Shape& shape, const Shape& strides) {
  Dim stride = 1;
  for (std::size_t d = shape.size(); d-- > 0;) {
    if (!shape[d].is(1) && strides[d] != stride) return false;
    stride = stride * shape[d];
  }
  return true;
}

/// Whether the rows along the last dimension are contiguous and evenly apart: what kernels call a leading dimension.
bool has_even_rows(const Shape& shape, const Shape& strides) {
  if (shape.empty() || (!shape.back().is(1) && !strides.back().is(1))) return false;
  std::optional<Dim> next;  // the stride that the next dimension outwards must have
  for (std::size_t d = shape.size() - 1; d-- > 0;) {
    if (shape[d].is(1)) continue;
    if (next && strides[d] != *next) return false;
    next = strides[d] * shape[d];
  }
  return true;
}

/// The strides under which a reshape that only drops or adds dimensions of 1 sees the same elements; nullopt for other
/// reshapes.
std::optional<Shape> strides_without_ones(const Shape& from, const Shape& strides, const Shape& to) {
  Shape result(to.size(), Dim(1));
  std::size_t d = 0;
  const auto skip_ones = [&] {
    while (d < from.size() && from[d].is(1)) ++d;
  };
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (to[i].is(1)) continue;
    skip_ones();
    if (d == from.size() || from[d] != to[i]) return std::nullopt;
    result[i] = strides[d++];
  }
  skip_ones();
  if (d != from.size()) return std::nullopt;
  return result;
}

/// Steps that copy by strides anyway, and read operands of any at the same cost.
bool reads_any_strides(const Node& node) {
  return is_op(&node, "gather") || is_op(&node, "slice") || is_op(&node, "transpose");
}

bool is_step_result(const Value* value) {
  return value->producer && !value->producer->op->is_view;
}

std::size_t axis_of(const Node& concat) {
  const int64_t axis = concat.attributes.integer("axis");
  return static_cast<std::size_t>(axis < 0 ? axis + concat.outputs[0]->rank() : axis);
}

/// First element of operand `index` within the result.
std::vector<Dim> starts_of_operand(const Node& concat, std::size_t index) {
  std::vector<Dim> starts(concat.outputs[0]->shape.size());
  const std::size_t axis = axis_of(concat);
  for (std::size_t i = 0; i < index; ++i) starts[axis] = starts[axis] + concat.inputs[i]->shape[axis];
  return starts;
}

}  // namespace

Shape contiguous_strides(const Shape& shape) {
  Shape strides(shape.size());
  Dim stride = 1;
  for (std::size_t d = shape.size(); d-- > 0;) {
    strides[d] = stride;
    stride = stride * shape[d];
  }
  return strides;
}

ViewPlan::ViewPlan(const Graph& graph) {
  own_by_outputs(graph);
  // Backwards: where a concat's result lies is known before its operands are placed in it.
  for (auto node = graph.nodes().rbegin(); node != graph.nodes().rend(); ++node)
    if (is_op(node->get(), "concat")) join(**node);
  // Forwards: where an operand lies is known before its parts are.
  for (const auto& node : graph.nodes()) {
    if (is_op(node.get(), "slice")) cut(*node);
    if (node->op->is_view) alias(*node);
  }
}

void ViewPlan::own_by_outputs(const Graph& graph) {
  for (const auto& [name, output] : graph.outputs()) {
    // The chain of reshapes down to the step that computes the elements.
    std::vector<const Node*> chain;
    const Value* value = output;
    while (value->producer && value->producer->op->is_view) {
      chain.push_back(value->producer);
      value = value->producer->inputs[0];
      if (value->is_output || links_.contains(value)) break;
    }
    if (!is_step_result(value) || value->is_output || links_.contains(value) || links_.contains(output)) continue;
    for (const Node* reshape : chain) {
      links_[reshape->inputs[0]] = {.parent = reshape->outputs[0], .same_elements = true, .starts = {}};
      free_.insert(reshape);
    }
  }
}

bool ViewPlan::readers_take_rows(const Value* value, const Node* except) const {
  return std::all_of(value->users.begin(), value->users.end(), [&](const Node* user) {
    if (user == except) return true;
    const bool is_operand = std::find(user->inputs.begin(), user->inputs.end(), value) != user->inputs.end();
    const bool is_post_op_operand = std::any_of(user->post_ops.begin(), user->post_ops.end(),
                                                [&](const PostOp& post_op) { return post_op.operand == value; });
    return is_operand && !is_post_op_operand && user->op->strided_inputs;
  });
}

bool ViewPlan::readers_take_strides(const Value* value, const Shape& strides) const {
  if (value->is_output || links_.contains(value)) return false;
  return std::all_of(value->users.begin(), value->users.end(), [&](const Node* user) {
    for (const PostOp& post_op : user->post_ops)
      if (post_op.operand == value) return false;
    if (user->op->is_view) {
      const Value* result = user->outputs[0];
      const auto seen = strides_without_ones(value->shape, strides, result->shape);
      return seen && !free_.contains(user) && readers_take_strides(result, *seen);
    }
    return reads_any_strides(*user) || (user->op->strided_inputs && has_even_rows(value->shape, strides));
  });
}

bool ViewPlan::can_be_part(const Value* value, const Node& concat, bool contiguous) const {
  if (!is_step_result(value) || value->is_output || links_.contains(value)) return false;
  if (std::count(concat.inputs.begin(), concat.inputs.end(), value) != 1) return false;
  if (contiguous) return true;
  return value->producer->op->strided_outputs && readers_take_rows(value, &concat);
}

void ViewPlan::join(const Node& concat) {
  const Value* result = concat.outputs[0];
  const Place whole = place_of(result);
  std::vector<std::size_t> parts;
  for (std::size_t i = 0; i < concat.inputs.size(); ++i) {
    const Value* operand = concat.inputs[i];
    const Place place = part(whole, *operand, starts_of_operand(concat, i));
    if (!place.contiguous && !has_even_rows(operand->shape, place.strides)) return;
    if (can_be_part(operand, concat, place.contiguous)) parts.push_back(i);
  }
  if (parts.size() * 2 < concat.inputs.size() || parts.empty()) return;
  for (const std::size_t i : parts)
    links_[concat.inputs[i]] = {.parent = result, .same_elements = false, .starts = starts_of_operand(concat, i)};
  free_.insert(&concat);
}

void ViewPlan::cut(const Node& slice) {
  const Value *source = slice.inputs[0], *result = slice.outputs[0];
  const std::vector<int64_t> steps = slice.attributes.ints("steps");
  if (result->is_output || links_.contains(result)) return;
  if (!std::all_of(steps.begin(), steps.end(), [](int64_t step) { return step == 1; })) return;
  const std::vector<Dim> starts = slice.attributes.dims("starts");
  const Place place = part(place_of(source), *result, starts);
  if (!place.contiguous && !readers_take_strides(result, place.strides)) return;
  links_[result] = {.parent = source, .same_elements = false, .starts = starts};
  free_.insert(&slice);
}

void ViewPlan::alias(const Node& reshape) {
  const Value *source = reshape.inputs[0], *result = reshape.outputs[0];
  if (links_.contains(result) || free_.contains(&reshape)) return;
  const Place place = place_of(source);
  if (!place.contiguous && !strides_without_ones(source->shape, place.strides, result->shape)) return;
  links_[result] = {.parent = source, .same_elements = true, .starts = {}};
  free_.insert(&reshape);
}

ViewPlan::Place ViewPlan::part(const Place& whole, const Value& shape_of, const std::vector<Dim>& starts) const {
  Place place{.root = whole.root, .offset = whole.offset, .contiguous = false, .strides = whole.strides};
  for (std::size_t d = 0; d < starts.size(); ++d) place.offset = place.offset + starts[d] * whole.strides[d];
  place.contiguous = is_contiguous(shape_of.shape, place.strides);
  return place;
}

ViewPlan::Place ViewPlan::place_of(const Value* value) const {
  const auto found = links_.find(value);
  if (found == links_.end())
    return {.root = value, .offset = 0, .contiguous = true, .strides = contiguous_strides(value->shape)};
  const Place whole = place_of(found->second.parent);
  if (!found->second.same_elements) return part(whole, *value, found->second.starts);
  if (!whole.contiguous)
    if (auto strides = strides_without_ones(found->second.parent->shape, whole.strides, value->shape))
      return {.root = whole.root, .offset = whole.offset, .contiguous = false, .strides = std::move(*strides)};
  return {.root = whole.root, .offset = whole.offset, .contiguous = true, .strides = contiguous_strides(value->shape)};
}

bool ViewPlan::is_part_of(const Value* value, const Node& concat) const {
  const auto found = links_.find(value);
  return found != links_.end() && found->second.parent == concat.outputs[0] && !found->second.same_elements;
}

ViewPlan::Place ViewPlan::place_of_operand(const Node& concat, std::size_t index) const {
  return part(place_of(concat.outputs[0]), *concat.inputs[index], starts_of_operand(concat, index));
}

}  // namespace tegula::compiler
