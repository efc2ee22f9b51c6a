#pragma once
#include <compare>
#include <cstdint>
#include <memory>
#include <string>

#include "jit/vector_isa.h"
#include "schema/base/result.h"

namespace tegula::kernels {

/// What shapes the code of a generated softmax over contiguous f32 rows; sizes, scale and addresses are arguments.
struct SoftmaxCodeDesc {
  jit::VectorIsa isa = jit::VectorIsa::kAvx2;
  bool log = false;
  bool mask = false;  ///< a contiguous row is added

  auto operator<=>(const SoftmaxCodeDesc&) const = default;
  std::string name() const;  ///< "softmax_mask_f32_avx512"
};

/// One row. Read by generated code: fields stay where they are.
struct SoftmaxCall {
  const float* src = nullptr;
  const float* mask = nullptr;  ///< of descriptors with a mask
  float* dst = nullptr;         ///< may be src
  int64_t n = 0;
  float scale = 1;
};

/// Generated softmax of one row, equal to softmax.h's to the bit. Immutable; safe for concurrent calls.
class SoftmaxCode {
 public:
  virtual ~SoftmaxCode() = default;
  void operator()(const SoftmaxCall& call) const { function_(&call); }

 protected:
  void (*function_)(const SoftmaxCall*) = nullptr;
};
using SoftmaxCodePtr = std::shared_ptr<const SoftmaxCode>;

Result<SoftmaxCodePtr> build_softmax(const SoftmaxCodeDesc& desc);

}  // namespace tegula::kernels
