#include "kernels/slice/slice.h"

#include "kernels/copy/copy.h"

namespace tegula::kernels {

Status check_slice(const SliceDesc& desc, const TensorView& src, const TensorView& dst) {
  if (src.dtype != dst.dtype || src.rank != dst.rank || src.rank != desc.rank)
    return Error{ErrorCode::kInvalidArgument,
                 concat("slice: ", name_of(src.dtype), to_string(src.shape()), " and ", name_of(dst.dtype),
                        to_string(dst.shape()), " differ in type or rank")};
  if (dst.count() == 0) return {};
  for (int d = 0; d < desc.rank; ++d) {
    const int64_t first = desc.starts[d], step = desc.steps[d], size = src.dims[d];
    int64_t last = 0;
    const bool overflows =
        __builtin_mul_overflow(step, dst.dims[d] - 1, &last) || __builtin_add_overflow(last, first, &last);
    if (step == 0 || overflows || first < 0 || first >= size || last < 0 || last >= size)
      return Error{ErrorCode::kInvalidArgument,
                   concat("slice: ", dst.dims[d], " elements from ", first, " on in steps of ", step,
                          " leave dimension ", d, " of ", to_string(src.shape()))};
  }
  return {};
}

TensorView sliced(const SliceDesc& desc, const TensorView& src, std::span<const int64_t> dims) {
  TensorView view = src;
  for (int d = 0; d < desc.rank; ++d) view.dims[d] = dims[static_cast<std::size_t>(d)];
  if (element_count(dims) == 0) return view;
  int64_t offset = 0;
  for (int d = 0; d < desc.rank; ++d) {
    offset += src.strides[d] * desc.starts[d];
    if (view.dims[d] > 1)
      view.strides[d] = src.strides[d] * desc.steps[d];  // with one element the step may be anything
  }
  if (view.data != nullptr) view.data += offset * static_cast<int64_t>(size_of(src.dtype));
  return view;
}

Status slice(const SliceDesc& desc, const TensorView& src, const TensorView& dst) {
  TEGULA_RETURN_IF_ERROR(check_slice(desc, src, dst));
  return copy(sliced(desc, src, dst.shape()), dst);
}

}  // namespace tegula::kernels
