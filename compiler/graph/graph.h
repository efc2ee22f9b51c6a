#pragma once
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/graph/attributes.h"
#include "compiler/graph/dim.h"
#include "compiler/graph/literal.h"
#include "schema/base/result.h"
#include "schema/function.h"

namespace tegula::compiler {

struct OpDef;
struct Node;
class Graph;

/// A tensor of the graph: written by one node, or an input, or a constant. Pointers to values and nodes stay valid
/// until the graph erases them.
struct Value {
  std::string name;  ///< unique in the graph; the ONNX name where there is one
  DType dtype = DType::kF32;
  Shape shape;
  Node* producer = nullptr;        ///< nullptr for inputs and constants
  std::optional<Literal> literal;  ///< of constants
  bool is_input = false;

  /// Elements (row-major) of a small integer tensor, as far as shapes tell them, possibly symbolic. What Reshape,
  /// Slice, Expand and their like read: a value with contents need not be computed for them.
  std::optional<std::vector<Dim>> contents;
  /// The same of a floating-point input of the graph that shapes depend on (the scales of Resize): a symbol for each
  /// element, which is read as a real (dim.h).
  std::optional<std::vector<Dim>> reals;

  /// Nodes that read this value, one entry per operand that names it. Kept by Graph.
  std::vector<Node*> users;
  bool is_output = false;  ///< one of the graph's outputs. Kept by Graph.

  bool is_constant() const { return literal.has_value(); }
  int rank() const { return static_cast<int>(shape.size()); }
};

/// What a gemm-like node (conv, matmul) does with each result before storing it.
struct PostOp {
  Function function = Function::k_identity;
  float alpha = 0, beta = 0;
  Value* operand = nullptr;    ///< second operand of a binary function; same shape as the output, or broadcast to it
  bool operand_first = false;  ///< function(operand, x) instead of function(x, operand)
  /// Of an operand of u8 or s8, which is read as (float(q) - float(operand_zero_point)) * operand_scale.
  float operand_scale = 1;
  int32_t operand_zero_point = 0;
};

/// One operation. Only Graph changes inputs, outputs and post_ops: it keeps Value::users.
struct Node {
  const OpDef* op = nullptr;
  std::vector<Value*> inputs;   ///< nullptr: absent
  std::vector<Value*> outputs;  ///< nullptr: not wanted
  Attributes attributes;
  std::vector<PostOp> post_ops;
  std::vector<std::string> origins;  ///< names of the ONNX nodes that this one computes; first is the most telling
  std::string rule;                  ///< for the report: why the node has its precision; empty: it is the model's own

  Value* input(std::size_t i) const { return i < inputs.size() ? inputs[i] : nullptr; }
  Value* output(std::size_t i = 0) const { return i < outputs.size() ? outputs[i] : nullptr; }
};

/// What must hold when shapes are bound, beyond what the dimensions say.
struct GraphConstraint {
  enum class Kind : uint8_t { kEqual, kDivisible, kBroadcast, kAtLeast } kind = Kind::kEqual;
  Dim a, b;
  std::string message;  ///< names the ONNX node that asks for it

  /// Whether both ask for the same; their messages may differ.
  bool asks_as(const GraphConstraint& other) const { return kind == other.kind && a == other.a && b == other.b; }
};

/// A symbol and the range that the user or the model gave it.
struct SymbolRange {
  std::string name;
  int64_t min = 0;
  int64_t max = INT64_MAX;
};

/// The program while it is compiled: nodes in execution order over single-assignment values.
class Graph {
 public:
  using NodeList = std::list<std::unique_ptr<Node>>;

  Graph();
  Graph(Graph&&) noexcept;
  Graph& operator=(Graph&&) noexcept;
  ~Graph();

  std::string name;
  std::vector<SymbolRange> symbols;
  std::vector<GraphConstraint> constraints;
  std::vector<std::string> notes;  ///< for the report: what import or a pass did that a user would want to know

  // ---- values
  Value* add_input(std::string_view value_name, DType dtype, Shape shape);
  /// `value_name` is made unique; its contents are set for small integer literals.
  Value* add_constant(std::string_view value_name, Literal literal);
  /// Sets the outputs, in order. A value may appear under several names: names are the program's, not the value's.
  void set_outputs(std::vector<std::pair<std::string, Value*>> outputs);
  const std::vector<Value*>& inputs() const { return inputs_; }
  const std::vector<std::pair<std::string, Value*>>& outputs() const { return outputs_; }
  const std::list<std::unique_ptr<Value>>& values() const { return values_; }
  Value* find_value(std::string_view value_name) const;
  /// `base`, or base with a number that makes it unused.
  std::string unique_name(std::string_view base) const;
  /// Gives a value another name, made unique.
  void rename_value(Value* value, std::string_view value_name);

  // ---- nodes
  const NodeList& nodes() const { return nodes_; }

  /// Adds a node before `before` (nullptr: at the end), runs its op's infer and creates its outputs with the dtypes and
  /// shapes that infer found. `output_names` may be shorter than the outputs or empty. kUnsupported/kInvalidArgument
  /// from infer, and then the graph is unchanged.
  Result<Node*> add_node(const OpDef& op, std::vector<Value*> inputs, Attributes attributes,
                         std::vector<std::string> origins, std::span<const std::string> output_names = {},
                         Node* before = nullptr);
  /// Runs infer again after a pass has changed attributes or inputs; the outputs take the new types and shapes.
  Status infer_again(Node* node);

  void set_input(Node* node, std::size_t index, Value* value);
  void set_inputs(Node* node, std::vector<Value*> inputs);
  void add_post_op(Node* node, PostOp post_op);
  void set_post_op_operand(Node* node, std::size_t index, Value* value);
  /// Every reader of `from` (operands, post-ops and graph outputs) reads `to` instead. The output keeps its name.
  void replace_all_uses(Value* from, Value* to);
  /// Removes an output that nobody reads; the node stays, with nullptr in its place.
  void drop_output(Node* node, std::size_t index);
  /// Removes a node whose outputs nobody reads, with its outputs.
  void erase_node(Node* node);
  /// Moves a node before another.
  void move_before(Node* node, Node* before);
  /// Removes nodes and constants that no output depends on. Returns whether anything went.
  bool remove_dead();

  /// nullptr after the last.
  Node* next(const Node* node) const;
  bool is_before(const Node* a, const Node* b) const;

 private:
  Value* new_value(std::string_view value_name, DType dtype, Shape shape);
  void delete_value(Value* value);

  struct Index;
  std::unique_ptr<Index> index_;
  std::list<std::unique_ptr<Value>> values_;
  std::vector<Value*> inputs_;
  std::vector<std::pair<std::string, Value*>> outputs_;
  NodeList nodes_;
};

/// The graph as text, and back: golden tests, dumps and bug reports use it. graph/README.md has the grammar. Large
/// literals print as their shape and checksum; parse() then fills them with values made from that checksum, so a
/// printed graph can always be parsed.
///
///   input %x: f32[batch,3,8,8]
///   const %w: f32[4,3,3,3] = random(1)
///   %c = conv(%x, %w) {kernel=[3,3], strides=[1,1]}
///   %y = relu(%c)
///   return %y
std::string print(const Graph& graph);
Result<Graph> parse(std::string_view text);

/// Every promise above: one producer, order, users, shapes that infer confirms, unique names. kInternal names the node.
Status verify(const Graph& graph);

}  // namespace tegula::compiler
