#include "kernels/gather_elements/gather_elements.h"

namespace tegula::kernels {
namespace {
constexpr std::string_view kName = "gather_elements";
}

Status check(const GatherElementsDesc& desc, Views inputs, Views outputs) {
  TEGULA_RETURN_IF_ERROR(check_counts(kName, inputs, 2, 2, outputs, 1, 1));
  const TensorView &src = inputs[0], &indices = inputs[1], &dst = outputs[0];
  if (desc.axis < 0 || desc.axis >= src.rank) return plain_error(kName, "the axis is out of range");
  if (!is_index_type(indices.dtype)) return plain_error(kName, "indices must be s32 or s64");
  if (src.dtype != dst.dtype) return plain_error(kName, "src and dst differ in type");
  if (indices.rank != src.rank || !same_dims(indices, dst))
    return plain_error(kName, "indices must have the rank of src and the dimensions of dst");
  for (int d = 0; d < src.rank; ++d)
    if (d != desc.axis && indices.dims[d] > src.dims[d])
      return plain_error(kName, concat("dimension ", d, " of indices exceeds that of src"));
  return {};
}

Status gather_elements(const GatherElementsDesc& desc, Views inputs, Views outputs) {
  const TensorView &src = inputs[0], &indices = inputs[1], &dst = outputs[0];
  const int64_t size = src.dims[desc.axis], stride = src.strides[desc.axis];
  TensorView base = src;  // the walk leaves the axis to the index
  base.strides[desc.axis] = 0;
  return visit_by_size(src.dtype, [&](auto tag) -> Status {
    using T = decltype(tag);
    const T* const from = src.as<T>();
    T* const to = dst.as<T>();
    OffsetWalk<3> walk(dst.shape(), {&base, &indices, &dst});
    for (int64_t n = walk.count(); n > 0; --n, walk.next()) {
      const int64_t index = index_at(indices, walk.offset(1));
      const auto at = wrap_index(index, size);
      if (!at) return index_error(kName, index, size);
      to[walk.offset(2)] = from[walk.offset(0) + *at * stride];
    }
    return {};
  });
}

}  // namespace tegula::kernels
