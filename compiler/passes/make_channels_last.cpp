#include "compiler/passes/make_channels_last.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "compiler/ops/op_def.h"
#include "compiler/passes/relayout.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

constexpr std::array<std::string_view, 5> kSpatialOps = {"conv", "conv_transpose", "pool", "group_norm",
                                                       "quantized_conv"};

bool is_channels_first(const Node& node) {
  return std::find(kSpatialOps.begin(), kSpatialOps.end(), node.op->name) != kSpatialOps.end() &&
         !node.attributes.flag("channels_last");
}

Result<bool> relay(Graph& graph, Node& node) {
  if (!is_channels_first(node)) return false;
  const int rank = node.input(0)->rank();
  const Permutation to_last = channels_last_permutation(rank), to_first = channels_first_permutation(rank);
  Builder build(graph, node.origins, &node);

  std::vector<Value*> inputs = node.inputs;
  TEGULA_ASSIGN_OR_RETURN(inputs[0], make_transpose(build, inputs[0], to_last));
  std::vector<PostOp> post_ops = node.post_ops;
  for (PostOp& post_op : post_ops) {
    if (post_op.operand == nullptr || post_op.operand->rank() == 0) continue;
    TEGULA_ASSIGN_OR_RETURN(Value * ranked, with_rank(build, post_op.operand, rank));
    TEGULA_ASSIGN_OR_RETURN(post_op.operand, make_transpose(build, ranked, to_last));
  }
  Attributes attributes = node.attributes;
  attributes.set("channels_last", int64_t{1});
  TEGULA_ASSIGN_OR_RETURN(Node * relaid, build.node(node.op->name, std::move(inputs), std::move(attributes)));
  for (const PostOp& post_op : post_ops) graph.add_post_op(relaid, post_op);
  std::vector<std::pair<Value*, Value*>> replacements;
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    const Value* output = node.outputs[i];
    if (output == nullptr || (output->users.empty() && !output->is_output)) continue;
    TEGULA_ASSIGN_OR_RETURN(Value * first, make_transpose(build, relaid->outputs[i], to_first));
    replacements.emplace_back(node.outputs[i], first);
  }
  for (const auto& [from, to] : replacements) graph.replace_all_uses(from, to);
  std::vector<std::pair<Value*, std::string>> names;
  for (const auto& [from, to] : replacements) names.emplace_back(to, from->name);
  erase_unread(graph, &node);
  for (const auto& [value, name] : names) graph.rename_value(value, name);
  return true;
}

}  // namespace

Result<bool> make_channels_last(Graph& graph) {
  return rewrite_nodes(graph, [&](Node& node) { return relay(graph, node); });
}

}  // namespace tegula::compiler
