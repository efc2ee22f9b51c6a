#include "kernels/pad/pad.h"

#include <algorithm>
#include <cstring>

namespace tegula::kernels {
namespace {

// Sizes and begins below this cannot overflow when they are added.
constexpr int64_t kLargestSize = int64_t{1} << 60;

int64_t modulo(int64_t a, int64_t b) {
  const int64_t r = a % b;
  return r < 0 ? r + b : r;
}

// The index of src that index i (0 is src's first) of the padded dimension reads; -1 for the fill value.
int64_t source_index(PadMode mode, int64_t i, int64_t size) {
  if (i >= 0 && i < size) return i;
  switch (mode) {
    case PadMode::kConstant: return -1;
    case PadMode::kEdge: return i < 0 ? 0 : size - 1;
    case PadMode::kReflect: {
      if (size == 1) return 0;
      const int64_t folded = modulo(i, 2 * (size - 1));
      return folded < size ? folded : 2 * (size - 1) - folded;
    }
    case PadMode::kWrap: return modulo(i, size);
  }
  return -1;
}

struct Row {
  std::byte* dst;
  int64_t dst_stride;  // bytes
  int64_t count;
};

void fill_elements(const Row& row, int64_t begin, int64_t end, const std::byte* value, int64_t element_bytes) {
  const auto bytes = static_cast<std::size_t>(element_bytes);
  if (row.dst_stride == element_bytes &&
      std::all_of(value, value + bytes, [](std::byte b) { return b == std::byte{0}; })) {
    std::memset(row.dst + begin * element_bytes, 0, static_cast<std::size_t>(end - begin) * bytes);
    return;
  }
  for (int64_t i = begin; i < end; ++i) std::memcpy(row.dst + i * row.dst_stride, value, bytes);
}

}  // namespace

Status check_pad(const PadDesc& desc, const TensorView& src, const TensorView& dst) {
  if (src.dtype != dst.dtype || src.rank != dst.rank || src.rank != desc.rank)
    return Error{ErrorCode::kInvalidArgument,
                 concat("pad: ", name_of(src.dtype), to_string(src.shape()), " and ", name_of(dst.dtype),
                        to_string(dst.shape()), " differ in type or rank")};
  for (int d = 0; d < desc.rank; ++d) {
    const int64_t begin = desc.begins[d];
    if (begin < -kLargestSize || begin > kLargestSize || src.dims[d] > kLargestSize || dst.dims[d] > kLargestSize)
      return Error{ErrorCode::kInvalidArgument,
                   concat("pad: dimension ", d, " is padded by ", begin, ": out of range")};
    if (desc.mode != PadMode::kConstant && src.dims[d] == 0 && dst.count() != 0)
      return Error{ErrorCode::kInvalidArgument, concat("pad: dimension ", d, " of ", to_string(src.shape()),
                                                       " is empty and the mode takes elements from it")};
  }
  return {};
}

int64_t pad_row_count(const TensorView& dst) {
  return element_count(std::span<const int64_t>(dst.dims.data(), static_cast<std::size_t>(std::max(dst.rank - 1, 0))));
}

void pad_rows(const PadDesc& desc, const TensorView& src, const void* fill, const TensorView& dst, int64_t begin,
              int64_t end) {
  if (dst.count() == 0) return;
  const int64_t element_bytes = static_cast<int64_t>(size_of(dst.dtype));
  std::array<std::byte, 8> value{};
  if (fill != nullptr) std::memcpy(value.data(), fill, static_cast<std::size_t>(element_bytes));
  const int inner = dst.rank - 1;
  if (inner < 0) {  // a scalar is its own padding
    std::memcpy(dst.data, src.data, static_cast<std::size_t>(element_bytes));
    return;
  }

  const int64_t src_stride = src.strides[inner] * element_bytes, size = src.dims[inner], shift = desc.begins[inner];
  for (int64_t r = begin; r < end; ++r) {
    Row row{dst.data, dst.strides[inner] * element_bytes, dst.dims[inner]};
    const std::byte* from = src.data;
    bool outside = false;
    int64_t rest = r;
    for (int d = inner - 1; d >= 0; --d) {
      const int64_t i = rest % dst.dims[d];
      rest /= dst.dims[d];
      row.dst += i * dst.strides[d] * element_bytes;
      const int64_t s = source_index(desc.mode, i - desc.begins[d], src.dims[d]);
      outside |= s < 0;
      if (s > 0) from += s * src.strides[d] * element_bytes;
    }
    if (outside) {
      fill_elements(row, 0, row.count, value.data(), element_bytes);
      continue;
    }
    // What lies before, within and behind src.
    const int64_t first = std::clamp<int64_t>(shift, 0, row.count),
                  last = std::clamp<int64_t>(shift + size, first, row.count);
    const auto outside_range = [&](int64_t i0, int64_t i1) {
      if (desc.mode == PadMode::kConstant) return fill_elements(row, i0, i1, value.data(), element_bytes);
      for (int64_t i = i0; i < i1; ++i)
        std::memcpy(row.dst + i * row.dst_stride, from + source_index(desc.mode, i - shift, size) * src_stride,
                    static_cast<std::size_t>(element_bytes));
    };
    outside_range(0, first);
    if (src_stride == element_bytes && row.dst_stride == element_bytes) {
      if (last > first)
        std::memcpy(row.dst + first * element_bytes, from + (first - shift) * element_bytes,
                    static_cast<std::size_t>((last - first) * element_bytes));
    } else {
      for (int64_t i = first; i < last; ++i)
        std::memcpy(row.dst + i * row.dst_stride, from + (i - shift) * src_stride,
                    static_cast<std::size_t>(element_bytes));
    }
    outside_range(last, row.count);
  }
}

Status pad(const PadDesc& desc, const TensorView& src, const void* fill, const TensorView& dst) {
  TEGULA_RETURN_IF_ERROR(check_pad(desc, src, dst));
  pad_rows(desc, src, fill, dst, 0, pad_row_count(dst));
  return {};
}

}  // namespace tegula::kernels
