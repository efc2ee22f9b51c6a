#include "kernels/one_hot/one_hot.h"

#include <cmath>

namespace tegula::kernels {
namespace {

constexpr std::string_view kName = "one_hot";

/// The position that an index means, or -1.
template <typename T>
int64_t position(T index, int64_t depth) {
  if constexpr (std::is_floating_point_v<T>) {
    const double whole = std::trunc(static_cast<double>(index));
    if (!(whole >= -static_cast<double>(depth) && whole < static_cast<double>(depth))) return -1;
    return wrap_index(static_cast<int64_t>(whole), depth).value_or(-1);
  } else if constexpr (std::is_same_v<T, uint64_t>) {
    return index < static_cast<uint64_t>(depth) ? static_cast<int64_t>(index) : -1;
  } else {
    return wrap_index(static_cast<int64_t>(index), depth).value_or(-1);
  }
}

}  // namespace

Status check(const OneHotDesc& desc, Views inputs, Views outputs) {
  TEGULA_RETURN_IF_ERROR(check_counts(kName, inputs, 2, 2, outputs, 1, 1));
  const TensorView &indices = inputs[0], &values = inputs[1], &dst = outputs[0];
  if (!is_numeric(indices.dtype)) return plain_error(kName, concat("no indices of ", name_of(indices.dtype)));
  if (values.rank != 1 || values.dims[0] != 2) return plain_error(kName, "values must be the two of [off, on]");
  if (values.dtype != dst.dtype) return plain_error(kName, "values and dst differ in type");
  if (dst.rank != indices.rank + 1) return plain_error(kName, "dst must have one dimension more than indices");
  if (desc.axis < 0 || desc.axis >= dst.rank) return plain_error(kName, "the axis is out of range");
  for (int d = 0; d < indices.rank; ++d)
    if (dst.dims[d < desc.axis ? d : d + 1] != indices.dims[d])
      return plain_error(kName, "dst has other dimensions than indices");
  return {};
}

Status one_hot(const OneHotDesc& desc, Views inputs, Views outputs) {
  const TensorView &indices = inputs[0], &values = inputs[1], &dst = outputs[0];
  const int64_t depth = dst.dims[desc.axis], stride = dst.strides[desc.axis];
  TensorView rows = dst;  // dst without the axis
  rows.rank = indices.rank;
  for (int d = desc.axis; d < rows.rank; ++d) rows.strides[d] = dst.strides[d + 1];
  visit_by_size(dst.dtype, [&](auto element) {
    using T = decltype(element);
    const T off = values.as<T>()[0], on = values.as<T>()[values.strides[0]];
    visit_native(indices.dtype, [&](auto tag) {
      using Index = decltype(tag);
      OffsetWalk<2> walk(indices.shape(), {&indices, &rows});
      for (int64_t count = walk.count(); count > 0; --count, walk.next()) {
        T* const row = dst.as<T>() + walk.offset(1);
        for (int64_t j = 0; j < depth; ++j) row[j * stride] = off;
        const int64_t at = position(indices.as<Index>()[walk.offset(0)], depth);
        if (at >= 0) row[at * stride] = on;
      }
    });
  });
  return {};
}

}  // namespace tegula::kernels
