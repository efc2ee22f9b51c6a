#pragma once
#include <compare>
#include <memory>
#include <string>

#include "jit/vector_isa.h"
#include "kernels/pool/narrow_pool.h"

namespace tegula::kernels {

/// What shapes the generated code; contiguous channels.
struct NarrowPoolCodeDesc {
  jit::VectorIsa isa = jit::VectorIsa::kAvx2;
  PoolKind kind = PoolKind::kMax;
  DType src = DType::kU8, dst = DType::kU8;
  bool bf16_instructions = false;  ///< AVX-512 BF16

  auto operator<=>(const NarrowPoolCodeDesc&) const = default;
  std::string name() const;  ///< "pool_average_u8u8_avx512"
  /// Channels of one vector: of bytes where their maximum is taken, otherwise of 32-bit lanes.
  int64_t lanes() const;
};

/// One call of generated code: one output pixel, channels from first_channel on. Read by generated code: fields stay
/// where they are.
struct NarrowPoolCall {
  const std::byte* const* taps = nullptr;
  int64_t tap_count = 0;
  std::byte* dst = nullptr;
  int64_t first_channel = 0, channels = 0;
  int32_t zero_sum = 0;          ///< taps times the zero point
  float count = 1, inverse = 1;  ///< n, 1/n
  float src_scale = 1, dst_scale_inverse = 1, dst_zero_point = 0;
};

/// Equal to narrow_pool() to the bit. Immutable; safe for concurrent calls.
class NarrowPoolCode {
 public:
  virtual ~NarrowPoolCode() = default;
  /// The pixel of `call`, [0, channels).
  void operator()(const NarrowPoolDesc& desc, NarrowPoolCall& call) const;

 protected:
  explicit NarrowPoolCode(const NarrowPoolCodeDesc& desc) : desc_(desc) {}

  const NarrowPoolCodeDesc desc_;
  void (*function_)(const NarrowPoolCall*) = nullptr;
};
using NarrowPoolCodePtr = std::shared_ptr<const NarrowPoolCode>;

Result<NarrowPoolCodePtr> build_narrow_pool(const NarrowPoolCodeDesc& desc);

/// Pools output pixels [begin, end) of n * spatial... through the code, for which channels of src and dst are
/// contiguous, or with nullptr by plain loops. `taps` has room for desc.window.taps() addresses.
void run_narrow_pool(const NarrowPoolDesc& desc, const NarrowPoolCode* code, const TensorView& src,
                     const TensorView& dst, int64_t begin, int64_t end, const std::byte** taps);

}  // namespace tegula::kernels
