#pragma once
#include "runtime/steps/step.h"

namespace tegula::runtime {

/// A conv step of bf16 by f32 or bf16 whose weights are packed as Packing::kDepthwise, to bf16 or f32. The caller has
/// checked that source, weights and destination are there. kUnsupported: three spatial dimensions, post-op operands that are
/// not f32.
Result<std::unique_ptr<BoundStep>> bind_depthwise_bf16(const BindContext& context);

}  // namespace tegula::runtime
