#include "compiler/precision/round_weights.h"

#include "kernels/float16.h"

namespace tegula::compiler {

Literal rounded_to_bf16(const Literal& literal) {
  return Literal::make(DType::kBF16, literal.dims(), [&](const kernels::TensorView& view) {
    for (int64_t i = 0; i < literal.count(); ++i) view.as<uint16_t>()[i] = kernels::bf16_from_f32(literal.at<float>(i));
  });
}

}  // namespace tegula::compiler
