#pragma once
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/graph/graph.h"
#include "compiler/precision/bf16_classes.h"
#include "compiler/precision/bf16_kernels.h"
#include "compiler/quantize/node_selector.h"

namespace tegula::compiler {

/// What a user says about bf16, over the defaults of bf16_classes.h.
struct Bf16Options {
  std::vector<NodeSelector> allow, deny;
};

/// The type that a value of f32 is to be stored in, and a conversion that no kernel does on the way.
struct Bf16Plan {
  struct NodePlan {
    Bf16Ends ends;
    bool is_bf16 = false;    ///< computes with, or between, bf16
    bool is_forced = false;  ///< the user allows it
    std::string rule;
  };
  struct Conversion {
    const Value* value = nullptr;
    DType to = DType::kBF16;
    bool at_border = false;           ///< of an input, or for an output, of the graph
    std::vector<const Node*> beside;  ///< bf16 nodes that ask for it
  };

  std::unordered_map<const Node*, NodePlan> nodes;
  std::unordered_map<const Value*, DType> types;  ///< of values that the graph has in f32; absent: as they are
  std::vector<Conversion> conversions;

  const NodePlan& of(const Node& node) const { return nodes.at(&node); }
  /// What the producer of a value gives.
  DType stored(const Value& value) const;
};

/// Decides for every node and value; changes nothing. kInvalidArgument: a selector that matches nothing, a node that is
/// both allowed and denied, or one that is allowed by name and has no kernel for bf16.
///
/// * Classes: those of the user, then positions (position_nodes.h: fp32), then the table. What allows becomes bf16,
/// what
///   infers where there is bf16 both above and below it, with nothing but inferring and clear operations between.
/// * Types: a value is bf16 where a product of bf16 reads it or where only bf16 operations do, and where that leaves
/// the
///   fewest conversions inside of the graph. Results that fp32 operations read alone stay f32: every kernel of bf16
///   stores either.
/// * Islands: bf16 nodes that are connected by values. One whose conversions cost more time than its products save
/// becomes
///   fp32 again, but for those that the user allows.
Result<Bf16Plan> choose_bf16(const Graph& graph, const Bf16Options& options);

}  // namespace tegula::compiler
