#include "kernels/scatter/apply_update.h"

namespace tegula::kernels {
namespace {
constexpr std::string_view kName = "scatter_elements";
}

Status check(const ScatterElementsDesc& desc, Views inputs, Views outputs) {
  TEGULA_RETURN_IF_ERROR(check_scatter(kName, desc.reduction, inputs, outputs));
  const TensorView &src = inputs[0], &indices = inputs[1], &updates = inputs[2];
  if (desc.axis < 0 || desc.axis >= src.rank) return plain_error(kName, "the axis is out of range");
  if (indices.rank != src.rank || !same_dims(indices, updates))
    return plain_error(kName, "indices must have the rank of src and the dimensions of updates");
  for (int d = 0; d < src.rank; ++d)
    if (d != desc.axis && indices.dims[d] > src.dims[d])
      return plain_error(kName, concat("dimension ", d, " of indices exceeds that of src"));
  return {};
}

Status scatter_elements(const ScatterElementsDesc& desc, Views inputs, Views outputs) {
  const TensorView &indices = inputs[1], &updates = inputs[2], &dst = outputs[0];
  copy_unless_same(inputs[0], dst);
  const int64_t size = dst.dims[desc.axis], stride = dst.strides[desc.axis];
  TensorView base = dst;  // the walk leaves the axis to the index
  base.strides[desc.axis] = 0;
  return visit_scattered(desc.reduction, dst.dtype, [&](auto tag) -> Status {
    using T = decltype(tag);
    OffsetWalk<3> walk(indices.shape(), {&base, &indices, &updates});
    for (int64_t n = walk.count(); n > 0; --n, walk.next()) {
      const int64_t index = index_at(indices, walk.offset(1));
      const auto at = wrap_index(index, size);
      if (!at) return index_error(kName, index, size);
      apply_update(desc.reduction, dst.as<T>()[walk.offset(0) + *at * stride], updates.as<T>()[walk.offset(2)]);
    }
    return {};
  });
}

}  // namespace tegula::kernels
