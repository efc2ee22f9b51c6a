#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/dtype.h"
#include "schema/base/shape.h"

namespace tegula {

/// A tensor in the caller's memory: row-major and contiguous, `element_count(dims) * size_of(dtype)`
/// bytes from `data` on, aligned at least to the element. Owns nothing.
struct TensorRef {
  DType dtype = DType::kF32;
  Dims dims;
  void* data = nullptr;
};

/// The same for memory that is only read.
struct ConstTensorRef {
  DType dtype = DType::kF32;
  Dims dims;
  const void* data = nullptr;

  ConstTensorRef() = default;
  ConstTensorRef(DType type, Dims d, const void* p) : dtype(type), dims(std::move(d)), data(p) {}
  ConstTensorRef(const TensorRef& tensor) : dtype(tensor.dtype), dims(tensor.dims), data(tensor.data) {}
};

/// A tensor with the name of the input or output that it belongs to.
struct NamedConstTensor {
  std::string_view name;
  ConstTensorRef tensor;
};

/// A dimension of an input or output as the model declares it.
struct Dimension {
  int64_t size = -1;   ///< -1: known when shapes are bound
  std::string symbol;  ///< for size -1: the symbol's name, or the expression over symbols, such as "batch*12"
};

/// What a program says about one of its inputs or outputs.
struct TensorInfo {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<Dimension> dims;
  bool feeds_shapes = false;  ///< an input whose elements are read when shapes are bound
};

}  // namespace tegula
