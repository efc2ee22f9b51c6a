#include "compiler/precision/choose_bf16.h"

#include <algorithm>

#include "compiler/ops/op_def.h"
#include "compiler/precision/bf16_islands.h"
#include "compiler/precision/bf16_types.h"
#include "compiler/precision/position_nodes.h"
#include "compiler/quantize/operator_types.h"

namespace tegula::compiler {
namespace {

using NodePlan = Bf16Plan::NodePlan;

/// Which selector of a list speaks of a node.
using Selected = std::unordered_map<const Node*, const NodeSelector*>;

Result<Selected> select_all(const Graph& graph, const std::vector<NodeSelector>& selectors) {
  Selected selected;
  for (const NodeSelector& selector : selectors) {
    TEGULA_ASSIGN_OR_RETURN(const std::vector<Node*> nodes, selector.select(graph));
    for (const Node* node : nodes) selected.emplace(node, &selector);
  }
  return selected;
}

/// Whether the node has real operands or results at all.
bool is_real(const Node& node) {
  const auto is_f32 = [](const Value* value) { return value != nullptr && value->dtype == DType::kF32; };
  return std::any_of(node.inputs.begin(), node.inputs.end(), is_f32) ||
         std::any_of(node.outputs.begin(), node.outputs.end(), is_f32);
}

class Chooser {
 public:
  Chooser(const Graph& graph, Selected allowed, Selected denied)
      : graph_(graph), allowed_(std::move(allowed)), denied_(std::move(denied)), positions_(position_nodes(graph)) {}

  Result<Bf16Plan> run() {
    for (const auto& node : graph_.nodes()) TEGULA_RETURN_IF_ERROR(classify(*node));
    for (;;) {
      find_bf16_around();
      choose_bf16_types(graph_, plan_);
      const std::vector<LosingIsland> losing = losing_islands(graph_, plan_);
      if (losing.empty()) break;
      for (const LosingIsland& island : losing) give_up(island);
    }
    return std::move(plan_);
  }

 private:
  /// What the node is apart from its neighbours.
  struct Standing {
    Bf16Class bf16_class = Bf16Class::kDeny;
    std::string_view reason;
  };

  Status classify(const Node& node) {
    NodePlan& plan = plan_.nodes[&node];
    Standing& standing = standings_[&node];
    plan.ends = bf16_ends(node);
    const Bf16Default row = default_bf16_class(node);
    standing = {row.bf16_class, row.reason};
    if (const auto allowed = allowed_.find(&node); allowed != allowed_.end()) {
      const NodeSelector& selector = *allowed->second;
      if (plan.ends.form != Bf16Form::kNone) {
        plan.is_forced = plan.is_bf16 = true;
        standing.bf16_class = Bf16Class::kAllow;
        plan.rule = concat("bf16: the user allows ", selector.description());
        return {};
      }
      if (selector.kind() == NodeSelector::Kind::kName)
        return Error{ErrorCode::kInvalidArgument, concat("bf16 is allowed for ", selector.description(), " (",
                                                         operator_types(node).front(), "), but ", plan.ends.refusal)};
    }
    if (const auto denied = denied_.find(&node); denied != denied_.end()) {
      deny(node, concat("fp32: the user denies ", denied->second->description()));
      return {};
    }
    if (!is_real(node)) return {};
    if (positions_.contains(&node)) {
      deny(node, "fp32: computes positions or indices");
    } else if (row.bf16_class == Bf16Class::kDeny) {
      deny(node, concat("fp32: denied by default: ", row.reason));
    } else if (plan.ends.form == Bf16Form::kNone) {
      deny(node, concat("fp32: ", plan.ends.refusal));
    } else if (row.bf16_class == Bf16Class::kAllow) {
      plan.is_bf16 = true;
      plan.rule = concat("bf16: allowed by default: ", row.reason);
    }
    return {};
  }

  /// A mover that stays fp32 no longer ties its ends together.
  void deny(const Node& node, std::string rule) {
    NodePlan& plan = plan_.nodes[&node];
    if (plan.ends.form == Bf16Form::kMover) plan.ends.form = Bf16Form::kNone;
    standings_[&node].bf16_class = Bf16Class::kDeny;
    plan.is_bf16 = false;
    plan.rule = std::move(rule);
  }

  bool hands_on(const Node& node) const {
    const Standing& standing = standings_.at(&node);
    return standing.bf16_class == Bf16Class::kInfer || plan_.of(node).ends.form == Bf16Form::kMover;
  }

  /// What infers becomes bf16 between nodes that are.
  void find_bf16_around() {
    std::unordered_map<const Node*, bool> above, below;
    const auto is_source = [&](const Node& node) {
      const NodePlan& plan = plan_.of(node);
      const bool is_allowed = standings_.at(&node).bf16_class == Bf16Class::kAllow && plan.is_bf16;
      return is_allowed || plan.ends.form == Bf16Form::kResult;
    };
    for (const auto& node : graph_.nodes()) {
      bool& any = above[node.get()];
      for (const std::size_t i : plan_.of(*node).ends.operands) {
        const Value* value = node->input(i);
        const Node* producer = value != nullptr ? value->producer : nullptr;
        if (producer != nullptr) any = any || is_source(*producer) || (hands_on(*producer) && above[producer]);
      }
    }
    for (auto position = graph_.nodes().rbegin(); position != graph_.nodes().rend(); ++position) {
      const Node& node = **position;
      bool& any = below[&node];
      for (const Value* output : node.outputs) {
        if (output == nullptr) continue;
        for (const Node* user : output->users) {
          const bool is_allowed = is_source(*user) && plan_.of(*user).is_bf16;
          any = any || is_allowed || (hands_on(*user) && below[user]);
        }
      }
    }
    for (const auto& node : graph_.nodes()) {
      const Standing& standing = standings_.at(node.get());
      NodePlan& plan = plan_.nodes.at(node.get());
      if (standing.bf16_class != Bf16Class::kInfer || !is_real(*node)) continue;
      plan.is_bf16 = above[node.get()] && below[node.get()];
      plan.rule = plan.is_bf16 ? concat("bf16: between bf16 operations: ", standing.reason)
                               : concat("fp32: no bf16 operation ", above[node.get()] ? "behind" : "before", " it");
    }
  }

  void give_up(const LosingIsland& island) {
    for (const Node* node : island.nodes) deny(*node, concat("fp32: ", island.reason));
  }

  const Graph& graph_;
  const Selected allowed_, denied_;
  const std::unordered_set<const Node*> positions_;
  std::unordered_map<const Node*, Standing> standings_;
  Bf16Plan plan_;
};

}  // namespace

Result<Bf16Plan> choose_bf16(const Graph& graph, const Bf16Options& options) {
  TEGULA_ASSIGN_OR_RETURN(Selected allowed, select_all(graph, options.allow));
  TEGULA_ASSIGN_OR_RETURN(Selected denied, select_all(graph, options.deny));
  for (const auto& node : graph.nodes()) {
    const auto allow = allowed.find(node.get()), deny = denied.find(node.get());
    if (allow == allowed.end() || deny == denied.end()) continue;
    return Error{ErrorCode::kInvalidArgument,
                 concat("bf16 is both allowed and denied for '", name_of(*node), "': by ", allow->second->description(),
                        " and by ", deny->second->description())};
  }
  return Chooser(graph, std::move(allowed), std::move(denied)).run();
}

}  // namespace tegula::compiler
