#pragma once
#include <cstddef>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/dtype.h"
#include "schema/base/result.h"
#include "schema/base/shape.h"

namespace tegula::data {

/// Gives std::vector memory aligned to a cache line, so that tensors read from files meet what kernels like best.
template <typename T>
struct CacheLineAllocator {
  using value_type = T;
  static constexpr std::align_val_t kAlignment{64};

  CacheLineAllocator() = default;
  template <typename U>
  CacheLineAllocator(const CacheLineAllocator<U>&) {}
  T* allocate(std::size_t count) { return static_cast<T*>(::operator new(count * sizeof(T), kAlignment)); }
  void deallocate(T* p, std::size_t) { ::operator delete(p, kAlignment); }
  bool operator==(const CacheLineAllocator&) const { return true; }
};

/// A tensor that owns its elements: row-major, contiguous, element_count(dims) * size_of(dtype) bytes.
struct Tensor {
  DType dtype = DType::kF32;
  Dims dims;
  std::vector<std::byte, CacheLineAllocator<std::byte>> bytes;

  int64_t count() const { return element_count(dims); }
  /// The elements; T must have the dtype's size.
  template <typename T>
  std::span<T> elements() {
    return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
  template <typename T>
  std::span<const T> elements() const {
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
};

struct NamedTensor {
  std::string name;
  Tensor tensor;
};

/// A tensor of zeros. kInvalidArgument for dimensions that no tensor has; kOutOfMemory.
Result<Tensor> make_tensor(DType dtype, Dims dims);

/// Elements [begin, begin + count) of the outermost dimension, copied. The range must lie inside it.
Result<Tensor> slice_outermost(const Tensor& tensor, int64_t begin, int64_t count);

const Tensor* find_tensor(std::span<const NamedTensor> tensors, std::string_view name);  ///< nullptr: none

/// "'x' (f32[2,3])".
std::string description(std::string_view name, const Tensor& tensor);
std::string description(const NamedTensor& array);

/// Text from a file as it may appear in a one-line message: quoted, control characters escaped, cut at 100 characters.
std::string in_quotes(std::string_view text);

}  // namespace tegula::data
