#include "kernels/gather/gather.h"

#include <algorithm>
#include <cstring>

namespace tegula::kernels {
namespace {

// Rows are fetched this many indices ahead: tables are large and rows far apart.
constexpr int64_t kPrefetchAhead = 8;

int64_t load_index(const std::byte* p, bool wide) {
  if (wide) {
    int64_t value;
    std::memcpy(&value, p, sizeof value);
    return value;
  }
  int32_t value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

}  // namespace

Status check_gather(int axis, const TensorView& src, const TensorView& indices, const TensorView& dst) {
  bool fits = axis >= 0 && axis < src.rank && src.dtype == dst.dtype &&
              (indices.dtype == DType::kS32 || indices.dtype == DType::kS64) && dst.rank == src.rank - 1 + indices.rank;
  for (int d = 0; fits && d < dst.rank; ++d) {
    const int64_t size = d < axis                  ? src.dims[d]
                         : d < axis + indices.rank ? indices.dims[d - axis]
                                                   : src.dims[d - indices.rank + 1];
    fits = dst.dims[d] == size;
  }
  if (fits) return {};
  return Error{ErrorCode::kInvalidArgument,
               concat("gather along ", axis, ": ", name_of(src.dtype), to_string(src.shape()), " with indices ",
                      name_of(indices.dtype), to_string(indices.shape()), " does not give ", name_of(dst.dtype),
                      to_string(dst.shape()))};
}

GatherPlan::GatherPlan(int axis, const TensorView& src, const TensorView& indices, const TensorView& dst) {
  const int64_t element_bytes = static_cast<int64_t>(size_of(src.dtype));
  axis_size_ = src.dims[axis];
  axis_stride_ = src.strides[axis] * element_bytes;
  wide_indices_ = indices.dtype == DType::kS64;
  const int64_t index_bytes = wide_indices_ ? 8 : 4;
  outer_count_ = index_count_ = 1;
  for (int d = 0; d < axis; ++d) {
    append(outer_, src.dims[d], src.strides[d] * element_bytes, dst.strides[d] * element_bytes);
    outer_count_ *= src.dims[d];
  }
  for (int d = 0; d < indices.rank; ++d) {
    append(index_, indices.dims[d], indices.strides[d] * index_bytes, dst.strides[axis + d] * element_bytes);
    index_count_ *= indices.dims[d];
  }
  const auto behind = static_cast<std::size_t>(src.rank - 1 - axis);
  row_ = StridedCopy(static_cast<std::size_t>(element_bytes), {src.dims.data() + axis + 1, behind},
                     {src.strides.data() + axis + 1, behind}, {dst.strides.data() + axis + indices.rank, behind});
}

// Drops dimensions of 1 and merges neighbours that advance as one: fewer divisions per row.
void GatherPlan::append(Level& level, int64_t dim, int64_t src_stride, int64_t dst_stride) {
  if (dim == 1) return;
  const int last = level.rank - 1;
  if (last >= 0 && level.src_strides[last] == dim * src_stride && level.dst_strides[last] == dim * dst_stride) {
    level.dims[last] *= dim;
    level.src_strides[last] = src_stride;
    level.dst_strides[last] = dst_stride;
    return;
  }
  level.dims[level.rank] = dim;
  level.src_strides[level.rank] = src_stride;
  level.dst_strides[level.rank] = dst_stride;
  ++level.rank;
}

GatherPlan::Offsets GatherPlan::offsets_of(const Level& level, int64_t index) {
  Offsets offsets;
  for (int d = level.rank - 1; d >= 0; --d) {
    const int64_t i = d > 0 ? index % level.dims[d] : index;
    if (d > 0) index /= level.dims[d];
    offsets.src += i * level.src_strides[d];
    offsets.dst += i * level.dst_strides[d];
  }
  return offsets;
}

Status GatherPlan::run(const std::byte* src, const std::byte* indices, std::byte* dst, int64_t begin,
                       int64_t end) const {
  if (begin >= end || row_.bytes() == 0) return {};
  int64_t outer = begin / index_count_, i = begin % index_count_;
  Offsets outer_offsets = offsets_of(outer_, outer);
  for (int64_t unit = begin; unit < end; ++unit) {
    if (i + kPrefetchAhead < index_count_) {
      const int64_t ahead = load_index(indices + offsets_of(index_, i + kPrefetchAhead).src, wide_indices_);
      if (ahead >= 0 && ahead < axis_size_) __builtin_prefetch(src + outer_offsets.src + ahead * axis_stride_);
    }
    const Offsets places = offsets_of(index_, i);
    const int64_t index = load_index(indices + places.src, wide_indices_);
    if (index < -axis_size_ || index >= axis_size_)
      return Error{ErrorCode::kInvalidArgument, concat("gather: index ", index, " at position ", i, " is outside of [",
                                                       -axis_size_, ", ", axis_size_, ")")};
    row_.run(src + outer_offsets.src + (index < 0 ? index + axis_size_ : index) * axis_stride_,
             dst + outer_offsets.dst + places.dst, 0, row_.units());
    if (++i < index_count_) continue;
    i = 0;
    outer_offsets = offsets_of(outer_, ++outer);
  }
  return {};
}

Status gather(int axis, const TensorView& src, const TensorView& indices, const TensorView& dst) {
  TEGULA_RETURN_IF_ERROR(check_gather(axis, src, indices, dst));
  const GatherPlan plan(axis, src, indices, dst);
  return plan.run(src.data, indices.data, dst.data, 0, plan.units());
}

}  // namespace tegula::kernels
