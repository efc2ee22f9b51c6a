#pragma once
#include <algorithm>
#include <cstring>
#include <numeric>
#include <random>
#include <vector>

#include "kernels/tensor_view.h"
#include "tests/support/guarded_buffer.h"

namespace tegula::test {

/// A tensor whose dimensions lie in memory in a random order, with gaps between some of them. Its last byte is the last
/// one before an unmapped page. Every element and every gap starts out as a different bit pattern.
class StridedTensor {
 public:
  enum class Layout { kContiguous, kRandom };

  StridedTensor(DType dtype, const Dims& dims, Layout layout, std::mt19937& random)
      : StridedTensor(dtype, dims, strides_of(dims, layout, random), random) {}

  const kernels::TensorView& view() const { return view_; }

  std::byte* element(std::span<const int64_t> index) const {
    int64_t offset = 0;
    for (std::size_t d = 0; d < index.size(); ++d) offset += index[d] * view_.strides[d];
    return view_.data + offset * static_cast<int64_t>(size_of(view_.dtype));
  }

  std::vector<std::byte> bytes() { return {buffer_.data(), buffer_.data() + buffer_.size()}; }

  /// Whether byte `i` of bytes() belongs to an element.
  std::vector<bool> element_mask() const {
    std::vector<bool> mask(buffer_.size(), false);
    kernels::OffsetWalk<1> walk(view_.shape(), {&view_});
    const std::size_t size = size_of(view_.dtype);
    for (int64_t i = 0; i < walk.count(); ++i, walk.next())
      for (std::size_t b = 0; b < size; ++b) mask[static_cast<std::size_t>(walk.offset(0)) * size + b] = true;
    return mask;
  }

 private:
  StridedTensor(DType dtype, const Dims& dims, const std::vector<int64_t>& strides, std::mt19937& random)
      : buffer_(extent(dims, strides) * size_of(dtype)) {
    for (std::size_t i = 0; i < buffer_.size(); ++i) buffer_[i] = static_cast<std::byte>(random());
    view_ = kernels::TensorView::contiguous(dtype, dims, buffer_.data());
    std::copy(strides.begin(), strides.end(), view_.strides.begin());
  }

  static std::vector<int64_t> strides_of(const Dims& dims, Layout layout, std::mt19937& random) {
    std::vector<std::size_t> order(dims.size());
    std::iota(order.begin(), order.end(), 0);
    if (layout == Layout::kRandom) std::shuffle(order.begin(), order.end(), random);
    std::vector<int64_t> strides(dims.size());
    int64_t stride = layout == Layout::kRandom && random() % 4 == 0 ? 2 : 1;
    for (std::size_t i = dims.size(); i-- > 0;) {
      strides[order[i]] = stride;
      stride *= std::max<int64_t>(dims[order[i]], 1);
      if (layout == Layout::kRandom && random() % 3 == 0) stride += static_cast<int64_t>(random() % 3);
    }
    return strides;
  }

  static std::size_t extent(const Dims& dims, const std::vector<int64_t>& strides) {
    int64_t last = 0;
    for (std::size_t d = 0; d < dims.size(); ++d) {
      if (dims[d] == 0) return 0;
      last += (dims[d] - 1) * strides[d];
    }
    return static_cast<std::size_t>(last) + 1;
  }

  GuardedBuffer<std::byte> buffer_;
  kernels::TensorView view_;
};

}  // namespace tegula::test
