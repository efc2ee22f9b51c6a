#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "jit/vector/program.h"
#include "jit/vector_isa.h"

namespace tegula::jit {

/// The registers that a program's code may use. Register numbers are those of zmm (ymm for AVX2) for vectors and
/// of k for masks on AVX-512; on AVX2 a mask is a vector of all-ones and all-zeros lanes.
struct VectorBindings {
  struct Input {
    int reg = -1;            ///< the register that holds it; -1: loaded when it is needed (LoadInput)
    bool overwrite = false;  ///< the register is free once the input was used for the last time
  };
  struct ResidentConstant {
    uint32_t bits;
    int reg;
  };

  std::vector<Input> inputs;                ///< one for each input number of the program
  std::vector<int> vectors;                 ///< free vector registers
  std::vector<int> masks;                   ///< free mask registers; AVX2: not read
  std::vector<ResidentConstant> constants;  ///< constants that a register holds already
  std::optional<int> output;                ///< where the only output must be; absent: wherever it ends up
};

/// An operand of a machine instruction: a register, or a constant in memory.
struct MachineOperand {
  bool is_constant = false;
  bool mask_register = false;  ///< reg is the number of a k register
  int reg = -1;
  uint32_t bits = 0;
};

/// One machine instruction (or load, move, spill) with its registers.
struct MachineStep {
  enum class Kind : uint8_t { kCompute, kLoadInput, kLoadConstant, kMove, kSpill, kReload };
  Kind kind = Kind::kCompute;
  VectorOp op = VectorOp::kConstant;
  bool mask_register = false;     ///< dst is a k register
  int dst = -1;                   ///< kSpill: the register that is saved
  MachineOperand source[3] = {};  ///< kFma, kFnma: dst is the register of source `tied`
  int tied = -1;
  uint32_t immediate = 0;  ///< of the operation; kLoadInput: input; kLoadConstant: bits; kSpill, kReload: slot
};

struct Allocation {
  std::vector<MachineStep> steps;
  std::vector<int> outputs;  ///< the register of each output
  int spill_slots = 0;       ///< of vector_bytes(isa) each
  int peak_vectors = 0;      ///< of the free ones, in use at the same time
  int peak_masks = 0;
};

/// Rewrites the operations that `isa` lacks (kScale on AVX2) into those that it has, to the same bits.
VectorProgram lower(const VectorProgram& program, VectorIsa isa);

/// Gives registers to a lowered program: operands that die give theirs to results, constants stay in
/// memory where the instruction can read them there, and when registers run out the value whose next use
/// is farthest leaves (to a stack slot, or nowhere when it can be loaded again). nullopt when one
/// instruction alone needs more registers than there are.
std::optional<Allocation> allocate(const VectorProgram& program, VectorIsa isa, const VectorBindings& bindings);

/// Puts vector register `to`, of which the allocation makes no use, in the place of `from`: the same program on another
/// input, without looking for registers again.
void rename_vector(Allocation& allocation, int from, int to);

}  // namespace tegula::jit
