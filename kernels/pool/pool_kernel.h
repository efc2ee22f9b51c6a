#pragma once
#include <compare>
#include <cstddef>
#include <memory>
#include <string>

#include "jit/vector_isa.h"
#include "kernels/pool/pool.h"

namespace tegula::kernels {

/// What shapes the code of generated f32 pooling: a window is a list of addresses, so sizes, strides and padding do
/// not.
struct PoolCodeDesc {
  jit::VectorIsa isa = jit::VectorIsa::kAvx2;
  PoolKind kind = PoolKind::kMax;  ///< kMax or kAverage

  auto operator<=>(const PoolCodeDesc&) const = default;
  std::string name() const;  ///< "pool_max_f32_avx512"
};

/// One call of generated code: one output pixel, all channels. Read by generated code: fields stay where they are.
struct PoolCall {
  const float* const* taps = nullptr;
  int64_t tap_count = 0;  ///< 0: max gives the lowest value, average 0 / count
  float* dst = nullptr;
  int64_t channels = 0;
  float count = 1;  ///< average divides by it
};

/// Generated f32 pooling, equal to pool() to the bit. Immutable; safe for concurrent calls.
class PoolCode {
 public:
  virtual ~PoolCode() = default;
  void operator()(const PoolCall& call) const { function_(&call); }

 protected:
  void (*function_)(const PoolCall*) = nullptr;
};

using PoolCodePtr = std::shared_ptr<const PoolCode>;
Result<PoolCodePtr> build_pool(const PoolCodeDesc& desc);

/// Pools output pixels [begin, end) of n * spatial... through the code. src and dst are f32 [n, spatial..., c] with
/// contiguous channels; `taps` has room for desc.taps() addresses.
void run_pool(const PoolDesc& desc, const PoolCode& code, const TensorView& src, const TensorView& dst, int64_t begin,
              int64_t end, const float** taps);

}  // namespace tegula::kernels
