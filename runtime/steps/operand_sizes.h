#pragma once
#include <vector>

#include "jit/vector_isa.h"
#include "runtime/steps/step.h"

namespace tegula::runtime {

/// A step's operands as a kernel's check() takes them: sizes and strides, and an address that is only good for telling
/// present tensors from absent ones.
struct OperandSizes {
  std::vector<kernels::TensorView> inputs, outputs;

  explicit OperandSizes(const BindContext& context) {
    for (const BoundTensor& tensor : context.inputs) inputs.push_back(sizes_of(tensor));
    for (const BoundTensor& tensor : context.outputs) outputs.push_back(sizes_of(tensor));
  }

 private:
  static kernels::TensorView sizes_of(const BoundTensor& tensor) {
    static std::byte present;
    kernels::TensorView view = tensor.sizes();
    view.data = tensor.present() ? &present : nullptr;
    return view;
  }
};

/// Generated code for the features at hand; only where features.avx2.
inline jit::VectorIsa vector_isa_of(const jit::CpuFeatures& features) {
  return features.avx512 ? jit::VectorIsa::kAvx512 : jit::VectorIsa::kAvx2;
}
/// Says why generated code is not that of AVX-512.
inline void decline_wider_code(const BindContext& context) {
  if (!context.features.avx512) context.decline("avx512", "not among the features ", context.features.to_string());
}
/// vector_isa_of() of a step that asks once, and says why.
inline jit::VectorIsa vector_isa_of(const BindContext& context) {
  decline_wider_code(context);
  return vector_isa_of(context.features);
}

/// Says why plain loops run a step for which there is generated code of AVX2 and AVX-512.
inline void decline_generated_code(const BindContext& context, std::string_view reason) {
  if (context.features.avx2)
    context.decline("generated code", reason);
  else
    context.decline("generated code", "avx2 is not among the features ", context.features.to_string());
}

}  // namespace tegula::runtime
