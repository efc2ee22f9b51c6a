#pragma once
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "jit/cpu_features.h"
#include "jit/vector_isa.h"
#include "kernels/eltwise/eltwise.h"
#include "kernels/eltwise/iteration.h"
#include "kernels/float_bits.h"

namespace tegula::kernels {

/// How an operand lies along the innermost dimension that all operands share.
enum class EltwisePattern : uint8_t {
  kVector,     ///< contiguous
  kBroadcast,  ///< one element for the whole row
  kStrided,    ///< evenly spaced, of 4-byte types: gathered
};

/// Everything that shapes the code of a fused elementwise chain over f32, s32, bool and bf16, with u8 and s8 where it
/// is quantized, dequantized or cast; sizes, the strides of rows and addresses are arguments.
struct EltwiseCodeDesc {
  struct Input {
    DType dtype = DType::kF32;
    EltwisePattern pattern = EltwisePattern::kVector;
    auto operator<=>(const Input&) const = default;
  };
  /// FunctionInstruction with parameters that compare by their bits.
  struct Instruction {
    Function function = Function::k_identity;
    uint16_t a = 0, b = 0, c = 0;
    FloatBits alpha = {}, beta = {};
    DType to = DType::kF32;
    auto operator<=>(const Instruction&) const = default;
  };

  jit::VectorIsa isa = jit::VectorIsa::kAvx2;
  std::vector<Input> inputs;
  std::vector<Instruction> instructions;
  DType output = DType::kF32;
  bool converts_to_bf16 =
      false;  ///< the last instruction is a cast to bf16 that AVX-512 BF16 does on the way to memory

  auto operator<=>(const EltwiseCodeDesc&) const = default;
  FunctionProgram program() const;
  std::string name() const;  ///< "eltwise_add_relu_f32_avx512"
};

/// One call of generated code: `rows` rows of `n` elements. Read and advanced by generated code: fields stay where they
/// are, and the call is used up.
struct EltwiseCall {
  std::byte* dst = nullptr;
  int64_t dst_row_bytes = 0;
  int64_t rows = 0;
  int64_t n = 0;
  std::array<const std::byte*, kMaxEltwiseInputs> inputs{};
  std::array<int64_t, kMaxEltwiseInputs> input_row_bytes{};
  std::array<int64_t, kMaxEltwiseInputs> input_element_bytes{};  ///< of kStrided: from one element to the next
};

/// Generated code of a chain, equal to eltwise_reference() to the bit. Immutable; safe for concurrent calls.
class EltwiseCode {
 public:
  virtual ~EltwiseCode() = default;
  void operator()(EltwiseCall& call) const { function_(&call); }

 protected:
  void (*function_)(EltwiseCall*) = nullptr;
};
using EltwiseCodePtr = std::shared_ptr<const EltwiseCode>;

/// Widest ISA first. kUnsupported names what declined: a type or function that generated code does not have, an operand
/// that is neither contiguous nor repeated along the innermost dimension, a CPU without AVX2. Plain loops do those.
/// Views need no memory behind them.
Result<EltwiseCodeDesc> describe_eltwise(const FunctionProgram& program, std::span<const TensorView> inputs,
                                         const TensorView& output, const jit::CpuFeatures& cpu);

Result<EltwiseCodePtr> build_eltwise(const EltwiseCodeDesc& desc);

/// The calls that one shape needs: views merged to rows, cut into units that may run in any order on any thread.
class EltwisePlan {
 public:
  /// describe_eltwise() has accepted these operands.
  EltwisePlan(std::span<const TensorView> inputs, const TensorView& output);

  int64_t units() const { return units_; }
  int64_t elements() const { return walk_.rows() * walk_.inner(); }

  /// Units [begin, end). Addresses as in the constructor's operands: of the inputs, then dst.
  void run(const EltwiseCode& code, std::span<const std::byte* const> inputs, std::byte* dst, int64_t begin,
           int64_t end) const;

 private:
  void run_rows(const EltwiseCode& code, std::span<const std::byte* const> inputs, std::byte* dst, int64_t first_row,
                int64_t last_row, int64_t column, int64_t columns) const;

  CommonWalk<kMaxEltwiseInputs + 1> walk_;  // inputs, then dst
  std::array<int64_t, kMaxEltwiseInputs + 1> element_bytes_{};
  int inputs_ = 0;
  int64_t columns_per_unit_ = 1, rows_per_unit_ = 1;  // one of them is everything
  int64_t units_ = 0;
};

}  // namespace tegula::kernels
