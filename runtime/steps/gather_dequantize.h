#pragma once
#include "runtime/steps/step.h"

namespace tegula::runtime {

/// A gather step with scales: rows of u8 or s8, chosen by an index, become f32 or bf16 (an embedding).
Result<std::unique_ptr<BoundStep>> bind_gather_dequantize(const BindContext& context);

}  // namespace tegula::runtime
