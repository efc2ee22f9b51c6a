#include "compiler/ops/op_def.h"

#include <algorithm>
#include <numeric>

namespace tegula::compiler {
namespace {

constexpr const OpDef* kOps[] = {
#define TEGULA_OP(name) &name##_op,
#include "compiler/ops/ops.inc"
#undef TEGULA_OP
};

}  // namespace

const OpDef* find_op(std::string_view name) {
  const auto found = std::find_if(std::begin(kOps), std::end(kOps), [&](const OpDef* op) { return op->name == name; });
  return found == std::end(kOps) ? nullptr : *found;
}

std::span<const OpDef* const> all_ops() {
  return kOps;
}

std::string_view name_of(const Node& node) {
  if (!node.origins.empty()) return node.origins.front();
  return node.outputs.empty() || !node.outputs[0] ? std::string_view("?") : std::string_view(node.outputs[0]->name);
}

Error InferContext::error(std::string_view what) const {
  return {ErrorCode::kInvalidArgument, concat("node '", name_of(node), "' (", node.op->name, "): ", what)};
}

Error InferContext::unsupported(std::string_view what) const { return {ErrorCode::kUnsupported, error(what).message}; }

FunctionProgram one_function(Function function, float alpha, float beta, DType to) {
  return {.inputs = static_cast<uint16_t>(arity_of(function)),
          .instructions = {{.function = function, .a = 0, .b = 1, .c = 2, .alpha = alpha, .beta = beta, .to = to}}};
}

const FunctionInstruction* single_function(const Node& node) {
  if (node.op != &eltwise_op) return nullptr;
  const FunctionProgram& program = node.attributes.program("program");
  if (program.instructions.size() != 1) return nullptr;
  const FunctionInstruction& instruction = program.instructions[0];
  const int arity = arity_of(instruction.function);
  const bool in_order = program.inputs == arity && instruction.a == 0 && (arity < 2 || instruction.b == 1) &&
                        (arity < 3 || instruction.c == 2);
  return in_order ? &instruction : nullptr;
}

bool is_function(const Node* node, Function function) {
  const FunctionInstruction* instruction = node ? single_function(*node) : nullptr;
  return instruction && instruction->function == function;
}

bool is_op(const Node* node, std::string_view name) {
  return node && node->op->name == name;
}

// ---------------------------------------------------------------- Builder

Result<Node*> Builder::node(std::string_view op, std::vector<Value*> inputs, Attributes attributes) {
  const OpDef* found = find_op(op);
  if (!found) return Error{ErrorCode::kInternal, concat("there is no operation '", op, "'")};
  return graph_.add_node(*found, std::move(inputs), std::move(attributes), origins_, {}, before_);
}

Result<Value*> Builder::add(std::string_view op, std::vector<Value*> inputs, Attributes attributes) {
  TEGULA_ASSIGN_OR_RETURN(Node * added, node(op, std::move(inputs), std::move(attributes)));
  return added->outputs[0];
}

Result<Value*> Builder::function(Function function, std::vector<Value*> inputs, float alpha, float beta) {
  return add("eltwise", std::move(inputs), {{"program", one_function(function, alpha, beta)}});
}

Result<Value*> Builder::cast(Value* input, DType to) {
  if (input->dtype == to) return input;
  return add("eltwise", {input}, {{"program", one_function(Function::k_cast, 0, 0, to)}});
}

Value* Builder::constant(Literal literal, std::string_view name) {
  return graph_.add_constant(name, std::move(literal));
}

Result<Value*> Builder::reshape(Value* input, Shape shape) {
  if (input->shape == shape) return input;
  return add("reshape", {input}, {{"shape", std::move(shape)}});
}

Result<Value*> Builder::transpose(Value* input, std::vector<int64_t> perm) {
  std::vector<int64_t> identity(perm.size());
  std::iota(identity.begin(), identity.end(), 0);
  if (perm == identity) return input;
  return add("transpose", {input}, {{"perm", std::move(perm)}});
}

}  // namespace tegula::compiler
