#include "kernels/concat/concat.h"

#include "kernels/copy/copy.h"

namespace tegula::kernels {

Status check_concat(int axis, std::span<const TensorView> srcs, const TensorView& dst) {
  if (axis < 0 || axis >= dst.rank)
    return Error{ErrorCode::kInvalidArgument, concat("concat: axis ", axis, " of a tensor of rank ", dst.rank)};
  int64_t size = 0;
  for (const TensorView& src : srcs) {
    bool fits = src.dtype == dst.dtype && src.rank == dst.rank;
    for (int d = 0; fits && d < dst.rank; ++d) fits = d == axis || src.dims[d] == dst.dims[d];
    if (!fits)
      return Error{ErrorCode::kInvalidArgument,
                   concat("concat along ", axis, ": ", name_of(src.dtype), to_string(src.shape()), " is no part of ",
                          name_of(dst.dtype), to_string(dst.shape()))};
    if (__builtin_add_overflow(size, src.dims[axis], &size)) size = -1;
    if (size < 0 || size > dst.dims[axis]) break;
  }
  if (size != dst.dims[axis])
    return Error{ErrorCode::kInvalidArgument,
                 concat("concat along ", axis, ": the parts do not add up to ", to_string(dst.shape()))};
  return {};
}

TensorView part_of(const TensorView& dst, int axis, int64_t begin, int64_t size) {
  TensorView part = dst;
  part.dims[axis] = size;
  if (part.data != nullptr) part.data += begin * dst.strides[axis] * static_cast<int64_t>(size_of(dst.dtype));
  return part;
}

Status concatenate(int axis, std::span<const TensorView> srcs, const TensorView& dst) {
  TEGULA_RETURN_IF_ERROR(check_concat(axis, srcs, dst));
  int64_t begin = 0;
  for (const TensorView& src : srcs) {
    TEGULA_RETURN_IF_ERROR(copy(src, part_of(dst, axis, begin, src.dims[axis])));
    begin += src.dims[axis];
  }
  return {};
}

}  // namespace tegula::kernels
