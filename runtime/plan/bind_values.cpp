#include "runtime/plan/bind_values.h"

#include <algorithm>

#include "runtime/printable.h"

namespace tegula::runtime {
namespace {

using Value = ProgramModel::Value;

Error unfit(const Value& value, const BoundTensor& tensor, const char* why) {
  return Error{ErrorCode::kInvalidArgument,
               concat("value ", quoted(value.name), " would have dimensions ", to_string(tensor.shape()), ": ", why)};
}

Status bind_dims(const Value& value, std::span<const int64_t> expressions, BoundTensor& tensor) {
  int64_t count = 1;
  bool has_zero = false, too_large = false;
  for (int d = 0; d < value.rank; ++d) {
    const int64_t dim = tensor.dims[d] = expressions[value.dims[d]];
    if (dim < 0) return unfit(value, tensor, "the input shapes do not fit together");
    has_zero |= dim == 0;
    // Dimensions next to a 0 are bounded one by one, so that products of any of them stay harmless.
    too_large |= dim > kLargestBytes || __builtin_mul_overflow(count, std::max<int64_t>(dim, 1), &count) ||
                 count > kLargestBytes;
  }
  if (too_large || count * static_cast<int64_t>(size_of(value.dtype)) > kLargestBytes) {
    return unfit(value, tensor, has_zero ? "too large next to a dimension of 0" : "too large");
  }
  int64_t stride = 1;
  for (int d = value.rank - 1; d >= 0; --d) {
    tensor.strides[d] = stride;
    stride *= std::max<int64_t>(tensor.dims[d], 1);
  }
  return {};
}

// Strides and offset of a view, which must stay inside of the elements of its base.
Status bind_view(const Value& value, const BoundTensor& base, std::span<const int64_t> expressions,
                 BoundTensor& tensor) {
  const int64_t base_count = base.count();
  int64_t lowest = value.view_offset < 0 ? 0 : expressions[static_cast<std::size_t>(value.view_offset)];
  const int64_t offset = lowest;
  int64_t highest = lowest;
  bool overflows = lowest < 0 || lowest > kLargestBytes;
  for (int d = 0; d < value.rank && !overflows; ++d) {
    if (value.has_strides) {
      const int64_t stride = expressions[value.strides[d]];
      // A dimension of one element is never stepped along.
      tensor.strides[d] = tensor.dims[d] > 1 ? stride : std::clamp(stride, -kLargestBytes, kLargestBytes);
    }
    if (tensor.dims[d] <= 1) continue;
    int64_t span = 0;
    overflows = __builtin_mul_overflow(tensor.dims[d] - 1, tensor.strides[d], &span) || span > kLargestBytes ||
                span < -kLargestBytes;
    (span < 0 ? lowest : highest) += overflows ? 0 : span;
  }
  const bool empty = tensor.count() == 0;
  if (!empty && (overflows || lowest < 0 || highest >= base_count))
    return Error{ErrorCode::kInvalidArgument,
                 concat("value ", quoted(value.name), ": the view ", to_string(tensor.shape()), " leaves its base ",
                        quoted(base.name), " ", to_string(base.shape()))};
  tensor.location = base.location;
  if (empty) {
    if (overflows) tensor.strides.fill(0);
    return {};
  }
  const int64_t bytes = offset * static_cast<int64_t>(size_of(tensor.dtype));
  if (tensor.location.memory == Location::Memory::kConstant) {
    tensor.location.constant += bytes;
  } else {
    tensor.location.offset += bytes;
  }
  return {};
}

Location location_of(const Value& value) {
  Location location;
  switch (value.storage) {
    case Storage::kArena: location.memory = Location::Memory::kArena; break;
    case Storage::kConstant: location.memory = Location::Memory::kConstant; break;
    case Storage::kInput: location.memory = Location::Memory::kInput; break;
    case Storage::kOutput: location.memory = Location::Memory::kOutput; break;
    case Storage::kView: break;  // that of the base, once sizes are bound
  }
  if (value.port >= 0) location.port = static_cast<uint32_t>(value.port);
  return location;
}

}  // namespace

std::vector<BoundTensor> make_prototypes(const ProgramModel& model,
                                         std::span<const std::span<const std::byte>> segments) {
  std::vector<BoundTensor> prototypes(model.values.size());
  for (std::size_t i = 0; i < model.values.size(); ++i) {
    const Value& value = model.values[i];
    BoundTensor& tensor = prototypes[i];
    tensor.name = value.name;
    tensor.dtype = value.dtype;
    tensor.packing = value.packing;
    tensor.rank = value.rank;
    tensor.location = location_of(value);
    tensor.quantization = value.quantization;
    if (value.storage == Storage::kConstant) tensor.location.constant = segments[value.segment].data() + value.offset;
  }
  return prototypes;
}

Result<std::vector<BoundTensor>> bind_values(const ProgramModel& model, const std::vector<BoundTensor>& prototypes,
                                             std::span<const int64_t> expressions) {
  std::vector<BoundTensor> tensors = prototypes;
  for (std::size_t i = 0; i < tensors.size(); ++i)
    TEGULA_RETURN_IF_ERROR(bind_dims(model.values[i], expressions, tensors[i]));
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const Value& value = model.values[i];
    if (value.storage == Storage::kView)
      TEGULA_RETURN_IF_ERROR(bind_view(value, tensors[static_cast<std::size_t>(value.base)], expressions, tensors[i]));
  }
  return tensors;
}

}  // namespace tegula::runtime
