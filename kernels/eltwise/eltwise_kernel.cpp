#include "kernels/eltwise/eltwise_kernel.h"

#include <algorithm>
#include <optional>

#include "kernels/eltwise/record_program.h"

namespace tegula::kernels {
namespace {

/// Inputs broadcast to the output's dims, then the output.
using Operands = std::array<TensorView, kMaxEltwiseInputs + 1>;

Operands broadcast_operands(std::span<const TensorView> inputs, const TensorView& output) {
  Operands operands;
  for (std::size_t i = 0; i < inputs.size(); ++i) operands[i] = inputs[i].broadcast_to(output.shape());
  operands[inputs.size()] = output;
  return operands;
}

CommonWalk<kMaxEltwiseInputs + 1> walk_of(std::span<const TensorView> inputs, const TensorView& output) {
  const Operands operands = broadcast_operands(inputs, output);
  return {output.shape(), std::span(operands).first(inputs.size() + 1)};
}

/// Recording takes time that grows with the square of the length.
constexpr std::size_t kMaxCodeInstructions = 64;

/// Each takes a register for the places of its lanes.
constexpr int kMaxStrided = 4;

/// nullopt: generated code has no such operand.
std::optional<EltwisePattern> pattern_of(int64_t inner, int64_t stride, DType type) {
  constexpr int64_t kMaxStride = int64_t{1} << 24;  // 15 of them in bytes still fit 32 bits
  if (inner == 1 || stride == 1) return EltwisePattern::kVector;
  if (stride == 0) return EltwisePattern::kBroadcast;
  if (size_of(type) != 4 || stride >= kMaxStride || stride <= -kMaxStride) return std::nullopt;
  return EltwisePattern::kStrided;
}

Error declined(std::string_view reason) {
  return Error{ErrorCode::kUnsupported, concat("eltwise: generated code declined: ", reason)};
}

}  // namespace

FunctionProgram EltwiseCodeDesc::program() const {
  FunctionProgram program{static_cast<uint16_t>(inputs.size()), {}};
  for (const Instruction& in : instructions)
    program.instructions.push_back({in.function, in.a, in.b, in.c, in.alpha, in.beta, in.to});
  return program;
}

std::string EltwiseCodeDesc::name() const {
  constexpr std::size_t kNamed = 4;
  std::string text = "eltwise";
  for (std::size_t i = 0; i < std::min(instructions.size(), kNamed); ++i)
    text += concat('_', name_of(instructions[i].function));
  if (instructions.size() > kNamed) text += concat("_and_", instructions.size() - kNamed, "_more");
  return concat(text, '_', name_of(output), '_', jit::name_of(isa));
}

Result<EltwiseCodeDesc> describe_eltwise(const FunctionProgram& program, std::span<const TensorView> inputs,
                                         const TensorView& output, const jit::CpuFeatures& cpu) {
  if (inputs.size() > kMaxEltwiseInputs) return declined("too many inputs");
  if (program.instructions.size() > kMaxCodeInstructions) return declined("too many instructions");
  EltwiseCodeDesc desc;
  if (cpu.avx512) {
    desc.isa = jit::VectorIsa::kAvx512;
  } else if (!cpu.avx2) {
    return declined("the CPU has no AVX2");
  }
  std::vector<DType> types;
  for (const TensorView& input : inputs) types.push_back(input.dtype);
  if (const auto recorded = record_program(program, types); !recorded.ok()) return declined(recorded.error().message);

  const auto walk = walk_of(inputs, output);
  const int dst = static_cast<int>(inputs.size());
  if (walk.inner() != 1 && walk.inner_stride(dst) != 1) return declined("dst is not contiguous");
  int strided = 0;
  for (int i = 0; i < dst; ++i) {
    const DType type = types[static_cast<std::size_t>(i)];
    const auto pattern = pattern_of(walk.inner(), walk.inner_stride(i), type);
    if (pattern == EltwisePattern::kStrided) ++strided;
    if (!pattern || strided > kMaxStrided)
      return declined(concat("input ", i, " advances by ", walk.inner_stride(i), " elements of ", name_of(type),
                             " along the innermost dimension"));
    desc.inputs.push_back({type, *pattern});
  }
  for (const FunctionInstruction& in : program.instructions) {
    const int arity = arity_of(in.function);  // operands that are not read must not tell descriptors apart
    const bool reads_to =
        in.function == Function::k_cast || in.function == Function::k_quantize || in.function == Function::k_requantize;
    const DType to = reads_to ? in.to : DType::kF32;
    desc.instructions.push_back(
        {in.function, in.a, arity > 1 ? in.b : uint16_t{0}, arity > 2 ? in.c : uint16_t{0}, in.alpha, in.beta, to});
  }
  desc.output = output.dtype;
  desc.converts_to_bf16 = cpu.avx512_bf16 && desc.isa == jit::VectorIsa::kAvx512 && output.dtype == DType::kBF16 &&
                          program.instructions.back().function == Function::k_cast;
  return desc;
}

EltwisePlan::EltwisePlan(std::span<const TensorView> inputs, const TensorView& output)
    : walk_(walk_of(inputs, output)), inputs_(static_cast<int>(inputs.size())) {
  for (std::size_t i = 0; i < inputs.size(); ++i) element_bytes_[i] = static_cast<int64_t>(size_of(inputs[i].dtype));
  element_bytes_[inputs.size()] = static_cast<int64_t>(size_of(output.dtype));
  // Some 16 KiB a unit: small enough to share out evenly, large enough that a call costs nothing beside it.
  constexpr int64_t kElementsPerUnit = 4096;
  const int64_t rows = walk_.rows(), inner = walk_.inner();
  if (rows == 0 || inner == 0) return;
  if (inner >= 2 * kElementsPerUnit) {
    columns_per_unit_ = kElementsPerUnit;
    units_ = rows * ((inner + kElementsPerUnit - 1) / kElementsPerUnit);
  } else {
    columns_per_unit_ = inner;
    rows_per_unit_ = std::max<int64_t>(1, kElementsPerUnit / inner);
    units_ = (rows + rows_per_unit_ - 1) / rows_per_unit_;
  }
}

void EltwisePlan::run(const EltwiseCode& code, std::span<const std::byte* const> inputs, std::byte* dst, int64_t begin,
                      int64_t end) const {
  const int64_t rows = walk_.rows(), inner = walk_.inner();
  if (columns_per_unit_ == inner) {
    run_rows(code, inputs, dst, begin * rows_per_unit_, std::min(rows, end * rows_per_unit_), 0, inner);
    return;
  }
  const int64_t units_per_row = (inner + columns_per_unit_ - 1) / columns_per_unit_;
  while (begin < end) {  // as many neighbouring units of a row as there are
    const int64_t row = begin / units_per_row, first = begin % units_per_row;
    const int64_t last = std::min(units_per_row, first + (end - begin));
    const int64_t column = first * columns_per_unit_;
    run_rows(code, inputs, dst, row, row + 1, column, std::min(inner, last * columns_per_unit_) - column);
    begin += last - first;
  }
}

void EltwisePlan::run_rows(const EltwiseCode& code, std::span<const std::byte* const> inputs, std::byte* dst,
                           int64_t first_row, int64_t last_row, int64_t column, int64_t columns) const {
  // Rows advance evenly within the last but one dimension.
  const int row_dim = walk_.rank - 2;
  const int64_t run_length = row_dim >= 0 ? walk_.dims[row_dim] : 1;
  for (int64_t row = first_row; row < last_row;) {
    const int64_t rows = std::min(last_row - row, run_length - row % run_length);
    EltwiseCall call;
    call.rows = rows;
    call.n = columns;
    const auto offset = [&](int view) {
      return (walk_.row_offset(view, row) + column * walk_.inner_stride(view)) * element_bytes_[view];
    };
    const auto row_bytes = [&](int view) {
      return row_dim >= 0 ? walk_.strides[view][row_dim] * element_bytes_[view] : 0;
    };
    for (int i = 0; i < inputs_; ++i) {
      call.inputs[i] = inputs[static_cast<std::size_t>(i)] + offset(i);
      call.input_row_bytes[i] = row_bytes(i);
      call.input_element_bytes[i] = walk_.inner_stride(i) * element_bytes_[i];
    }
    call.dst = dst + offset(inputs_);
    call.dst_row_bytes = row_bytes(inputs_);
    code(call);
    row += rows;
  }
}

}  // namespace tegula::kernels
