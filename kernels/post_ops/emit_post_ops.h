#pragma once
#include <functional>
#include <span>
#include <vector>

#include "jit/generator.h"
#include "kernels/post_ops/post_op.h"

namespace tegula::kernels {

/// What a generator lends while the chain's code runs. Everything in it may be overwritten.
struct PostOpResources {
  std::vector<int> vectors;  ///< numbers of free vector registers
  std::vector<int> masks;    ///< AVX-512: numbers of free mask registers (1..7); AVX2: not read
  /// Memory for values that find no register: `spill_bytes` at [spill_base + spill_offset].
  Xbyak::Reg64 spill_base = Xbyak::Reg64(Xbyak::Operand::RSP);
  int spill_offset = 0;
  int spill_bytes = 0;
};

/// Registers that a chain wants. With `vectors` free vector registers and `masks` masks nothing is
/// spilled; from `min_vectors` on it works with `spill_bytes` of memory (of the given count of registers).
struct PostOpNeeds {
  int vectors = 0;
  int masks = 0;
  int min_vectors = 0;
  int spill_bytes = 0;
};

/// Needs of the chain when `free_vectors` and `free_masks` can be lent: choose how many accumulators to
/// keep, or reserve spill memory. relu, clip, add, mul, leaky_relu, hard_swish and the like never spill
/// with 3 vectors.
PostOpNeeds post_op_needs(std::span<const PostOpDesc> chain, jit::VectorIsa isa, int free_vectors, int free_masks);

/// Emits code that loads the operand of chain[post_op] for accumulators[accumulator] into vector register
/// `vector`, converted to fp32. Must not touch other lent registers; lanes past the end of a row may hold
/// anything.
using LoadOperand = std::function<void(int post_op, int accumulator, int vector)>;

/// Emits the chain on vector registers `accumulators`, in place. The chain has passed check_post_ops.
/// Throws std::logic_error when the resources are below post_op_needs.
void emit_post_ops(jit::Generator& code, jit::VectorIsa isa, std::span<const PostOpDesc> chain,
                   std::span<const int> accumulators, const PostOpResources& resources,
                   const LoadOperand& load_operand);

}  // namespace tegula::kernels
