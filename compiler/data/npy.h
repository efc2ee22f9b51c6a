#pragma once
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "compiler/data/tensor_data.h"

namespace tegula::data {

/// NumPy's array files, format versions 1.0 to 3.0: every numeric dtype of ours and bool, either byte order, C and
/// Fortran order (read into C order). '<V2', as ml_dtypes writes bfloat16, is BF16. Objects, strings, complex and
/// structured arrays are refused. Files are hostile: nothing is allocated that the file's own size does not back.

/// Fills the span as far as the input reaches and returns how many bytes it wrote; fewer than asked for only at the
/// end.
using ReadBytes = std::function<Result<std::size_t>(std::span<std::byte>)>;

/// Reads one array of `total_bytes` bytes, header included. `what` names it in messages: "'in.npz', array 'x'".
Result<Tensor> read_npy(const ReadBytes& read, uint64_t total_bytes, std::string_view what);
Result<Tensor> read_npy(const std::filesystem::path& path);

/// A tensor in somebody else's memory, to be written: row-major and contiguous.
struct TensorSpan {
  DType dtype = DType::kF32;
  std::span<const int64_t> dims;
  std::span<const std::byte> bytes;

  TensorSpan(DType type, std::span<const int64_t> d, std::span<const std::byte> b) : dtype(type), dims(d), bytes(b) {}
  TensorSpan(const Tensor& tensor) : dtype(tensor.dtype), dims(tensor.dims), bytes(tensor.bytes) {}
};

/// The bytes before the elements of a version 1.0 file, as NumPy writes them. NumPy has no bfloat16: the header of a
/// BF16 tensor says f4, and its elements are to be widened (widen_bf16).
std::string npy_header(DType dtype, std::span<const int64_t> dims);
/// BF16 elements as the f4 that hold them exactly.
Result<Tensor> widen_bf16(const TensorSpan& tensor);

/// Writes a temporary file beside `path` and renames it over `path` when it is complete.
Status write_npy(const std::filesystem::path& path, const TensorSpan& tensor);

}  // namespace tegula::data
