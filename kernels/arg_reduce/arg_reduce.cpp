#include "kernels/arg_reduce/arg_reduce.h"

namespace tegula::kernels {
namespace {

constexpr std::string_view kName = "arg_reduce";

template <typename T>
bool beats(T challenger, T champion, bool max, bool on_equal) {
  if (champion != champion) return challenger != challenger && on_equal;
  if (challenger != challenger) return true;
  return (max ? champion < challenger : challenger < champion) || (challenger == champion && on_equal);
}

}  // namespace

Status check(const ArgReduceDesc& desc, Views inputs, Views outputs) {
  TEGULA_RETURN_IF_ERROR(check_counts(kName, inputs, 1, 1, outputs, 1, 1));
  const TensorView &src = inputs[0], &dst = outputs[0];
  if (desc.axis < 0 || desc.axis >= src.rank) return plain_error(kName, "the axis is out of range");
  if (!is_numeric(src.dtype)) return plain_error(kName, concat("no order of ", name_of(src.dtype)));
  if (dst.dtype != DType::kS64) return plain_error(kName, "dst must be s64");
  const bool keeps = dst.rank == src.rank;
  if (!keeps && dst.rank != src.rank - 1) return plain_error(kName, "dst has another rank than src allows");
  for (int d = 0; d < dst.rank; ++d) {
    const int64_t expected = keeps && d == desc.axis ? 1 : src.dims[!keeps && d >= desc.axis ? d + 1 : d];
    if (dst.dims[d] != expected) return plain_error(kName, "dst has other dimensions than src allows");
  }
  if (src.dims[desc.axis] == 0 && dst.count() > 0)
    return plain_error(kName, "the axis is empty: nothing to choose from");
  return {};
}

Status arg_reduce(const ArgReduceDesc& desc, Views inputs, Views outputs) {
  const TensorView &src = inputs[0], &dst = outputs[0];
  TensorView rows = src, slots = dst;  // all dimensions but the axis
  rows.dims[desc.axis] = 1;
  if (dst.rank != src.rank)
    for (int d = src.rank - 1; d >= desc.axis; --d) slots.strides[d] = d == desc.axis ? 0 : dst.strides[d - 1];
  const int64_t n = src.dims[desc.axis], stride = src.strides[desc.axis];
  visit_native(src.dtype, [&](auto tag) {
    using T = decltype(tag);
    OffsetWalk<2> walk(rows.shape(), {&src, &slots});
    for (int64_t count = dst.count(); count > 0; --count, walk.next()) {
      const T* const from = src.as<T>() + walk.offset(0);
      int64_t best = 0;
      for (int64_t i = 1; i < n; ++i)
        if (beats(from[i * stride], from[best * stride], desc.max, desc.select_last)) best = i;
      dst.as<int64_t>()[walk.offset(1)] = best;
    }
  });
  return {};
}

}  // namespace tegula::kernels
