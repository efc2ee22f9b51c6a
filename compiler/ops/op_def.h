#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/graph/graph.h"
#include "kernels/tensor_view.h"
#include "schema/base/result.h"

namespace tegula::schema {
struct StepT;
}

namespace tegula::compiler {

class LowerContext;

/// What infer says about one output.
struct OutputType {
  DType dtype = DType::kF32;
  Shape shape;
  std::optional<std::vector<Dim>> contents;
};

/// What infer sees and writes. Errors name the node: use error().
struct InferContext {
  const Node& node;
  Graph& graph;  ///< for constraints; infer adds no nodes
  std::vector<OutputType>& outputs;

  const Value& input(std::size_t i) const { return *node.inputs[i]; }
  bool has_input(std::size_t i) const { return node.input(i) != nullptr; }
  /// kInvalidArgument: "node 'conv_3' (conv): <what>".
  Error error(std::string_view what) const;
  /// The same as kUnsupported: nothing is wrong with the model, we do not have it.
  Error unsupported(std::string_view what) const;
};

/// Everything the compiler knows about one operation of the graph. One file an operation: compiler/ops/<name>.cpp; the
/// table is ops.inc.
struct OpDef {
  std::string_view name;

  /// Checks operands and attributes and gives the outputs' types and shapes.
  Status (*infer)(InferContext& context) = nullptr;

  /// Computes the node without its post-ops, with plain loops on concrete tensors: constant folding and the reference
  /// interpreter. Inputs and outputs are contiguous; outputs are allocated with the dims that infer gave. Absent
  /// operands and outputs have data == nullptr. nullptr: never foldable.
  Status (*evaluate)(const Node& node, std::span<const kernels::TensorView> inputs,
                     std::span<const kernels::TensorView> outputs) = nullptr;

  /// Of ops whose result is stored in another type than it is computed in: evaluate() writes fp32 for an output of u8,
  /// s8 or bf16, the post-ops follow, and this makes the output of it. nullptr: evaluate() writes the output itself.
  Status (*store)(const Node& node, const kernels::TensorView& real, const kernels::TensorView& output) = nullptr;

  /// Writes the step: attributes; the caller fills names, inputs, outputs and post-ops from the node unless lower() has
  /// set them. nullptr: the op leaves no step (a view), see is_view.
  Status (*lower)(LowerContext& context, const Node& node, schema::StepT& step) = nullptr;

  /// The output is the input's bytes under other dimensions: reshape.
  bool is_view = false;
  /// Takes PostOps.
  bool takes_post_ops = false;
  /// Output i may reuse the memory of an input that dies here (same element size and count).
  bool in_place = false;
  /// Kernels of this op read (write) operands whose rows along the last dimension are strided: what lets concat and
  /// split along the innermost axis become views.
  bool strided_inputs = false;
  bool strided_outputs = false;
};

// The operations of ops.inc: `conv_op`, `eltwise_op`, ...
#define TEGULA_OP(name) extern const OpDef name##_op;
#include "compiler/ops/ops.inc"
#undef TEGULA_OP

/// The operation called `name`, or nullptr.
const OpDef* find_op(std::string_view name);
std::span<const OpDef* const> all_ops();

/// The name by which messages call a node: its first origin, or its first output.
std::string_view name_of(const Node& node);

/// A program of one instruction whose operands are its inputs in order: the attribute "program" of an eltwise node.
FunctionProgram one_function(Function function, float alpha = 0, float beta = 0, DType to = DType::kF32);
/// The function of a node that is a one-instruction eltwise whose operands are its inputs in order; nullptr otherwise.
const FunctionInstruction* single_function(const Node& node);
bool is_function(const Node* node, Function function);  ///< false for nullptr
bool is_op(const Node* node, std::string_view name);    ///< false for nullptr

/// Adds nodes one after another at one place of a graph, with one list of origins. For importers and passes.
class Builder {
 public:
  Builder(Graph& graph, std::vector<std::string> origins, Node* before = nullptr)
      : graph_(graph), origins_(std::move(origins)), before_(before) {}

  Graph& graph() const { return graph_; }
  Result<Node*> node(std::string_view op, std::vector<Value*> inputs, Attributes attributes = {});
  /// The first output of node().
  Result<Value*> add(std::string_view op, std::vector<Value*> inputs, Attributes attributes = {});
  Result<Value*> function(Function function, std::vector<Value*> inputs, float alpha = 0, float beta = 0);
  Result<Value*> cast(Value* input, DType to);  ///< the input itself when it has that type
  Value* constant(Literal literal, std::string_view name = "const");
  Result<Value*> reshape(Value* input, Shape shape);                  ///< the input itself when it has that shape
  Result<Value*> transpose(Value* input, std::vector<int64_t> perm);  ///< the input itself for the identity

 private:
  Graph& graph_;
  std::vector<std::string> origins_;
  Node* before_;
};

/// Evaluates a node whose inputs are all literals (nullptr: absent), through its op's plain loops, then its post-ops;
/// `post_op_operands` are as node.post_ops, nullptr where there is none. One literal per output of the node.
/// kUnsupported when the op has no plain loops or a dimension is not constant.
Result<std::vector<Literal>> evaluate(const Node& node, std::span<const Literal* const> inputs,
                                      std::span<const Literal* const> post_op_operands = {});

}  // namespace tegula::compiler
