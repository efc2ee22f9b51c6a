#include "compiler/passes/fuse_elementwise_chains.h"

#include <algorithm>
#include <vector>

#include "compiler/ops/op_def.h"
#include "compiler/passes/rewrite.h"
#include "schema/function_types.h"

namespace tegula::compiler {
namespace {

constexpr std::size_t kMaxInputs = 8;
constexpr std::size_t kMaxInstructions = 16;

bool is_real_or_quantized(DType type) {
  return type == DType::kF32 || type == DType::kBF16 || type == DType::kU8 || type == DType::kS8;
}

/// Results of instructions that are fp32, or are made of fp32 for whoever reads them.
bool is_f32_or_converted(const FunctionInstruction& instruction, DType result) {
  if (result == DType::kF32 || converts_quantization(instruction.function)) return true;
  return instruction.function == Function::k_cast && result == DType::kBF16;
}

/// An elementwise node that computes in fp32, with operands and result that are real (f32, bf16) or quantized.
bool is_f32_eltwise(const Node* node) {
  if (!is_op(node, "eltwise") || !is_real_or_quantized(node->output()->dtype)) return false;
  std::vector<DType> types;
  for (const Value* value : node->inputs) types.push_back(value->dtype);
  if (!std::all_of(types.begin(), types.end(), is_real_or_quantized)) return false;
  const FunctionProgram& program = node->attributes.program("program");
  const auto results = result_types(program, types);
  for (std::size_t i = 0; results.ok() && i < program.instructions.size(); ++i)
    if (!is_f32_or_converted(program.instructions[i], (*results)[i])) return false;
  return results.ok();
}

/// Dequantize alone: every reader can do it as it reads the elements.
bool is_dequantize(const Node* node) {
  return is_function(node, Function::k_dequantize) && is_f32_eltwise(node);
}

/// A program with the values that its inputs stand for. Operands of instructions are kept as positions in `inputs`, or
/// as kResult + index of an instruction, until the number of inputs is final.
struct Chain {
  static constexpr uint16_t kResult = 0x8000;
  std::vector<Value*> inputs;
  std::vector<FunctionInstruction> instructions;

  uint16_t input(Value* value) {
    const auto found = std::find(inputs.begin(), inputs.end(), value);
    if (found != inputs.end()) return static_cast<uint16_t>(found - inputs.begin());
    inputs.push_back(value);
    return static_cast<uint16_t>(inputs.size() - 1);
  }

  /// Appends the node's program; operand i of the node is read from `operands[i]`. Returns where the result is.
  uint16_t append(const Node& node, const std::vector<uint16_t>& operands) {
    const FunctionProgram& program = node.attributes.program("program");
    const auto first = static_cast<uint16_t>(instructions.size());
    const auto place = [&](uint16_t operand) {
      if (operand < program.inputs) return operands[operand];
      return static_cast<uint16_t>(kResult + first + (operand - program.inputs));
    };
    for (FunctionInstruction instruction : program.instructions) {
      const int arity = arity_of(instruction.function);
      instruction.a = place(instruction.a);
      instruction.b = arity > 1 ? place(instruction.b) : uint16_t{0};
      instruction.c = arity > 2 ? place(instruction.c) : uint16_t{0};
      instructions.push_back(instruction);
    }
    return static_cast<uint16_t>(kResult + instructions.size() - 1);
  }

  FunctionProgram program() const {
    FunctionProgram result{.inputs = static_cast<uint16_t>(inputs.size()), .instructions = instructions};
    const auto place = [&](uint16_t& operand) {
      if (operand >= kResult) operand = static_cast<uint16_t>(operand - kResult + inputs.size());
    };
    for (FunctionInstruction& instruction : result.instructions) {
      const int arity = arity_of(instruction.function);
      place(instruction.a);
      if (arity > 1) place(instruction.b);
      if (arity > 2) place(instruction.c);
    }
    return result;
  }
};

/// The producer of one of the node's operands that can be computed in the node's own loop.
Node* fusible_producer(const Node& node) {
  for (const Value* value : node.inputs) {
    Node* producer = value->producer;
    if (is_dequantize(producer) && !producer->input(0)->is_constant()) return producer;
    if (is_f32_eltwise(producer) && only_user(value) == &node && value->shape == node.output()->shape) return producer;
  }
  return nullptr;
}

Result<bool> fuse(Graph& graph, Node& node) {
  if (!is_f32_eltwise(&node)) return false;
  Node* producer = fusible_producer(node);
  if (producer == nullptr) return false;
  Chain chain;
  std::vector<uint16_t> operands;
  for (Value* value : producer->inputs) operands.push_back(chain.input(value));
  const uint16_t inner = chain.append(*producer, operands);
  operands.clear();
  for (Value* value : node.inputs) operands.push_back(value == producer->output() ? inner : chain.input(value));
  chain.append(node, operands);
  if (chain.inputs.size() > kMaxInputs || chain.instructions.size() > kMaxInstructions) return false;

  node.attributes.set("program", chain.program());
  std::vector<std::string> origins = producer->origins;
  add_origins(origins, node.origins);
  node.origins = std::move(origins);
  graph.set_inputs(&node, chain.inputs);
  erase_unread(graph, producer);
  return true;
}

}  // namespace

Result<bool> fuse_elementwise_chains(Graph& graph) {
  return rewrite_nodes(graph, [&](Node& node) -> Result<bool> {
    bool changed = false;
    for (;;) {
      TEGULA_ASSIGN_OR_RETURN(const bool fused, fuse(graph, node));
      if (!fused) return changed;
      changed = true;
    }
  });
}

}  // namespace tegula::compiler
