#pragma once
#include <cstdint>
#include <optional>

#include "kernels/eltwise/eltwise_kernel.h"
#include "kernels/quantize/quantized_ends.h"

namespace tegula::kernels {

/// Between rows of f32, bf16, u8 or s8 in a tensor and contiguous rows of f32 in scratch, for kernels that compute in
/// fp32. By generated code, or where there is none by plain loops, to the same bits.
class RowConverter {
 public:
  /// real = as quantized_ends.h says.
  static RowConverter to_real(DType type, const QuantizedOperand& quantization) {
    return {type, DType::kF32, quantization, {}};
  }
  static RowConverter from_real(DType type, const QuantizedResult& quantization) {
    return {DType::kF32, type, {}, quantization};
  }

  /// f32: rows may be used where they lie.
  bool changes_nothing() const { return from_ == to_; }

  /// The code for contiguous elements; nullopt: none is needed, or the CPU has none.
  std::optional<EltwiseCodeDesc> code_desc(const jit::CpuFeatures& cpu) const;
  void use(EltwiseCodePtr code) { code_ = std::move(code); }

  /// n elements, contiguous.
  void operator()(const std::byte* from, std::byte* to, int64_t n) const;

 private:
  RowConverter(DType from, DType to, const QuantizedOperand& src, const QuantizedResult& dst)
      : from_(from), to_(to), src_(src), dst_(dst) {}

  DType from_, to_;
  QuantizedOperand src_;
  QuantizedResult dst_;
  EltwiseCodePtr code_;
};

}  // namespace tegula::kernels
