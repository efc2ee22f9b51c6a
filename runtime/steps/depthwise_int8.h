#pragma once
#include "runtime/steps/step.h"

namespace tegula::runtime {

/// A conv step with table Requantize whose weights are packed as Packing::kDepthwise: u8 by s8, a filter for each
/// channel. The caller has checked that source, weights and destination are there.
Result<std::unique_ptr<BoundStep>> bind_depthwise_int8(const BindContext& context);

}  // namespace tegula::runtime
