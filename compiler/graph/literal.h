#pragma once
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "kernels/tensor_view.h"
#include "schema/base/dtype.h"
#include "schema/base/shape.h"

namespace tegula::compiler {

/// A constant tensor, row-major: bytes that something keeps alive (a heap block, the protobuf message, a mapped file of
/// external data). Immutable and cheap to copy; large models are never duplicated by copying literals.
class Literal {
 public:
  Literal() = default;
  Literal(DType dtype, Dims dims, std::span<const std::byte> bytes, std::shared_ptr<const void> owner)
      : dtype_(dtype), dims_(std::move(dims)), bytes_(bytes), owner_(std::move(owner)) {}

  /// A new tensor that `fill(TensorView)` writes before it becomes immutable.
  template <typename Fill>
  static Literal make(DType dtype, Dims dims, Fill&& fill) {
    const std::size_t bytes = static_cast<std::size_t>(element_count(dims)) * size_of(dtype);
    std::shared_ptr<std::byte[]> block(new std::byte[bytes == 0 ? 1 : bytes]());
    fill(kernels::TensorView::contiguous(dtype, dims, static_cast<void*>(block.get())));
    const std::span<const std::byte> view(block.get(), bytes);
    return Literal(dtype, std::move(dims), view, std::move(block));
  }

  template <typename T>
  static Literal of(Dims dims, const std::vector<T>& values);
  template <typename T>
  static Literal scalar(T value) {
    return of<T>({}, {value});
  }

  DType dtype() const { return dtype_; }
  const Dims& dims() const { return dims_; }
  int64_t count() const { return element_count(dims_); }
  std::span<const std::byte> bytes() const { return bytes_; }
  const std::shared_ptr<const void>& owner() const { return owner_; }

  /// The elements; T must have the dtype's size. The bytes need not be aligned for T: use at() for those.
  template <typename T>
  T at(int64_t index) const {
    T value;
    __builtin_memcpy(&value, bytes_.data() + static_cast<std::size_t>(index) * sizeof(T), sizeof(T));
    return value;
  }
  /// Elements of any integer or bool type as int64.
  std::vector<int64_t> to_ints() const;
  /// Elements of any numeric type as double.
  std::vector<double> to_doubles() const;

  kernels::TensorView view() const {
    return kernels::TensorView::contiguous(dtype_, dims_, static_cast<const void*>(bytes_.data()));
  }
  /// The same bytes under other dimensions of the same count.
  Literal reshaped(Dims dims) const { return Literal(dtype_, std::move(dims), bytes_, owner_); }

 private:
  DType dtype_ = DType::kF32;
  Dims dims_;
  std::span<const std::byte> bytes_;
  std::shared_ptr<const void> owner_;
};

template <typename T>
Literal Literal::of(Dims dims, const std::vector<T>& values) {
  return make(dtype_of<T>::value, std::move(dims), [&](const kernels::TensorView& view) {
    T* out = reinterpret_cast<T*>(view.data);
    for (std::size_t i = 0; i < values.size(); ++i) out[i] = values[i];
  });
}

}  // namespace tegula::compiler
