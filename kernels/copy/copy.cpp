#include "kernels/copy/copy.h"

#include "kernels/copy/strided_copy.h"

namespace tegula::kernels {

Status check_copy(const TensorView& src, const TensorView& dst) {
  bool fits = src.dtype == dst.dtype && src.rank <= dst.rank;
  for (int d = 0; fits && d < src.rank; ++d)
    fits = src.dims[d] == 1 || src.dims[d] == dst.dims[d + dst.rank - src.rank];
  if (fits) return {};
  return Error{ErrorCode::kInvalidArgument,
               concat("copy: ", name_of(src.dtype), to_string(src.shape()), " does not broadcast to ",
                      name_of(dst.dtype), to_string(dst.shape()))};
}

Status copy(const TensorView& src, const TensorView& dst) {
  TEGULA_RETURN_IF_ERROR(check_copy(src, dst));
  const TensorView from = src.broadcast_to(dst.shape());
  const StridedCopy plan(size_of(dst.dtype), dst.shape(), from.strides, dst.strides);
  plan.run(src.data, dst.data, 0, plan.units());
  return {};
}

}  // namespace tegula::kernels
