#include "kernels/scatter/apply_update.h"

namespace tegula::kernels {
namespace {
constexpr std::string_view kName = "scatter_nd";
}

Status check(const ScatterNdDesc& desc, Views inputs, Views outputs) {
  TEGULA_RETURN_IF_ERROR(check_scatter(kName, desc.reduction, inputs, outputs));
  const TensorView &src = inputs[0], &indices = inputs[1], &updates = inputs[2];
  if (indices.rank < 1) return plain_error(kName, "indices must not be a scalar");
  const int outer = indices.rank - 1;
  const int64_t k = indices.dims[outer];
  if (k > src.rank) return plain_error(kName, "the last dimension of indices exceeds the rank of src");
  const int first = static_cast<int>(k);
  if (updates.rank != outer + src.rank - first)
    return plain_error(kName, "updates have another rank than the indices say");
  for (int d = 0; d < updates.rank; ++d)
    if (updates.dims[d] != (d < outer ? indices.dims[d] : src.dims[first + d - outer]))
      return plain_error(kName, "updates have other dimensions than the indices say");
  return {};
}

Status scatter_nd(const ScatterNdDesc& desc, Views inputs, Views outputs) {
  const TensorView &indices = inputs[1], &updates = inputs[2], &dst = outputs[0];
  copy_unless_same(inputs[0], dst);
  if (updates.count() == 0) return {};
  const int outer = indices.rank - 1, k = static_cast<int>(indices.dims[outer]);

  // What one index tuple updates: `slot` of dst with the elements `slice` of updates.
  TensorView slot = dst, slice = updates;
  slot.rank = slice.rank = dst.rank - k;
  for (int d = 0; d < slot.rank; ++d) {
    slot.dims[d] = slice.dims[d] = dst.dims[k + d];
    slot.strides[d] = dst.strides[k + d];
    slice.strides[d] = updates.strides[outer + d];
  }

  return visit_scattered(desc.reduction, dst.dtype, [&](auto tag) -> Status {
    using T = decltype(tag);
    OffsetWalk<2> walk(indices.shape().first(static_cast<std::size_t>(outer)), {&indices, &updates});
    for (int64_t n = walk.count(); n > 0; --n, walk.next()) {
      int64_t offset = 0;
      for (int j = 0; j < k; ++j) {
        const int64_t index = index_at(indices, walk.offset(0) + j * indices.strides[outer]);
        const auto at = wrap_index(index, dst.dims[j]);
        if (!at) return index_error(kName, index, dst.dims[j]);
        offset += *at * dst.strides[j];
      }
      OffsetWalk<2> update(slot.shape(), {&slot, &slice});
      for (int64_t m = update.count(); m > 0; --m, update.next())
        apply_update(desc.reduction, dst.as<T>()[offset + update.offset(0)],
                     updates.as<T>()[walk.offset(1) + update.offset(1)]);
    }
    return {};
  });
}

}  // namespace tegula::kernels
