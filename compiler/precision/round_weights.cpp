#include "compiler/precision/round_weights.h"

#include <cmath>

#include "kernels/float16.h"

namespace tegula::compiler {

Literal rounded_to_bf16(const Literal& literal) {
  return Literal::make(DType::kBF16, literal.dims(), [&](const kernels::TensorView& view) {
    for (int64_t i = 0; i < literal.count(); ++i) view.as<uint16_t>()[i] = kernels::bf16_from_f32(literal.at<float>(i));
  });
}

Literal rounded_keeping_sums(const Literal& literal) {
  const int64_t filters = literal.dims()[0], elements = filters == 0 ? 0 : literal.count() / filters;
  return Literal::make(DType::kBF16, literal.dims(), [&](const kernels::TensorView& view) {
    for (int64_t filter = 0; filter < filters; ++filter) {
      float left = 0;  // what the elements before this one have lost
      for (int64_t i = filter * elements; i < (filter + 1) * elements; ++i) {
        const float wanted = literal.at<float>(i) + left;
        const uint16_t rounded = kernels::bf16_from_f32(wanted);
        view.as<uint16_t>()[i] = rounded;
        left = wanted - kernels::f32_from_bf16(rounded);
        if (!std::isfinite(left)) left = 0;
      }
    }
  });
}

}  // namespace tegula::compiler
