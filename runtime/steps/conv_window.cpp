#include "runtime/steps/conv_window.h"

#include <algorithm>

namespace tegula::runtime {
namespace {

constexpr int64_t kLargest = int64_t{1} << 31;        // kernels, strides, dilations, padding
constexpr int64_t kMostPositions = int64_t{1} << 20;  // of a kernel
constexpr int64_t kLargestCopy = int64_t{1} << 40;    // elements of the source and its padding under all windows

/// Puts a list of the file behind the leading 1s (or 0s); false when its length or an entry is wrong.
template <typename List>
bool place(const List* list, int spatial, int64_t least, std::array<int64_t, 3>& to) {
  if (list == nullptr || list->size() != static_cast<uint32_t>(spatial)) return false;
  for (int d = 0; d < spatial; ++d) {
    const auto value = static_cast<int64_t>(list->Get(static_cast<uint32_t>(d)));
    if (value < least || value >= kLargest) return false;
    to[static_cast<std::size_t>(3 - spatial + d)] = value;
  }
  return true;
}

bool place_expressions(const BindContext& context, const flatbuffers::Vector<uint32_t>* list, int spatial,
                       std::array<int64_t, 3>& to) {
  if (list == nullptr || list->size() != static_cast<uint32_t>(spatial)) return false;
  for (int d = 0; d < spatial; ++d) {
    const int64_t value = context.expression(list->Get(static_cast<uint32_t>(d)));
    if (value <= -kLargest || value >= kLargest) return false;
    to[static_cast<std::size_t>(3 - spatial + d)] = value;
  }
  return true;
}

}  // namespace

Result<ConvWindow> read_window(const BindContext& context, const schema::Conv& table, const BoundTensor& src) {
  ConvWindow window;
  window.spatial = src.rank - 2;
  if (window.spatial < 1 || window.spatial > 3)
    return context.invalid("a convolution of ", to_string(src.shape()), "; 1 to 3 spatial dimensions are supported");
  const int spatial = window.spatial;
  if (!place(table.kernel(), spatial, 1, window.kernel) || !place(table.strides(), spatial, 1, window.strides) ||
      !place(table.dilations(), spatial, 1, window.dilations))
    return context.invalid("kernel, strides or dilations do not fit ", spatial, " spatial dimensions");
  const bool has_pads = table.pads_begin_expr() != nullptr
                            ? place_expressions(context, table.pads_begin_expr(), spatial, window.pads_begin) &&
                                  place_expressions(context, table.pads_end_expr(), spatial, window.pads_end)
                            : place(table.pads_begin(), spatial, -kLargest, window.pads_begin) &&
                                  place(table.pads_end(), spatial, -kLargest, window.pads_end);
  if (!has_pads) return context.invalid("paddings do not fit ", spatial, " spatial dimensions");
  if (table.groups() < 1 || table.groups() >= static_cast<uint64_t>(kLargest))
    return context.invalid(table.groups(), " groups");
  window.groups = static_cast<int64_t>(table.groups());
  int64_t positions = 1;
  for (const int64_t extent : window.kernel)
    if (__builtin_mul_overflow(positions, extent, &positions) || positions > kMostPositions)
      return context.unsupported("a kernel of more than ", kMostPositions, " positions");
  return window;
}

std::array<int64_t, 3> spatial_dims(const BoundTensor& tensor) {
  std::array<int64_t, 3> dims{1, 1, 1};
  const int spatial = tensor.rank - 2;
  for (int d = 0; d < spatial; ++d)
    dims[static_cast<std::size_t>(3 - spatial + d)] = tensor.dims[static_cast<std::size_t>(d + 1)];
  return dims;
}

Status check_sizes(const BindContext& context, const ConvWindow& window, const BoundTensor& src,
                   const BoundTensor& dst) {
  const auto in = spatial_dims(src), out = spatial_dims(dst);
  int64_t copied = src.dims[static_cast<std::size_t>(src.rank - 1)];
  for (std::size_t d = 0; d < 3; ++d) {
    const int64_t reach = (window.kernel[d] - 1) * window.dilations[d] + 1;
    const int64_t room = in[d] + window.pads_begin[d] + window.pads_end[d] - reach;
    const int64_t expected = room < 0 ? 0 : room / window.strides[d] + 1;
    if (out[d] != expected)
      return context.invalid("a convolution of ", to_string(src.shape()), " has ", expected,
                             " windows where the result is ", to_string(dst.shape()));
    const int64_t extent = std::max<int64_t>(out[d] - 1, 0) * window.strides[d] + reach;
    if (__builtin_mul_overflow(copied, extent, &copied) || copied > kLargestCopy)
      return context.unsupported("a convolution over more than 2^40 elements of source and padding");
  }
  return {};
}

}  // namespace tegula::runtime
