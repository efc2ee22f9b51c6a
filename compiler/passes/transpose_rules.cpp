#include "compiler/passes/transpose_rules.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

using Rule = Result<Sunk> (*)(Builder& build, Node& node);

/// Whether only the first output is wanted.
bool has_one_output(const Node& node) {
  return std::all_of(node.outputs.begin() + 1, node.outputs.end(), [](const Value* value) {
    return value == nullptr || (value->users.empty() && !value->is_output);
  });
}

/// Adds the node again on `source`, with other attributes.
Result<Sunk> again(Builder& build, const Node& node, Value* source, Attributes attributes, Permutation perm) {
  std::vector<Value*> inputs = node.inputs;
  inputs[0] = source;
  TEGULA_ASSIGN_OR_RETURN(Value * value, build.add(node.op->name, std::move(inputs), std::move(attributes)));
  return Sunk(TransposedValue{value, std::move(perm)});
}

/// The perm of a result that has lost the dimensions `gone` (of the source), or kept them as 1.
Permutation without(const Permutation& perm, const std::vector<int64_t>& gone) {
  const auto is_gone = [&](int64_t dim) { return std::find(gone.begin(), gone.end(), dim) != gone.end(); };
  Permutation result;
  for (const int64_t dim : perm) {
    if (is_gone(dim)) continue;
    const auto lost_before = std::count_if(gone.begin(), gone.end(), [&](int64_t other) { return other < dim; });
    result.push_back(dim - static_cast<int64_t>(lost_before));
  }
  return result;
}

Result<Sunk> sink_through_reduce(Builder& build, Node& node) {
  const TransposedValue x = *as_transpose(node.input(0));
  Attributes attributes = node.attributes;
  std::vector<int64_t> axes;
  const int rank = node.input(0)->rank();
  for (const int64_t axis : node.attributes.ints("axes"))
    axes.push_back(x.perm[static_cast<std::size_t>(positive_axis(axis, rank))]);
  std::sort(axes.begin(), axes.end());
  attributes.set("axes", axes);
  return again(build, node, x.source, std::move(attributes),
               node.attributes.flag("keepdims") ? x.perm : without(x.perm, axes));
}

Result<Sunk> sink_through_arg_reduce(Builder& build, Node& node) {
  const TransposedValue x = *as_transpose(node.input(0));
  Attributes attributes = node.attributes;
  const int64_t axis = positive_axis(node.attributes.integer("axis"), node.input(0)->rank());
  const int64_t source_axis = x.perm[static_cast<std::size_t>(axis)];
  attributes.set("axis", source_axis);
  return again(build, node, x.source, std::move(attributes),
               node.attributes.flag("keepdims") ? x.perm : without(x.perm, {source_axis}));
}

Result<Sunk> sink_through_softmax(Builder& build, Node& node) {
  if (node.input(1) != nullptr) return Sunk();
  const TransposedValue x = *as_transpose(node.input(0));
  Attributes attributes = node.attributes;
  const int64_t axis = positive_axis(node.attributes.integer("axis", -1), node.input(0)->rank());
  attributes.set("axis", x.perm[static_cast<std::size_t>(axis)]);
  return again(build, node, x.source, std::move(attributes), x.perm);
}

/// The normalised dimensions must stay where they are, at the end.
Result<Sunk> sink_through_layer_norm(Builder& build, Node& node) {
  if (node.input(3) != nullptr || !has_one_output(node)) return Sunk();
  const TransposedValue x = *as_transpose(node.input(0));
  const int rank = node.input(0)->rank();
  for (int64_t d = positive_axis(node.attributes.integer("axis", -1), rank); d < rank; ++d)
    if (x.perm[static_cast<std::size_t>(d)] != d) return Sunk();
  return again(build, node, x.source, node.attributes, x.perm);
}

Result<Sunk> sink_through_pad(Builder& build, Node& node) {
  const TransposedValue x = *as_transpose(node.input(0));
  Attributes attributes = node.attributes;
  for (const char* name : {"begins", "ends"})
    attributes.set(name, permuted(node.attributes.dims(name), inverse(x.perm)));
  return again(build, node, x.source, std::move(attributes), x.perm);
}

Result<Sunk> sink_through_slice(Builder& build, Node& node) {
  const TransposedValue x = *as_transpose(node.input(0));
  Attributes attributes = node.attributes;
  for (const char* name : {"starts", "sizes"})
    attributes.set(name, permuted(node.attributes.dims(name), inverse(x.perm)));
  attributes.set("steps", permuted(node.attributes.ints("steps"), inverse(x.perm)));
  return again(build, node, x.source, std::move(attributes), x.perm);
}

/// Its axes ascend, and sizes, scales and the two ends of roi go with them.
Result<Sunk> sink_through_resize(Builder& build, Node& node) {
  const TransposedValue x = *as_transpose(node.input(0));
  const std::vector<int64_t> axes = node.attributes.ints("axes");
  std::vector<std::pair<int64_t, std::size_t>> order;  // source axis, position in the lists
  for (std::size_t i = 0; i < axes.size(); ++i) order.emplace_back(x.perm[static_cast<std::size_t>(axes[i])], i);
  std::sort(order.begin(), order.end());
  const Shape sizes = node.attributes.dims("sizes"), scales = node.attributes.dims("scales"),
              roi = node.attributes.dims("roi");
  std::vector<int64_t> new_axes;
  Shape new_sizes, new_scales, begins, ends;
  for (const auto& [axis, i] : order) {
    new_axes.push_back(axis);
    if (!sizes.empty()) new_sizes.push_back(sizes[i]);
    if (!scales.empty()) new_scales.push_back(scales[i]);
    if (roi.empty()) continue;
    begins.push_back(roi[i]);
    ends.push_back(roi[axes.size() + i]);
  }
  begins.insert(begins.end(), ends.begin(), ends.end());
  Attributes attributes = node.attributes;
  attributes.set("axes", new_axes);
  if (!sizes.empty()) attributes.set("sizes", new_sizes);
  if (!scales.empty()) attributes.set("scales", new_scales);
  if (!roi.empty()) attributes.set("roi", begins);
  return again(build, node, x.source, std::move(attributes), x.perm);
}

/// Indices of rank 1 or a single index only: then at most one dimension goes and none comes.
Result<Sunk> sink_through_gather(Builder& build, Node& node) {
  const std::optional<TransposedValue> x = as_transpose(node.input(0));
  const int index_rank = node.input(1)->rank();
  if (!x || index_rank > 1) return Sunk();
  Attributes attributes = node.attributes;
  const int64_t axis = positive_axis(node.attributes.integer("axis"), node.input(0)->rank());
  const int64_t source_axis = x->perm[static_cast<std::size_t>(axis)];
  attributes.set("axis", source_axis);
  return again(build, node, x->source, std::move(attributes),
               index_rank == 1 ? x->perm : without(x->perm, {source_axis}));
}

struct Row {
  std::string_view op;
  Rule rule;
  bool reads_first;  ///< only when operand 0 is a transpose
};

constexpr std::array<Row, 11> kRules = {{
    {"eltwise", sink_through_eltwise, false},
    {"concat", sink_through_concat, false},
    {"reshape", sink_through_reshape, true},
    {"reduce", sink_through_reduce, true},
    {"arg_reduce", sink_through_arg_reduce, true},
    {"softmax", sink_through_softmax, true},
    {"layer_norm", sink_through_layer_norm, true},
    {"pad", sink_through_pad, true},
    {"slice", sink_through_slice, true},
    {"gather", sink_through_gather, true},
    {"resize", sink_through_resize, true},
}};

}  // namespace

Result<Sunk> sink_transpose(Builder& build, Node& node) {
  for (const Row& row : kRules) {
    if (!is_op(&node, row.op)) continue;
    if (row.reads_first && !as_transpose(node.input(0))) return Sunk();
    return row.rule(build, node);
  }
  return Sunk();
}

}  // namespace tegula::compiler
