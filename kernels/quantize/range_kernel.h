#pragma once
#include <compare>
#include <cstdint>
#include <memory>
#include <string>

#include "jit/vector_isa.h"
#include "kernels/quantize/dynamic_quantize.h"

namespace tegula::kernels {

/// Everything that shapes the code that finds the smallest and largest of contiguous numbers.
struct RangeCodeDesc {
  jit::VectorIsa isa = jit::VectorIsa::kAvx2;
  DType src = DType::kF32;  ///< or bf16

  auto operator<=>(const RangeCodeDesc&) const = default;
  std::string name() const;  ///< "range_f32_avx512"
};

/// One call of generated code; read by it: fields stay where they are.
struct RangeCall {
  const std::byte* src = nullptr;
  int64_t vectors = 0;  ///< whole ones
  ValueRange* range = nullptr;
};

/// Immutable; safe for concurrent calls.
class RangeCode {
 public:
  virtual ~RangeCode() = default;

  /// Includes `n` contiguous elements in the range; NaN does not count.
  void operator()(const std::byte* src, int64_t n, ValueRange& range) const;

 protected:
  explicit RangeCode(const RangeCodeDesc& desc) : desc_(desc) {}

  const RangeCodeDesc desc_;
  void (*function_)(const RangeCall*) = nullptr;
};
using RangeCodePtr = std::shared_ptr<const RangeCode>;

Result<RangeCodePtr> build_range(const RangeCodeDesc& desc);

}  // namespace tegula::kernels
