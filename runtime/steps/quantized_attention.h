#pragma once
#include "runtime/steps/step.h"

namespace tegula::runtime {

/// Inputs of an attention step whose products are products of integers; others have fewer.
inline constexpr std::size_t kQuantizedAttentionInputs = 5;

/// Of such a step: q, k and v of u8, and a constant that says how probabilities become u8.
Result<std::unique_ptr<BoundStep>> bind_quantized_attention(const BindContext& context);

}  // namespace tegula::runtime
