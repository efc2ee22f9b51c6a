#include "kernels/post_ops/emit_post_ops.h"

#include <algorithm>
#include <numeric>

#include "jit/vector/emit.h"
#include "kernels/math/recorded.h"
// The templates find recorded.h's operations by the types of their arguments.
#include "kernels/math/apply.h"

namespace tegula::kernels {
namespace {

using math::RecordedFloat;

RecordedFloat input_of(jit::VectorProgram& program, int number) {
  return math::recorded<RecordedFloat>(program,
                                       {.op = jit::VectorOp::kInput, .immediate = static_cast<uint32_t>(number)});
}

/// Input 0 is x, input 1 + i the operand of chain[i].
jit::VectorProgram record_chain(std::span<const PostOpDesc> chain, jit::VectorIsa isa) {
  jit::VectorProgram program;
  RecordedFloat x = input_of(program, 0);
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const PostOpDesc& post_op = chain[i];
    if (post_op.operand == OperandKind::kNone) {
      x = math::apply_unary(post_op.function, x, post_op.alpha, post_op.beta);
      continue;
    }
    const RecordedFloat operand = input_of(program, static_cast<int>(i) + 1);
    x = post_op.operand_first ? math::apply_binary(post_op.function, operand, x)
                              : math::apply_binary(post_op.function, x, operand);
  }
  program.outputs = {x.id};
  return jit::lower(program.without_dead_code(), isa);
}

jit::VectorBindings bindings_for(std::size_t chain_size, int accumulator, std::vector<int> vectors,
                                 std::vector<int> masks) {
  jit::VectorBindings bindings;
  bindings.inputs.resize(chain_size + 1);
  bindings.inputs[0] = {.reg = accumulator, .overwrite = true};
  bindings.vectors = std::move(vectors);
  bindings.masks = std::move(masks);
  bindings.output = accumulator;
  return bindings;
}

std::vector<int> numbers(int first, int count) {
  std::vector<int> list(static_cast<std::size_t>(count));
  std::iota(list.begin(), list.end(), first);
  return list;
}

/// Constants that some instruction wants in a register, most wanted first.
std::vector<uint32_t> constants_loaded_by(const jit::Allocation& allocation) {
  std::vector<uint32_t> bits;
  for (const jit::MachineStep& step : allocation.steps)
    if (step.kind == jit::MachineStep::Kind::kLoadConstant &&
        std::find(bits.begin(), bits.end(), step.immediate) == bits.end())
      bits.push_back(step.immediate);
  return bits;
}

}  // namespace

PostOpNeeds post_op_needs(std::span<const PostOpDesc> chain, jit::VectorIsa isa, int free_vectors, int free_masks) {
  if (chain.empty()) return {};
  const jit::VectorProgram program = record_chain(chain, isa);
  const auto allocate_with = [&](int vectors, int masks) {
    // Register 0 stands for the accumulator.
    return jit::allocate(program, isa, bindings_for(chain.size(), 0, numbers(1, vectors), numbers(1, masks)));
  };
  constexpr int kPlenty = 100;
  PostOpNeeds needs;
  const std::optional<jit::Allocation> roomy = allocate_with(kPlenty, kPlenty);
  TEGULA_CHECK(roomy.has_value(), "no instruction needs more than a hundred registers");
  needs.vectors = roomy->peak_vectors;
  needs.masks = roomy->peak_masks;
  while (!allocate_with(needs.min_vectors, free_masks)) {
    if (++needs.min_vectors > kPlenty) return needs;  // not enough masks
  }
  if (free_vectors >= needs.min_vectors)
    needs.spill_bytes = allocate_with(free_vectors, free_masks)->spill_slots * jit::vector_bytes(isa);
  return needs;
}

void emit_post_ops(jit::Generator& code, jit::VectorIsa isa, std::span<const PostOpDesc> chain,
                   std::span<const int> accumulators, const PostOpResources& resources,
                   const LoadOperand& load_operand) {
  if (chain.empty() || accumulators.empty()) return;
  const jit::VectorProgram program = record_chain(chain, isa);
  std::vector<int> vectors = resources.vectors;
  std::vector<jit::VectorBindings::ResidentConstant> residents;
  const auto allocate_for = [&](int accumulator, bool with_residents) {
    jit::VectorBindings bindings = bindings_for(chain.size(), accumulator, vectors, resources.masks);
    if (with_residents) bindings.constants = residents;
    return jit::allocate(program, isa, bindings);
  };

  // With several accumulators, constants that instructions want in a register are loaded once, as far as
  // the free registers go beyond what one accumulator uses.
  const std::optional<jit::Allocation> first = allocate_for(accumulators[0], false);
  if (!first) throw std::logic_error(code.name() + ": too few registers for post-ops " + to_string(chain));
  if (accumulators.size() > 1) {
    for (const uint32_t bits : constants_loaded_by(*first)) {
      if (static_cast<int>(vectors.size()) <= first->peak_vectors) break;
      residents.push_back({bits, vectors.back()});
      jit::emit_load_constant(code, isa, vectors.back(), bits);
      vectors.pop_back();
    }
  }

  std::optional<jit::Allocation> allocation = residents.empty() ? first : allocate_for(accumulators[0], true);
  if (!allocation || allocation->spill_slots * jit::vector_bytes(isa) > resources.spill_bytes)
    throw std::logic_error(code.name() + ": too few registers for post-ops " + to_string(chain));
  for (std::size_t i = 0; i < accumulators.size(); ++i) {
    if (i > 0) jit::rename_vector(*allocation, accumulators[i - 1], accumulators[i]);
    const auto load_input = [&](int input, int reg) { load_operand(input - 1, static_cast<int>(i), reg); };
    jit::emit_vector_program(code, isa, *allocation, load_input, resources.spill_base, resources.spill_offset);
  }
}

}  // namespace tegula::kernels
