#include "runtime/steps/step.h"

#include <utility>

namespace tegula::runtime {

bool BoundTensor::is_contiguous() const {
  return packing == Packing::kPlain && sizes().is_contiguous();
}

kernels::TensorView BoundTensor::sizes() const {
  kernels::TensorView view;
  view.dtype = dtype;
  view.rank = rank;
  view.dims = dims;
  view.strides = strides;
  return view;
}

std::optional<BoundTensor::Rows> BoundTensor::as_rows(int inner) const {
  if (packing != Packing::kPlain || inner > rank) return std::nullopt;
  Rows result{1, 1, 1};
  for (int d = rank - 1; d >= rank - inner; --d) {
    if (dims[d] != 1 && strides[d] != result.row_elements) return std::nullopt;
    result.row_elements *= dims[d];
  }
  result.row_stride = result.row_elements;
  for (int d = rank - inner - 1; d >= 0; --d) {
    if (dims[d] == 1) continue;
    if (result.rows == 1) {
      result.row_stride = strides[d];
    } else if (strides[d] != result.row_stride * result.rows) {
      return std::nullopt;
    }
    result.rows *= dims[d];
  }
  return result;
}

std::byte* RunContext::address(const BoundTensor& tensor) const {
  const Location& location = tensor.location;
  switch (location.memory) {
    case Location::Memory::kAbsent: return nullptr;
    case Location::Memory::kConstant: return const_cast<std::byte*>(location.constant);
    case Location::Memory::kArena: return arena_ + location.offset;
    case Location::Memory::kInput: return const_cast<std::byte*>(inputs_[location.port]) + location.offset;
    case Location::Memory::kOutput: return outputs_[location.port] + location.offset;
  }
  return nullptr;
}

kernels::TensorView RunContext::view(const BoundTensor& tensor) const {
  kernels::TensorView view = tensor.sizes();
  view.data = address(tensor);
  return view;
}

void RunContext::fail(ErrorCode code, std::string message) const {
  if (error_taken_.test_and_set()) return;
  error_ = Error{code, std::move(message)};
  failed_.store(true, std::memory_order_release);
}

Error RunContext::take_error() const {
  return std::move(error_);
}

}  // namespace tegula::runtime
