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

}  // namespace tegula::runtime
