#include "kernels/cumsum/cumsum.h"

namespace tegula::kernels {
namespace {
constexpr std::string_view kName = "cumsum";
}

Status check(const CumSumDesc& desc, Views inputs, Views outputs) {
  TEGULA_RETURN_IF_ERROR(check_counts(kName, inputs, 1, 1, outputs, 1, 1));
  const TensorView &src = inputs[0], &dst = outputs[0];
  if (desc.axis < 0 || desc.axis >= src.rank) return plain_error(kName, "the axis is out of range");
  if (!is_numeric(src.dtype)) return plain_error(kName, concat("no sums of ", name_of(src.dtype)));
  if (src.dtype != dst.dtype || !same_dims(src, dst))
    return plain_error(kName, "src and dst differ in type or dimensions");
  return {};
}

Status cumsum(const CumSumDesc& desc, Views inputs, Views outputs) {
  const TensorView &src = inputs[0], &dst = outputs[0];
  const int64_t n = src.dims[desc.axis];
  if (n == 0) return {};
  TensorView rows = dst;  // all dimensions but the axis
  rows.dims[desc.axis] = 1;
  const int64_t first = desc.reverse ? n - 1 : 0, step = desc.reverse ? -1 : 1;
  const int64_t src_stride = src.strides[desc.axis], dst_stride = dst.strides[desc.axis];
  visit_native(src.dtype, [&](auto tag) {
    using T = decltype(tag);
    OffsetWalk<2> walk(rows.shape(), {&src, &dst});
    for (int64_t count = walk.count(); count > 0; --count, walk.next()) {
      const T* const from = src.as<T>() + walk.offset(0) + first * src_stride;
      T* const to = dst.as<T>() + walk.offset(1) + first * dst_stride;
      T sum = desc.product ? T{1} : T{0};
      for (int64_t i = 0; i < n; ++i) {
        const T element = from[i * step * src_stride];  // read first: dst may be src
        const T next = i == 0 ? element : desc.product ? wrapping_mul(sum, element) : wrapping_add(sum, element);
        to[i * step * dst_stride] = desc.exclusive ? sum : next;
        sum = next;
      }
    }
  });
  return {};
}

}  // namespace tegula::kernels
