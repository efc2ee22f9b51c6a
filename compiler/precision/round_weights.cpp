#include "compiler/precision/round_weights.h"

#include <algorithm>
#include <cmath>

#include "kernels/float16.h"

namespace tegula::compiler {

Literal rounded_to_bf16(const Literal& literal) {
  return Literal::make(DType::kBF16, literal.dims(), [&](const kernels::TensorView& view) {
    for (int64_t i = 0; i < literal.count(); ++i) view.as<uint16_t>()[i] = kernels::bf16_from_f32(literal.at<float>(i));
  });
}

Literal depthwise_rounded_to_bf16(const Literal& literal) {
  const int64_t channels = literal.dims()[0], taps = literal.count() / std::max<int64_t>(channels, 1);
  return Literal::make(DType::kBF16, literal.dims(), [&](const kernels::TensorView& view) {
    for (int64_t c = 0; c < channels; ++c) {
      float left = 0;  // what the taps before this one have lost
      for (int64_t t = c * taps; t < (c + 1) * taps; ++t) {
        const float wanted = literal.at<float>(t) + left;
        const uint16_t rounded = kernels::bf16_from_f32(wanted);
        view.as<uint16_t>()[t] = rounded;
        left = wanted - kernels::f32_from_bf16(rounded);
        if (!std::isfinite(left)) left = 0;
      }
    }
  });
}

}  // namespace tegula::compiler
