#include "kernels/reverse_sequence/reverse_sequence.h"

namespace tegula::kernels {
namespace {
constexpr std::string_view kName = "reverse_sequence";
}

Status check(const ReverseSequenceDesc& desc, Views inputs, Views outputs) {
  TEGULA_RETURN_IF_ERROR(check_counts(kName, inputs, 2, 2, outputs, 1, 1));
  const TensorView &src = inputs[0], &lengths = inputs[1], &dst = outputs[0];
  if (src.rank < 2) return plain_error(kName, "src must have a time and a batch dimension");
  if (desc.time_axis != 0 && desc.time_axis != 1) return plain_error(kName, "the time axis must be 0 or 1");
  if (lengths.dtype != DType::kS64 || lengths.rank != 1 || lengths.dims[0] != src.dims[1 - desc.time_axis])
    return plain_error(kName, "lengths must be s64, one for each batch entry");
  if (src.dtype != dst.dtype || !same_dims(src, dst))
    return plain_error(kName, "src and dst differ in type or dimensions");
  return {};
}

Status reverse_sequence(const ReverseSequenceDesc& desc, Views inputs, Views outputs) {
  const TensorView &src = inputs[0], &lengths = inputs[1], &dst = outputs[0];
  const std::size_t time_axis = static_cast<std::size_t>(desc.time_axis), batch_axis = 1 - time_axis;
  const int64_t time = src.dims[time_axis];
  for (int64_t b = 0; b < lengths.dims[0]; ++b) {
    const int64_t length = index_at(lengths, b * lengths.strides[0]);
    if (length < 0 || length > time)
      return plain_error(kName, concat("length ", length, " for a time dimension of ", time));
  }
  visit_by_size(src.dtype, [&](auto tag) {
    using T = decltype(tag);
    OffsetWalk<2> walk(dst.shape(), {&src, &dst});
    for (int64_t count = walk.count(); count > 0; --count, walk.next()) {
      const int64_t t = walk.index()[time_axis];
      const int64_t length = index_at(lengths, walk.index()[batch_axis] * lengths.strides[0]);
      const int64_t from = t < length ? length - 1 - t : t;
      dst.as<T>()[walk.offset(1)] = src.as<T>()[walk.offset(0) + (from - t) * src.strides[time_axis]];
    }
  });
  return {};
}

}  // namespace tegula::kernels
