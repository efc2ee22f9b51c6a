#include "kernels/scatter/apply_update.h"

#include <cstring>

namespace tegula::kernels {

void copy_unless_same(const TensorView& src, const TensorView& dst) {
  if (src.data == dst.data) return;
  if (src.is_contiguous() && dst.is_contiguous()) {
    if (src.count() > 0) std::memcpy(dst.data, src.data, static_cast<std::size_t>(src.count()) * size_of(src.dtype));
    return;
  }
  visit_by_size(src.dtype, [&](auto tag) {
    using T = decltype(tag);
    OffsetWalk<2> walk(dst.shape(), {&src, &dst});
    for (int64_t n = walk.count(); n > 0; --n, walk.next()) dst.as<T>()[walk.offset(1)] = src.as<T>()[walk.offset(0)];
  });
}

Status check_scatter(std::string_view kernel, ScatterReduction reduction, Views inputs, Views outputs) {
  TEGULA_RETURN_IF_ERROR(check_counts(kernel, inputs, 3, 3, outputs, 1, 1));
  const TensorView &src = inputs[0], &indices = inputs[1], &updates = inputs[2], &dst = outputs[0];
  if (!is_index_type(indices.dtype)) return plain_error(kernel, "indices must be s32 or s64");
  if (updates.dtype != src.dtype || dst.dtype != src.dtype)
    return plain_error(kernel, "src, updates and dst differ in type");
  if (!same_dims(src, dst)) return plain_error(kernel, "src and dst differ in dimensions");
  if (reduction > ScatterReduction::kMin) return plain_error(kernel, "unknown reduction");
  if (reduction != ScatterReduction::kNone && !is_numeric(src.dtype))
    return plain_error(kernel, concat("no reduction of ", name_of(src.dtype)));
  return {};
}

}  // namespace tegula::kernels
