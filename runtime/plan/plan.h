#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/steps/step.h"
#include "schema/base/shape.h"

namespace tegula::runtime {

/// A program with its shapes bound: sizes, a layout of the activation arena, kernels. Immutable; shared by all
/// instances. Points into the program that it was made from, which must outlive it.
struct Plan {
  std::vector<BoundTensor> values;                ///< as ProgramModel::values
  std::vector<std::unique_ptr<BoundStep>> steps;  ///< as ProgramModel::steps
  std::vector<Dims> output_dims;                  ///< of each output
  uint64_t arena_bytes = 0;
  uint64_t largest_live_bytes = 0;  ///< the largest sum of bytes alive together: what no layout could do without
  /// Where outputs go that a caller does not want: behind the arena, at these offsets from its start.
  std::vector<uint64_t> spare_offsets;
  uint64_t memory_bytes = 0;   ///< arena and spare outputs
  uint64_t scratch_bytes = 0;  ///< of one thread; a multiple of 64
};

class ProgramState;

/// Binds the shapes that `key` (ShapeKeyLayout) describes. Costs well below a millisecond for a few hundred steps, once
/// their kernels have been generated for other shapes. kInvalidArgument: shapes that the program does not take;
/// kInvalidFile: a step whose operands do not fit its operator.
Result<std::shared_ptr<const Plan>> make_plan(const ProgramState& program, std::span<const int64_t> key);

}  // namespace tegula::runtime
