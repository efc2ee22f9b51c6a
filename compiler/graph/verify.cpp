#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "compiler/graph/graph.h"
#include "compiler/graph/graph_text.h"
#include "compiler/ops/op_def.h"

namespace tegula::compiler {
namespace {

class Verifier {
 public:
  explicit Verifier(const Graph& graph) : graph_(graph) {}

  Status run() {
    for (const auto& value : graph_.values()) known_.insert(value.get());
    for (const Value* input : graph_.inputs()) {
      if (!known_.contains(input)) return broken("an input of the graph is not one of its values");
      if (!input->is_input || input->producer || input->is_constant())
        return broken(*input, "is an input and something else");
    }
    for (const auto& value : graph_.values()) TEGULA_RETURN_IF_ERROR(check_value(*value));
    for (const auto& node : graph_.nodes()) TEGULA_RETURN_IF_ERROR(check_node(*node));
    for (const auto& value : graph_.values()) {
      if (value->producer && !ready_.contains(value.get()))
        return broken(*value, "has a producer that does not write it");
      if (users_[value.get()] != value->users.size()) return broken(*value, "has users that do not read it");
    }
    return check_outputs();
  }

 private:
  static Error broken(std::string_view what) { return {ErrorCode::kInternal, concat("graph: ", what)}; }
  static Error broken(const Value& value, std::string_view what) {
    return broken(concat("value '", value.name, "' ", what));
  }
  static Error broken(const Node& node, std::string_view what) {
    return broken(concat("node '", name_of(node), "' (", node.op->name, ") ", what));
  }

  Status check_value(const Value& value) {
    if (graph_.find_value(value.name) != &value) return broken(value, "shares its name with another");
    if (value.producer && (value.is_constant() || value.is_input)) return broken(value, "has more than one origin");
    if (!value.producer && !value.is_constant() && !value.is_input) return broken(value, "comes from nowhere");
    if (value.is_constant()) {
      const Literal& literal = *value.literal;
      if (literal.dtype() != value.dtype || to_shape(literal.dims()) != value.shape)
        return broken(value, concat("is declared as ", type_text(value), ", but its elements are ",
                                    name_of(literal.dtype()), to_string(to_shape(literal.dims()))));
      if (literal.bytes().size() != static_cast<std::size_t>(literal.count()) * size_of(literal.dtype()))
        return broken(value, "has another number of bytes than its type");
    }
    if (value.contents) {
      const auto dims = constant_dims(value.shape);
      if (!dims || element_count(*dims) != static_cast<int64_t>(value.contents->size()))
        return broken(value,
                      concat("has ", value.contents->size(), " known elements, but its type is ", type_text(value)));
    }
    if (!value.producer) ready_.insert(&value);
    return {};
  }

  Status check_read(const Node& node, const Value* value) {
    if (!known_.contains(value)) return broken(node, "reads a value that is not in the graph");
    if (!ready_.contains(value)) return broken(node, concat("reads '", value->name, "' before it is written"));
    ++users_[value];
    if (std::find(value->users.begin(), value->users.end(), &node) == value->users.end())
      return broken(node, concat("is missing among the users of '", value->name, "'"));
    return {};
  }

  Status check_node(const Node& node) {
    if (!node.op) return broken("a node has no operation");
    for (const Value* value : node.inputs)
      if (value) TEGULA_RETURN_IF_ERROR(check_read(node, value));
    for (const PostOp& post_op : node.post_ops) {
      if (!node.op->takes_post_ops) return broken(node, "has post-ops, but its operation takes none");
      if (arity_of(post_op.function) != (post_op.operand ? 2 : 1))
        return broken(node, concat("has a post-op ", name_of(post_op.function), " with a wrong number of operands"));
      if (post_op.operand) TEGULA_RETURN_IF_ERROR(check_read(node, post_op.operand));
    }
    TEGULA_RETURN_IF_ERROR(check_types(node));
    for (const Value* output : node.outputs) {
      if (!output) continue;
      if (!known_.contains(output) || output->producer != &node)
        return broken(node, "writes a value that is not its own");
      if (!ready_.insert(output).second) return broken(*output, "is written twice");
    }
    return {};
  }

  Status check_types(const Node& node) {
    std::vector<OutputType> types;
    InferContext context{node, scratch_, types};
    if (auto status = node.op->infer(context); !status.ok())
      return broken(node, concat("no longer fits: ", status.error().message));
    if (types.size() != node.outputs.size()) return broken(node, "has a wrong number of outputs");
    for (std::size_t i = 0; i < types.size(); ++i) {
      const Value* output = node.outputs[i];
      if (output && (output->dtype != types[i].dtype || output->shape != types[i].shape))
        return broken(node, concat("writes ", name_of(types[i].dtype), to_string(types[i].shape), ", but '",
                                   output->name, "' is ", type_text(*output)));
    }
    return {};
  }

  Status check_outputs() {
    std::set<std::string> names;
    std::unordered_set<const Value*> outputs;
    for (const auto& [name, value] : graph_.outputs()) {
      if (!names.insert(name).second) return broken(concat("two outputs are called '", name, "'"));
      if (!known_.contains(value) || !value->is_output)
        return broken(concat("output '", name, "' is no value marked as one"));
      outputs.insert(value);
    }
    for (const auto& value : graph_.values())
      if (value->is_output && !outputs.contains(value.get()))
        return broken(*value, "is marked as an output, but is none");
    return {};
  }

  const Graph& graph_;
  Graph scratch_;  // takes the constraints that infer adds
  std::unordered_set<const Value*> known_, ready_;
  std::unordered_map<const Value*, std::size_t> users_;
};

}  // namespace

Status verify(const Graph& graph) {
  return Verifier(graph).run();
}

}  // namespace tegula::compiler
