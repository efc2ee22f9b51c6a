#pragma once
#include <compare>
#include <cstdint>
#include <memory>
#include <string>

#include "jit/vector_isa.h"
#include "schema/base/result.h"

namespace tegula::kernels {

/// What shapes the code of a generated layer norm over contiguous rows; sizes, epsilon and addresses are arguments.
struct LayerNormCodeDesc {
  jit::VectorIsa isa = jit::VectorIsa::kAvx2;
  bool rms = false;
  bool scale = false, bias = false, residual = false;

  auto operator<=>(const LayerNormCodeDesc&) const = default;
  std::string name() const;  ///< "layer_norm_residual_scale_bias_f32_avx512"
};

/// One row. Read by generated code: fields stay where they are.
struct LayerNormCall {
  const float* src = nullptr;
  const float* residual = nullptr;  ///< of descriptors with one; likewise scale and bias
  const float* scale = nullptr;
  const float* bias = nullptr;
  float* dst = nullptr;
  float* sum = nullptr;   ///< with a residual: where src + residual goes; dst where it is not wanted
  float* mean = nullptr;  ///< always written; the caller's scratch where nobody wants it; likewise inverse
  float* inverse = nullptr;
  int64_t n = 0;
  float count = 0;  ///< n as a float
  float epsilon = 0;
};

/// Generated layer norm of one row, equal to layer_norm.h's to the bit. Immutable; safe for concurrent calls.
class LayerNormCode {
 public:
  virtual ~LayerNormCode() = default;
  void operator()(const LayerNormCall& call) const { function_(&call); }

 protected:
  void (*function_)(const LayerNormCall*) = nullptr;
};
using LayerNormCodePtr = std::shared_ptr<const LayerNormCode>;

Result<LayerNormCodePtr> build_layer_norm(const LayerNormCodeDesc& desc);

}  // namespace tegula::kernels
