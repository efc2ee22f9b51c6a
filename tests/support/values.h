#pragma once
#include <vector>

#include "kernels/tensor_view.h"
#include "tests/support/guarded_buffer.h"

namespace tegula::test {

/// A contiguous tensor of given values whose last byte is the last one before an unmapped page.
template <typename T>
class Values {
 public:
  Values(const Dims& dims, const std::vector<T>& values) : Values(dims) {
    for (std::size_t i = 0; i < values.size(); ++i) buffer_[i] = values[i];
  }
  explicit Values(const Dims& dims) : buffer_(static_cast<std::size_t>(element_count(dims))) {
    view_ = kernels::TensorView::contiguous(dtype_of<T>::value, dims, static_cast<void*>(buffer_.data()));
  }

  const kernels::TensorView& view() const { return view_; }
  std::vector<T> values() { return {buffer_.data(), buffer_.data() + buffer_.size()}; }

 private:
  GuardedBuffer<T> buffer_;
  kernels::TensorView view_;
};

}  // namespace tegula::test
