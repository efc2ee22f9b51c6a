#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/loader/program_model.h"
#include "runtime/steps/step.h"
#include "schema/base/result.h"

namespace tegula::runtime {

/// Larger tensors, and larger sums of tensors, are refused: far beyond any machine, and no size computed from such
/// numbers can overflow.
inline constexpr int64_t kLargestBytes = int64_t{1} << 46;

/// Every value with dimensions and strides evaluated; locations of what lies in the arena are not known yet, but those
/// of views are relative to their base already (place_values adds it). `prototypes` has what shapes do not change:
/// constants, names, types. Errors name the value: a negative or too large dimension, or a view that leaves its base.
Result<std::vector<BoundTensor>> bind_values(const ProgramModel& model, const std::vector<BoundTensor>& prototypes,
                                             std::span<const int64_t> expressions);

/// The values of a program before shapes are known. `constants` gives the address of each constant's bytes.
std::vector<BoundTensor> make_prototypes(const ProgramModel& model,
                                         std::span<const std::span<const std::byte>> segments);

/// Bytes of the value's elements, without gaps.
inline uint64_t bytes_of(const BoundTensor& tensor) {
  return static_cast<uint64_t>(tensor.count()) * size_of(tensor.dtype);
}

}  // namespace tegula::runtime
