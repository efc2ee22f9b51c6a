#pragma once
#include <memory>

#include "runtime/steps/step.h"

namespace tegula::runtime {

/// Convolutions whose table has `requantize`: u8 by s8, weights in n16k4 of [blocks, taps, k, n] as PackedConv lays
/// them out, bias s32. bind_conv hands those over.
Result<std::unique_ptr<BoundStep>> bind_conv_int8(const BindContext& context);

}  // namespace tegula::runtime
