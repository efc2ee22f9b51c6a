#include "kernels/gather_nd/gather_nd.h"

namespace tegula::kernels {
namespace {
constexpr std::string_view kName = "gather_nd";
}

Status check(const GatherNdDesc& desc, Views inputs, Views outputs) {
  TEGULA_RETURN_IF_ERROR(check_counts(kName, inputs, 2, 2, outputs, 1, 1));
  const TensorView &src = inputs[0], &indices = inputs[1], &dst = outputs[0];
  if (!is_index_type(indices.dtype)) return plain_error(kName, "indices must be s32 or s64");
  if (src.dtype != dst.dtype) return plain_error(kName, "src and dst differ in type");
  if (desc.batch_dims < 0 || desc.batch_dims >= indices.rank || desc.batch_dims > src.rank)
    return plain_error(kName, "batch_dims is out of range");
  const int outer = indices.rank - 1;
  const int64_t k = indices.dims[outer];
  if (k > src.rank - desc.batch_dims)
    return plain_error(kName, "the last dimension of indices exceeds the rank of src");
  const int first = desc.batch_dims + static_cast<int>(k);
  if (dst.rank != outer + src.rank - first) return plain_error(kName, "dst has another rank than the indices say");
  for (int d = 0; d < desc.batch_dims; ++d)
    if (indices.dims[d] != src.dims[d]) return plain_error(kName, "src and indices differ in a batch dimension");
  for (int d = 0; d < dst.rank; ++d)
    if (dst.dims[d] != (d < outer ? indices.dims[d] : src.dims[first + d - outer]))
      return plain_error(kName, "dst has other dimensions than the indices say");
  return {};
}

Status gather_nd(const GatherNdDesc& desc, Views inputs, Views outputs) {
  const TensorView &src = inputs[0], &indices = inputs[1], &dst = outputs[0];
  const int outer = indices.rank - 1, k = static_cast<int>(indices.dims[outer]), batch = desc.batch_dims;

  // `place` walks the batch coordinates of src; `slice` and `slot` walk what is copied for each index tuple.
  TensorView place = src, slice = src, slot = dst;
  for (int d = batch; d < kMaxRank; ++d) place.strides[d] = 0;
  slice.rank = slot.rank = dst.rank - outer;
  for (int d = 0; d < slice.rank; ++d) {
    slice.dims[d] = slot.dims[d] = src.dims[batch + k + d];
    slice.strides[d] = src.strides[batch + k + d];
    slot.strides[d] = dst.strides[outer + d];
  }
  if (dst.count() == 0) return {};

  return visit_by_size(src.dtype, [&](auto tag) -> Status {
    using T = decltype(tag);
    const T* const from = src.as<T>();
    T* const to = dst.as<T>();
    OffsetWalk<3> walk(indices.shape().first(static_cast<std::size_t>(outer)), {&place, &indices, &dst});
    for (int64_t n = walk.count(); n > 0; --n, walk.next()) {
      int64_t offset = walk.offset(0);
      for (int j = 0; j < k; ++j) {
        const int64_t index = index_at(indices, walk.offset(1) + j * indices.strides[outer]);
        const auto at = wrap_index(index, src.dims[batch + j]);
        if (!at) return index_error(kName, index, src.dims[batch + j]);
        offset += *at * src.strides[batch + j];
      }
      OffsetWalk<2> copy(slice.shape(), {&slice, &slot});
      for (int64_t m = copy.count(); m > 0; --m, copy.next())
        to[walk.offset(2) + copy.offset(1)] = from[offset + copy.offset(0)];
    }
    return {};
  });
}

}  // namespace tegula::kernels
