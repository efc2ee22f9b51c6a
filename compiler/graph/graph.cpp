#include "compiler/graph/graph.h"

#include <algorithm>
#include <unordered_map>

#include "compiler/ops/op_def.h"
#include "schema/base/check.h"

namespace tegula::compiler {
namespace {

/// Integer literals up to this many elements may describe shapes.
constexpr int64_t kMaxContents = 1024;

void forget_user(Value* value, Node* node) {
  const auto found = std::find(value->users.begin(), value->users.end(), node);
  TEGULA_CHECK(found != value->users.end(), "every operand has an entry in its value's users");
  value->users.erase(found);
}

bool too_complex(const Shape& dims) {
  return std::any_of(dims.begin(), dims.end(), [](const Dim& dim) { return dim.complexity() > Dim::kMaxComplexity; });
}

/// The outputs that infer gives for a node that need not be in the graph yet.
Result<std::vector<OutputType>> infer(Graph& graph, const Node& node) {
  std::vector<OutputType> types;
  InferContext context{node, graph, types};
  const std::size_t constraints = graph.constraints.size();
  const auto refuse = [&](Error error) {
    graph.constraints.resize(constraints, GraphConstraint{});
    return error;
  };
  if (Status status = node.op->infer(context); !status.ok()) return refuse(std::move(status).error());
  for (OutputType& type : types) {
    if (type.shape.size() > kernels::kMaxRank)
      return refuse(
          {ErrorCode::kUnsupported, context
                                        .error(concat("an output has ", type.shape.size(), " dimensions; at most ",
                                                      kernels::kMaxRank, " are supported"))
                                        .message});
    if (too_complex(type.shape))
      return refuse({ErrorCode::kUnsupported, context.error("an output's shape is too long an expression").message});
    if (type.contents && too_complex(*type.contents)) type.contents.reset();
  }
  // The same operands ask for the same again, so infer_again() does not pile up constraints.
  for (std::size_t i = constraints; i < graph.constraints.size();) {
    const GraphConstraint& added = graph.constraints[i];
    const auto end = graph.constraints.begin() + static_cast<std::ptrdiff_t>(i);
    const bool known = std::any_of(graph.constraints.begin(), end,
                                   [&](const GraphConstraint& other) { return other.asks_as(added); });
    if (known)
      graph.constraints.erase(end);
    else
      ++i;
  }
  return types;
}

}  // namespace

struct Graph::Index {
  struct Place {
    NodeList::iterator position;
    int64_t order = 0;
  };
  static constexpr int64_t kGap = int64_t{1} << 32;

  std::unordered_map<std::string, std::list<std::unique_ptr<Value>>::iterator> values;
  std::unordered_map<const Node*, Place> places;
  std::unordered_map<std::string, int64_t> next_number;  // of unique_name()

  void give_order(NodeList& nodes, NodeList::iterator position) {
    const int64_t before = position == nodes.begin() ? 0 : places.at(std::prev(position)->get()).order;
    const auto next = std::next(position);
    const int64_t after = next == nodes.end() ? before + 2 * kGap : places.at(next->get()).order;
    Place& place = places[position->get()];
    place.position = position;
    place.order = before + (after - before) / 2;
    if (place.order > before) return;
    int64_t order = 0;  // no room: number all again
    for (const std::unique_ptr<Node>& node : nodes) places.at(node.get()).order = order += kGap;
  }
};

Graph::Graph() : index_(std::make_unique<Index>()) {}
Graph::Graph(Graph&&) noexcept = default;
Graph& Graph::operator=(Graph&&) noexcept = default;
Graph::~Graph() = default;

// ---------------------------------------------------------------- values

Value* Graph::find_value(std::string_view value_name) const {
  const auto found = index_->values.find(std::string(value_name));
  return found == index_->values.end() ? nullptr : found->second->get();
}

std::string Graph::unique_name(std::string_view base) const {
  std::string candidate(base);
  int64_t& number = index_->next_number[candidate];
  while (candidate.empty() || index_->values.contains(candidate)) candidate = concat(base, "_", ++number);
  return candidate;
}

Value* Graph::new_value(std::string_view value_name, DType dtype, Shape shape) {
  auto value = std::make_unique<Value>();
  value->name = unique_name(value_name);
  value->dtype = dtype;
  value->shape = std::move(shape);
  values_.push_back(std::move(value));
  const auto position = std::prev(values_.end());
  index_->values.emplace((*position)->name, position);
  return position->get();
}

void Graph::delete_value(Value* value) {
  const auto found = index_->values.find(value->name);
  TEGULA_CHECK(found != index_->values.end(), "the value belongs to this graph");
  const auto position = found->second;
  index_->values.erase(found);
  values_.erase(position);
}

Value* Graph::add_input(std::string_view value_name, DType dtype, Shape shape) {
  TEGULA_CHECK(!find_value(value_name), "inputs have names of their own");
  Value* value = new_value(value_name, dtype, std::move(shape));
  value->is_input = true;
  inputs_.push_back(value);
  return value;
}

Value* Graph::add_constant(std::string_view value_name, Literal literal) {
  Value* value = new_value(value_name, literal.dtype(), to_shape(literal.dims()));
  if (!is_float(literal.dtype()) && literal.count() <= kMaxContents) {
    const std::vector<int64_t> elements = literal.to_ints();
    value->contents.emplace(elements.begin(), elements.end());
  }
  value->literal = std::move(literal);
  return value;
}

void Graph::set_outputs(std::vector<std::pair<std::string, Value*>> outputs) {
  for (const auto& [name_, value] : outputs_) value->is_output = false;
  outputs_ = std::move(outputs);
  for (const auto& [name_, value] : outputs_) value->is_output = true;
}

void Graph::rename_value(Value* value, std::string_view value_name) {
  if (value->name == value_name) return;
  auto entry = index_->values.extract(value->name);
  value->name = unique_name(value_name);
  entry.key() = value->name;
  index_->values.insert(std::move(entry));
}

// ---------------------------------------------------------------- nodes

Result<Node*> Graph::add_node(const OpDef& op, std::vector<Value*> inputs, Attributes attributes,
                              std::vector<std::string> origins, std::span<const std::string> output_names,
                              Node* before) {
  auto node = std::make_unique<Node>();
  node->op = &op;
  node->inputs = std::move(inputs);
  node->attributes = std::move(attributes);
  node->origins = std::move(origins);
  TEGULA_ASSIGN_OR_RETURN(std::vector<OutputType> types, infer(*this, *node));

  const std::string default_name = node->origins.empty() ? std::string(op.name) : node->origins.front();
  for (std::size_t i = 0; i < types.size(); ++i) {
    const bool named = i < output_names.size() && !output_names[i].empty();
    Value* value = new_value(named ? output_names[i] : default_name, types[i].dtype, std::move(types[i].shape));
    value->contents = std::move(types[i].contents);
    value->producer = node.get();
    node->outputs.push_back(value);
  }
  for (Value* value : node->inputs)
    if (value) value->users.push_back(node.get());

  const auto place = before ? index_->places.at(before).position : nodes_.end();
  const auto position = nodes_.insert(place, std::move(node));
  index_->give_order(nodes_, position);
  return position->get();
}

Status Graph::infer_again(Node* node) {
  TEGULA_ASSIGN_OR_RETURN(std::vector<OutputType> types, infer(*this, *node));
  TEGULA_CHECK(types.size() == node->outputs.size(), "the number of outputs does not change");
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (!node->outputs[i]) continue;
    node->outputs[i]->dtype = types[i].dtype;
    node->outputs[i]->shape = std::move(types[i].shape);
    node->outputs[i]->contents = std::move(types[i].contents);
  }
  return {};
}

void Graph::set_input(Node* node, std::size_t index, Value* value) {
  if (index >= node->inputs.size()) node->inputs.resize(index + 1, nullptr);
  if (node->inputs[index]) forget_user(node->inputs[index], node);
  node->inputs[index] = value;
  if (value) value->users.push_back(node);
}

void Graph::set_inputs(Node* node, std::vector<Value*> inputs) {
  for (Value* value : node->inputs)
    if (value) forget_user(value, node);
  node->inputs = std::move(inputs);
  for (Value* value : node->inputs)
    if (value) value->users.push_back(node);
}

void Graph::add_post_op(Node* node, PostOp post_op) {
  if (post_op.operand) post_op.operand->users.push_back(node);
  node->post_ops.push_back(post_op);
}

void Graph::set_post_op_operand(Node* node, std::size_t index, Value* value) {
  Value*& operand = node->post_ops[index].operand;
  if (operand) forget_user(operand, node);
  operand = value;
  if (value) value->users.push_back(node);
}

void Graph::replace_all_uses(Value* from, Value* to) {
  if (from == to) return;
  for (Node* node : from->users) {
    std::replace(node->inputs.begin(), node->inputs.end(), from, to);
    for (PostOp& post_op : node->post_ops)
      if (post_op.operand == from) post_op.operand = to;
  }
  to->users.insert(to->users.end(), from->users.begin(), from->users.end());
  from->users.clear();
  if (!from->is_output) return;
  for (auto& [name_, value] : outputs_)
    if (value == from) value = to;
  from->is_output = false;
  to->is_output = true;
}

void Graph::drop_output(Node* node, std::size_t index) {
  Value* value = node->outputs[index];
  TEGULA_CHECK(value && value->users.empty() && !value->is_output, "somebody still reads the output");
  delete_value(value);
  node->outputs[index] = nullptr;
}

void Graph::erase_node(Node* node) {
  for (Value* value : node->outputs)
    TEGULA_CHECK(!value || (value->users.empty() && !value->is_output), "somebody still reads an output of the node");
  for (Value* value : node->inputs)
    if (value) forget_user(value, node);
  for (const PostOp& post_op : node->post_ops)
    if (post_op.operand) forget_user(post_op.operand, node);
  for (Value* value : node->outputs)
    if (value) delete_value(value);
  const auto entry = index_->places.find(node);
  nodes_.erase(entry->second.position);
  index_->places.erase(entry);
}

void Graph::move_before(Node* node, Node* before) {
  TEGULA_CHECK(node != before, "a node cannot stand before itself");
  const auto position = index_->places.at(node).position;
  nodes_.splice(index_->places.at(before).position, nodes_, position);
  index_->give_order(nodes_, position);
}

bool Graph::remove_dead() {
  bool changed = false;
  for (auto position = nodes_.end(); position != nodes_.begin();) {
    Node* node = (--position)->get();
    const bool wanted = std::any_of(node->outputs.begin(), node->outputs.end(), [](const Value* value) {
      return value && (!value->users.empty() || value->is_output);
    });
    if (wanted) continue;
    ++position;
    erase_node(node);
    changed = true;
  }
  for (auto position = values_.begin(); position != values_.end();) {
    Value* value = (position++)->get();
    if (!value->is_constant() || !value->users.empty() || value->is_output) continue;
    delete_value(value);
    changed = true;
  }
  return changed;
}

Node* Graph::next(const Node* node) const {
  const auto position = std::next(index_->places.at(node).position);
  return position == nodes_.end() ? nullptr : position->get();
}

bool Graph::is_before(const Node* a, const Node* b) const {
  return index_->places.at(a).order < index_->places.at(b).order;
}

}  // namespace tegula::compiler
