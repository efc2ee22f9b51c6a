#pragma once
#include <algorithm>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "kernels/tensor_view.h"
#include "tests/support/guarded_buffer.h"

namespace tegula::kernels::test {

/// An operand of a batched product with memory of its own, which ends at an unmapped page. Its elements are any bits.
struct MatMulOperand {
  TensorView view;
  std::unique_ptr<tegula::test::GuardedBuffer<std::byte>> data;
};

/// Random strides, each at least as large as what lies within it; the last two dimensions may lie the other way round
/// unless `contiguous_last`.
inline MatMulOperand make_matmul_operand(std::mt19937& random, DType dtype, const Dims& dims, bool contiguous_last) {
  const auto at = [](int64_t i) { return static_cast<std::size_t>(i); };
  MatMulOperand operand;
  operand.view.dtype = dtype;
  operand.view.rank = static_cast<int>(dims.size());
  std::vector<int> order;
  for (int d = 0; d < operand.view.rank; ++d) order.push_back(d);
  if (!contiguous_last && random() % 2 == 0) std::swap(order[order.size() - 1], order[order.size() - 2]);
  int64_t stride = !contiguous_last && random() % 4 == 0 ? 2 : 1, last = 0;
  for (std::size_t i = order.size(); i-- > 0;) {
    const int d = order[i];
    operand.view.dims[at(d)] = dims[at(d)];
    operand.view.strides[at(d)] = stride;
    last += std::max<int64_t>(dims[at(d)] - 1, 0) * stride;
    stride *= std::max<int64_t>(dims[at(d)], 1);
    stride += random() % 3 == 0 ? static_cast<int64_t>(random() % 6) : 0;
  }
  const std::size_t elements = element_count(dims) == 0 ? 0 : at(last + 1);
  operand.data = std::make_unique<tegula::test::GuardedBuffer<std::byte>>(elements * size_of(dtype));
  operand.view.data = operand.data->data();
  for (std::size_t i = 0; i < operand.data->size(); ++i) (*operand.data)[i] = static_cast<std::byte>(random());
  return operand;
}

/// Some of the batch dimensions, each perhaps 1, and a matrix.
inline Dims broadcastable_dims(std::mt19937& random, const Dims& batch, int64_t rows, int64_t columns) {
  Dims dims(batch.begin() + static_cast<std::ptrdiff_t>(random() % (batch.size() + 1)), batch.end());
  for (int64_t& dim : dims)
    if (random() % 3 == 0) dim = 1;
  dims.push_back(rows);
  dims.push_back(columns);
  return dims;
}

/// An operand of a post-op, given as rows of [batch * m, n], as a dst of `dims` has them.
inline TensorView rows_in_batches(const TensorView& rows, const Dims& dims) {
  TensorView view;
  view.dtype = rows.dtype;
  view.rank = static_cast<int>(dims.size());
  view.data = rows.data;
  int64_t stride = rows.strides[0];
  for (int d = view.rank - 2; d >= 0; --d) {
    const auto i = static_cast<std::size_t>(d);
    view.dims[i] = stride == 0 ? 1 : dims[i];
    view.strides[i] = stride;
    stride *= dims[i];
  }
  view.dims[dims.size() - 1] = rows.dims[1];
  view.strides[dims.size() - 1] = 1;
  return view;
}

}  // namespace tegula::kernels::test
