#include "compiler/data/tensor_data.h"

#include <cstring>
#include <stdexcept>

#include "schema/base/check.h"
#include "schema/printable.h"

namespace tegula::data {

Result<Tensor> make_tensor(DType dtype, Dims dims) {
  const auto count = checked_element_count(dims);
  int64_t bytes = 0;
  if (!count || __builtin_mul_overflow(*count, static_cast<int64_t>(size_of(dtype)), &bytes))
    return Error{ErrorCode::kInvalidArgument, concat("no tensor has the dimensions ", to_string(dims))};
  Tensor tensor{dtype, std::move(dims), {}};
  try {
    tensor.bytes.resize(static_cast<std::size_t>(bytes));
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, concat("no memory for ", bytes, " bytes")};
  } catch (const std::length_error&) {
    return Error{ErrorCode::kOutOfMemory, concat("no memory for ", bytes, " bytes")};
  }
  return tensor;
}

Result<Tensor> slice_outermost(const Tensor& tensor, int64_t begin, int64_t count) {
  TEGULA_CHECK(!tensor.dims.empty() && begin >= 0 && count >= 0 && begin + count <= tensor.dims[0],
               "the range lies inside the outermost dimension");
  Dims dims = tensor.dims;
  dims[0] = count;
  TEGULA_ASSIGN_OR_RETURN(Tensor slice, make_tensor(tensor.dtype, std::move(dims)));
  if (!slice.bytes.empty()) {
    const std::size_t row_bytes = tensor.bytes.size() / static_cast<std::size_t>(tensor.dims[0]);
    std::memcpy(slice.bytes.data(), tensor.bytes.data() + static_cast<std::size_t>(begin) * row_bytes,
                slice.bytes.size());
  }
  return slice;
}

const Tensor* find_tensor(std::span<const NamedTensor> tensors, std::string_view name) {
  for (const NamedTensor& named : tensors)
    if (named.name == name) return &named.tensor;
  return nullptr;
}

std::string description(std::string_view name, const Tensor& tensor) {
  return concat(in_quotes(name), " (", name_of(tensor.dtype), to_string(tensor.dims), ")");
}
std::string description(const NamedTensor& array) {
  return description(array.name, array.tensor);
}

std::string in_quotes(std::string_view text) {
  return "'" + printable(text, 100) + "'";
}

}  // namespace tegula::data
