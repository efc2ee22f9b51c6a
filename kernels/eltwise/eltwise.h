#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/tensor_view.h"
#include "schema/base/result.h"
#include "schema/function.h"

namespace tegula::kernels {

/// A fused chain has no more inputs than this.
inline constexpr int kMaxEltwiseInputs = 16;

/// dst[i] = program(inputs[i]...), every input broadcast to the dims of `output` (ONNX rules; any strides). Types as
/// schema/function_types.h has them.
///
/// Each instruction rounds its result to its type: f32 by the formulas of kernels/math; bf16 and f16 compute in f32;
/// f64 with the host's libm, outside the contract on numbers. Integers wrap around; x / 0 and mod by 0 are 0; shifts by
/// the width or more give 0. Casts: kernels/eltwise/cast.h; powers: kernels/eltwise/apply_block.h.

/// Types and shapes. kInvalidArgument says what does not fit.
Status check_eltwise(const FunctionProgram& program, std::span<const TensorView> inputs, const TensorView& output);

/// Plain loops for every type. check_eltwise() has succeeded; output may be one of the inputs (same memory, same
/// strides). Allocates its scratch memory.
Status eltwise_reference(const FunctionProgram& program, std::span<const TensorView> inputs, const TensorView& output);

/// The same in two steps, for callers that run often and in parts: types are worked out once, scratch is the caller's.
/// Immutable; safe for concurrent runs.
class PlainEltwise {
 public:
  static Result<PlainEltwise> make(FunctionProgram program, std::span<const DType> inputs);

  DType output_type() const { return types_.back(); }
  std::size_t scratch_bytes() const;  ///< of one run at a time; aligned to 64

  /// Part `part` of `parts` of the output's elements; any split gives the same result.
  void run(std::span<const TensorView> inputs, const TensorView& output, int64_t part, int64_t parts,
           std::byte* scratch) const;

 private:
  PlainEltwise(FunctionProgram program, std::vector<DType> types)
      : program_(std::move(program)), types_(std::move(types)) {}

  std::byte* value(std::byte* scratch, std::size_t id) const;
  void compute(std::byte* scratch, int64_t count) const;

  FunctionProgram program_;
  std::vector<DType> types_;  ///< of the inputs, then of each instruction
};

}  // namespace tegula::kernels
