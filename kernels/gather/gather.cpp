#include "kernels/gather/gather.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace tegula::kernels {
namespace {

// Rows of tables that no first- or second-level cache holds are fetched this many indices ahead.
constexpr int64_t kPrefetchAhead = 8;
constexpr int64_t kCachedBytes = 256 * 1024;

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
  if (index_.rank > 1 || !row_.is_one_row()) return;
  row_bytes_ = row_.bytes();
  prefetches_ = axis_size_ > kCachedBytes / std::max<int64_t>(std::abs(axis_stride_), 1);
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

bool GatherPlan::resolve(int64_t& index) const {
  if (index < 0) index += axis_size_;
  return index >= 0 && index < axis_size_;
}

Error GatherPlan::outside(int64_t index, int64_t position) const {
  return Error{ErrorCode::kInvalidArgument, concat("gather: index ", index, " at position ", position,
                                                   " is outside of [", -axis_size_, ", ", axis_size_, ")")};
}

Status GatherPlan::run(const std::byte* src, const std::byte* indices, std::byte* dst, int64_t begin,
                       int64_t end) const {
  if (begin >= end || row_.bytes() == 0) return {};
  if (row_bytes_ == 0) return run_any(src, indices, dst, begin, end);
  while (begin < end) {
    const int64_t outer = begin / index_count_, first = begin % index_count_;
    const int64_t count = std::min(index_count_ - first, end - begin);
    const Offsets offsets = offsets_of(outer_, outer);
    TEGULA_RETURN_IF_ERROR(wide_indices_
                               ? run_rows<int64_t>(src + offsets.src, indices, dst + offsets.dst, first, count)
                               : run_rows<int32_t>(src + offsets.src, indices, dst + offsets.dst, first, count));
    begin += count;
  }
  return {};
}

template <typename Index>
Status GatherPlan::run_rows(const std::byte* src, const std::byte* indices, std::byte* dst, int64_t first,
                            int64_t count) const {
  switch (row_bytes_) {
    case 1: return copy_rows<Index, 1>(src, indices, dst, first, count);
    case 2: return copy_rows<Index, 2>(src, indices, dst, first, count);
    case 4: return copy_rows<Index, 4>(src, indices, dst, first, count);
    case 8: return copy_rows<Index, 8>(src, indices, dst, first, count);
    default: return copy_rows<Index, 0>(src, indices, dst, first, count);
  }
}

template <typename Index, std::size_t kBytes>
Status GatherPlan::copy_rows(const std::byte* src, const std::byte* indices, std::byte* dst, int64_t first,
                             int64_t count) const {
  const std::size_t bytes = kBytes == 0 ? static_cast<std::size_t>(row_bytes_) : kBytes;
  const int64_t index_stride = index_.src_strides[0], dst_stride = index_.dst_strides[0];
  const auto index_at = [&](int64_t i) {
    Index value;
    std::memcpy(&value, indices + i * index_stride, sizeof value);
    return static_cast<int64_t>(value);
  };
  for (int64_t i = first; i < first + count; ++i) {
    if (prefetches_ && i + kPrefetchAhead < index_count_) {
      if (int64_t ahead = index_at(i + kPrefetchAhead); resolve(ahead)) __builtin_prefetch(src + ahead * axis_stride_);
    }
    int64_t index = index_at(i);
    if (!resolve(index)) return outside(index_at(i), i);
    std::memcpy(dst + i * dst_stride, src + index * axis_stride_, bytes);
  }
  return {};
}

Status GatherPlan::run_any(const std::byte* src, const std::byte* indices, std::byte* dst, int64_t begin,
                           int64_t end) const {
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t i = unit % index_count_;
    const Offsets outer = offsets_of(outer_, unit / index_count_), places = offsets_of(index_, i);
    const int64_t named = load_index(indices + places.src, wide_indices_);
    int64_t index = named;
    if (!resolve(index)) return outside(named, i);
    row_.run(src + outer.src + index * axis_stride_, dst + outer.dst + places.dst, 0, row_.units());
  }
  return {};
}

Status gather(int axis, const TensorView& src, const TensorView& indices, const TensorView& dst) {
  TEGULA_RETURN_IF_ERROR(check_gather(axis, src, indices, dst));
  const GatherPlan plan(axis, src, indices, dst);
  return plan.run(src.data, indices.data, dst.data, 0, plan.units());
}

}  // namespace tegula::kernels
