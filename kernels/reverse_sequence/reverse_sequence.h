#pragma once
#include "kernels/plain_loops.h"

namespace tegula::kernels {

/// Reverses the first lengths[b] elements along the time axis of every batch entry b and copies the others. The axes
/// are the first two dimensions: `time_axis` is 0 or 1, the other is the batch. inputs: src (any type, rank >= 2),
/// lengths (s64 [batch], in [0, time], else kInvalidArgument). outputs: dst (src's type and dims; not the same memory).
struct ReverseSequenceDesc {
  int time_axis = 0;
  auto operator<=>(const ReverseSequenceDesc&) const = default;
};

Status check(const ReverseSequenceDesc& desc, Views inputs, Views outputs);
Status reverse_sequence(const ReverseSequenceDesc& desc, Views inputs, Views outputs);

}  // namespace tegula::kernels
