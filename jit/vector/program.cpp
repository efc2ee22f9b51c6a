#include "jit/vector/program.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace tegula::jit {

ValueId VectorProgram::add(const VectorInstruction& instruction) {
  const auto found = std::find(instructions.begin(), instructions.end(), instruction);
  const auto index = static_cast<std::size_t>(found - instructions.begin());
  if (found == instructions.end()) {
    if (index >= std::numeric_limits<ValueId>::max())
      throw std::length_error("a vector program has too many instructions");
    instructions.push_back(instruction);
  }
  return static_cast<ValueId>(index);
}

VectorProgram VectorProgram::without_dead_code() const {
  std::vector<bool> used(instructions.size());
  for (const ValueId output : outputs) used[output] = true;
  for (std::size_t i = instructions.size(); i-- > 0;) {
    if (!used[i]) continue;
    for (int k = 0; k < arity_of(instructions[i].op); ++k) used[instructions[i].operand[k]] = true;
  }
  VectorProgram live;
  std::vector<ValueId> new_id(instructions.size());
  for (std::size_t i = 0; i < instructions.size(); ++i) {
    if (!used[i]) continue;
    VectorInstruction moved = instructions[i];
    for (int k = 0; k < arity_of(moved.op); ++k) moved.operand[k] = new_id[moved.operand[k]];
    new_id[i] = static_cast<ValueId>(live.instructions.size());
    live.instructions.push_back(moved);
  }
  for (const ValueId output : outputs) live.outputs.push_back(new_id[output]);
  return live;
}

}  // namespace tegula::jit
