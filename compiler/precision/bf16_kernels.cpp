#include "compiler/precision/bf16_kernels.h"

#include <algorithm>
#include <array>

#include "compiler/ops/op_def.h"

namespace tegula::compiler {
namespace {

using enum Bf16Form;

Bf16Ends none(std::string refusal) {
  return {kNone, {}, std::move(refusal)};
}

Bf16Ends of_conv(const Node& node) {
  if (!node.attributes.flag("channels_last")) return none("it is not channels-last");
  if (!node.input(1)->is_constant()) return none("its weights are computed");
  constexpr int kRankOfTwoSpatial = 4;
  if (!is_depthwise(node)) return {kProduct, {0, 1}, {}};
  if (node.input(0)->rank() > kRankOfTwoSpatial)
    return none("no kernel multiplies bf16 depthwise in three spatial dimensions");
  // Its few weights stay fp32, in which the kernels multiply anyway. (Rounded tap by tap they made four fifths of the
  // squared error of MobileNetV2 in bf16: the taps of a filter see neighbours, which are nearly equal, so that a sum of
  // taps which is off is off at every pixel of the channel.)
  return {kProduct, {0}, {}};
}

Bf16Ends of_reduce(const Node& node) {
  if (node.attributes.text("kind") != "mean") return none("no kernel reduces bf16 but by means");
  const std::vector<int64_t> axes = node.attributes.ints("axes");
  const bool neighbours = !axes.empty() && axes.back() - axes.front() == static_cast<int64_t>(axes.size()) - 1;
  if (!neighbours || axes.back() == node.input(0)->rank() - 1)
    return none("no kernel takes means of bf16 but over neighbouring dimensions before the last");
  return {kAverage, {0}, {}};
}

Bf16Ends of_pool(const Node& node) {
  if (!node.attributes.flag("channels_last")) return none("it is not channels-last");
  const std::string kind = node.attributes.text("kind");
  if (kind == "average") return {kAverage, {0}, {}};
  if (kind != "max") return none("no kernel takes norms of bf16");
  const Value* const indices = node.output(1);
  const bool reads_indices = indices != nullptr && (!indices->users.empty() || indices->is_output);
  return reads_indices ? none("it also gives the positions of its maxima") : Bf16Ends{kMover, {0}, {}};
}

/// Functions of fp32: real operands come in and the result goes out by casts in the program.
Bf16Ends of_eltwise(const Node& node) {
  Bf16Ends ends{kConverter, {}, {}};
  for (std::size_t i = 0; i < node.inputs.size(); ++i)
    if (node.inputs[i]->dtype == DType::kF32 && !node.inputs[i]->is_constant()) ends.operands.push_back(i);
  if (ends.operands.empty() && node.output()->dtype != DType::kF32) return none("it has no real operands");
  return ends;
}

struct Row {
  std::string_view op;
  Bf16Form form;
  std::vector<std::size_t> operands;
};

/// Operations whose attributes do not matter.
const std::vector<Row>& rows() {
  static const std::vector<Row> table = {
      {"matmul", kProduct, {0, 1}},
      {"attention", kConverter, {0, 1, 2}},
      {"layer_norm", kConverter, {0, 3}},
      {"reshape", kMover, {0}},
      {"transpose", kMover, {0}},
      {"slice", kMover, {0}},
      {"expand", kMover, {0}},
      {"pad", kMover, {0, 1}},
      {"gather_elements", kMover, {0}},
      {"gather_nd", kMover, {0}},
      {"trilu", kMover, {0}},
      {"reverse_sequence", kMover, {0}},
      {"one_hot", kMover, {1}},
      {"quantized_conv", kResult, {}},
      {"quantized_matmul", kResult, {}},
      {"weight_only_matmul", kProduct, {0}},
  };
  return table;
}

}  // namespace

bool is_depthwise(const Node& node) {
  if (!is_op(&node, "conv")) return false;
  const int64_t groups = node.attributes.integer("groups", 1);
  const Shape& w = node.input(1)->shape;
  return groups > 1 && w[0].is(groups) && w[1].is(1);
}

Bf16Ends bf16_ends(const Node& node) {
  const auto is_real = [](const Value* value) {
    return value != nullptr && (value->dtype == DType::kF32 || value->dtype == DType::kBF16);
  };
  if (std::none_of(node.inputs.begin(), node.inputs.end(), is_real) && !is_real(node.output()))
    return none("it has no real operands");
  if (is_op(&node, "eltwise")) return of_eltwise(node);
  if (is_op(&node, "conv")) return of_conv(node);
  if (is_op(&node, "reduce")) return of_reduce(node);
  if (is_op(&node, "pool")) return of_pool(node);
  if (is_op(&node, "softmax")) {
    if (node.attributes.integer("axis") != node.input(0)->rank() - 1)
      return none("no kernel takes a softmax of bf16 along another dimension than the innermost");
    return {kConverter, {0}, {}};
  }
  if (is_op(&node, "concat")) {
    Bf16Ends ends{kMover, {}, {}};
    for (std::size_t i = 0; i < node.inputs.size(); ++i) ends.operands.push_back(i);
    return ends;
  }
  if (is_op(&node, "gather"))
    return node.inputs.size() > 2 ? Bf16Ends{kResult, {}, {}} : Bf16Ends{kMover, {0}, {}};  // rows of integers; or not
  const auto found =
      std::find_if(rows().begin(), rows().end(), [&](const Row& row) { return row.op == node.op->name; });
  if (found == rows().end()) return none(concat("no kernel of ", node.op->name, " reads or writes bf16"));
  // Types of their own belong to quantized ends, as far as the model has such.
  if (found->form == kResult && node.attributes.dtype("to", DType::kF32) != DType::kF32) return none("it is integer");
  return {found->form, found->operands, {}};
}

}  // namespace tegula::compiler
