#include "compiler/data/npy.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>

#include "compiler/data/files.h"
#include "compiler/data/npy_header.h"
#include "kernels/tensor_view.h"
#include "schema/base/check.h"

namespace tegula::data {
namespace {

constexpr std::string_view kMagicBytes = "\x93NUMPY";
constexpr std::size_t kMaxHeaderBytes = 1 << 16;

std::string_view descr_of(DType dtype) {
  switch (dtype) {
    case DType::kF32:
    case DType::kBF16: return "<f4";
    case DType::kF16: return "<f2";
    case DType::kF64: return "<f8";
    case DType::kS8: return "|i1";
    case DType::kU8: return "|u1";
    case DType::kS16: return "<i2";
    case DType::kU16: return "<u2";
    case DType::kS32: return "<i4";
    case DType::kU32: return "<u4";
    case DType::kS64: return "<i8";
    case DType::kU64: return "<u8";
    case DType::kBool: return "|b1";
  }
  TEGULA_CHECK(false, "every dtype has a NumPy name");
  return "";
}

void swap_bytes(Tensor& tensor) {
  const std::size_t size = size_of(tensor.dtype);
  for (std::size_t i = 0; i < tensor.bytes.size(); i += size)
    std::reverse(tensor.bytes.begin() + static_cast<std::ptrdiff_t>(i),
                 tensor.bytes.begin() + static_cast<std::ptrdiff_t>(i + size));
}

/// The elements were read in Fortran order, which is C order under the reversed dimensions.
Result<Tensor> from_fortran_order(const Tensor& tensor) {
  TEGULA_ASSIGN_OR_RETURN(Tensor result, make_tensor(tensor.dtype, tensor.dims));
  kernels::TensorView from =
      kernels::TensorView::contiguous(tensor.dtype, tensor.dims, static_cast<const void*>(tensor.bytes.data()));
  int64_t stride = 1;
  for (int d = 0; d < from.rank; ++d) {
    from.strides[static_cast<std::size_t>(d)] = stride;
    stride *= from.dims[static_cast<std::size_t>(d)];
  }
  const std::size_t size = size_of(tensor.dtype);
  kernels::OffsetWalk<1> walk(tensor.dims, {&from});
  for (int64_t i = 0; i < walk.count(); ++i, walk.next())
    std::memcpy(result.bytes.data() + static_cast<std::size_t>(i) * size,
                tensor.bytes.data() + static_cast<std::size_t>(walk.offset(0)) * size, size);
  return result;
}

Status read_exactly(const ReadBytes& read, std::span<std::byte> bytes, std::string_view what) {
  TEGULA_ASSIGN_OR_RETURN(const std::size_t got, read(bytes));
  if (got != bytes.size()) return Error{ErrorCode::kInvalidFile, concat(what, ": the file ends early")};
  return {};
}

}  // namespace

Result<Tensor> read_npy(const ReadBytes& read, uint64_t total_bytes, std::string_view what) {
  const auto invalid = [&](std::string_view why) { return Error{ErrorCode::kInvalidFile, concat(what, ": ", why)}; };
  std::array<std::byte, 12> start{};
  if (total_bytes < 10) return invalid("not a .npy file");
  TEGULA_RETURN_IF_ERROR(read_exactly(read, std::span(start).first(10), what));
  if (std::memcmp(start.data(), kMagicBytes.data(), kMagicBytes.size()) != 0) return invalid("not a .npy file");
  const int major = static_cast<int>(start[6]);
  if (major < 1 || major > 3) return invalid(concat("version ", major, " of the .npy format is not known"));
  std::size_t prefix = 10,
              header_bytes = std::to_integer<std::size_t>(start[8]) | std::to_integer<std::size_t>(start[9]) << 8;
  if (major > 1) {
    prefix = 12;
    if (total_bytes < prefix) return invalid("the file ends early");
    TEGULA_RETURN_IF_ERROR(read_exactly(read, std::span(start).subspan(10), what));
    header_bytes |= std::to_integer<std::size_t>(start[10]) << 16 | std::to_integer<std::size_t>(start[11]) << 24;
  }
  if (header_bytes > kMaxHeaderBytes || header_bytes > total_bytes - prefix)
    return invalid(concat("a header of ", header_bytes, " bytes cannot be right"));
  std::string text(header_bytes, '\0');
  TEGULA_RETURN_IF_ERROR(read_exactly(read, std::as_writable_bytes(std::span(text)), what));
  auto header = parse_npy_header(text);
  if (!header.ok()) return Error{header.error().code, concat(what, ": ", header.error().message)};

  const uint64_t payload = total_bytes - prefix - header_bytes;
  const auto count = static_cast<uint64_t>(element_count(header->dims));
  if (count > payload / size_of(header->dtype) || count * size_of(header->dtype) != payload)
    return invalid(concat("the header promises ", to_string(header->dims), " elements of ", name_of(header->dtype),
                          " but ", payload, " bytes follow; the file is damaged"));
  auto tensor = make_tensor(header->dtype, header->dims);
  if (!tensor.ok()) return Error{tensor.error().code, concat(what, ": ", tensor.error().message)};
  TEGULA_RETURN_IF_ERROR(read_exactly(read, tensor->bytes, what));
  if (header->swap_bytes) swap_bytes(*tensor);
  if (tensor->dtype == DType::kBool)
    for (std::byte& element : tensor->bytes) element = std::byte{element != std::byte{0}};
  if (header->fortran_order && tensor->dims.size() > 1) return from_fortran_order(*tensor);
  return tensor;
}

Result<Tensor> read_npy(const std::filesystem::path& path) {
  std::error_code code;
  const auto bytes = std::filesystem::file_size(path, code);
  std::ifstream file(path, std::ios::binary);
  if (code || !file)
    return Error{ErrorCode::kInvalidArgument,
                 concat("cannot open ", in_quotes(path.native()), code ? ": " + code.message() : "")};
  const auto read = [&](std::span<std::byte> to) -> Result<std::size_t> {
    file.read(reinterpret_cast<char*>(to.data()), static_cast<std::streamsize>(to.size()));
    return static_cast<std::size_t>(file.gcount());
  };
  return read_npy(read, bytes, in_quotes(path.native()));
}

std::string npy_header(DType dtype, std::span<const int64_t> dims) {
  std::string shape;
  for (const int64_t dim : dims) shape += (shape.empty() ? "" : " ") + std::to_string(dim) + ",";
  if (dims.size() > 1) shape.pop_back();  // (2, 3), but (2,)
  std::string text = concat("{'descr': '", descr_of(dtype), "', 'fortran_order': False, 'shape': (", shape, "), }");
  constexpr std::size_t kPrefix = 10, kAlignment = 64;
  text.append((kAlignment - (kPrefix + text.size() + 1) % kAlignment) % kAlignment, ' ');
  text += '\n';
  std::string header(kMagicBytes);
  header += {'\x01', '\x00', static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)};
  return header + text;
}

Result<Tensor> widen_bf16(const TensorSpan& tensor) {
  TEGULA_CHECK(tensor.dtype == DType::kBF16, "only BF16 is widened");
  TEGULA_ASSIGN_OR_RETURN(Tensor wide, make_tensor(DType::kF32, Dims(tensor.dims.begin(), tensor.dims.end())));
  for (std::size_t i = 0; i < tensor.bytes.size() / 2; ++i)  // little-endian: the upper half of each f4
    std::memcpy(wide.bytes.data() + 4 * i + 2, tensor.bytes.data() + 2 * i, 2);
  return wide;
}

Status write_npy(const std::filesystem::path& path, const TensorSpan& tensor) {
  if (tensor.dtype == DType::kBF16) {
    TEGULA_ASSIGN_OR_RETURN(const Tensor wide, widen_bf16(tensor));
    return write_npy(path, wide);
  }
  const std::string header = npy_header(tensor.dtype, tensor.dims);
  return write_file(path, {std::as_bytes(std::span(header)), tensor.bytes});
}

}  // namespace tegula::data
