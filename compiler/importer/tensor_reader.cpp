#include "compiler/importer/tensor_reader.h"

#include <onnx/onnx_pb.h>

#include <bit>
#include <cstring>
#include <limits>

#include "compiler/importer/onnx_types.h"
#include "kernels/tensor_view.h"

namespace tegula::compiler {
namespace {

Error invalid(const onnx::TensorProto& tensor, std::string_view what) {
  return {ErrorCode::kInvalidFile, concat("tensor '", tensor.name(), "': ", what)};
}

Literal copy_of(DType dtype, const Dims& dims, const void* bytes) {
  return Literal::make(dtype, dims, [&](const kernels::TensorView& view) {
    const std::size_t size = static_cast<std::size_t>(view.count()) * size_of(dtype);
    if (size != 0) std::memcpy(view.data, bytes, size);
  });
}

/// Elements as they lie in a file: little endian, maybe unaligned, bools maybe other than 0 and 1.
Literal from_bytes(DType dtype, const Dims& dims, std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  if (dtype == DType::kBool) {
    bool normal = true;
    for (const std::byte byte : bytes) normal &= byte <= std::byte{1};
    if (!normal)
      return Literal::make(dtype, dims, [&](const kernels::TensorView& view) {
        for (std::size_t i = 0; i < bytes.size(); ++i) view.data[i] = std::byte{bytes[i] != std::byte{0}};
      });
  }
  if (std::bit_cast<std::uintptr_t>(bytes.data()) % size_of(dtype) != 0) return copy_of(dtype, dims, bytes.data());
  return Literal(dtype, dims, bytes, std::move(owner));
}

/// Elements kept as repeated numbers of the same type.
template <typename Field>
Result<Literal> alias_field(const onnx::TensorProto& tensor, DType dtype, const Dims& dims, const Field& field,
                            std::shared_ptr<const void> owner) {
  if (field.size() != element_count(dims))
    return invalid(tensor, concat("has ", field.size(), " elements for shape ", to_string(dims)));
  const auto bytes = std::as_bytes(std::span(field.data(), static_cast<std::size_t>(field.size())));
  return Literal(dtype, dims, bytes, std::move(owner));
}

/// Elements kept as repeated numbers of a wider type.
template <typename Element, typename Field>
Result<Literal> narrow_field(const onnx::TensorProto& tensor, DType dtype, const Dims& dims, const Field& field) {
  if (field.size() != element_count(dims))
    return invalid(tensor, concat("has ", field.size(), " elements for shape ", to_string(dims)));
  for (const auto element : field)
    if (element < 0 ? static_cast<int64_t>(element) < static_cast<int64_t>(std::numeric_limits<Element>::min())
                    : static_cast<uint64_t>(element) > static_cast<uint64_t>(std::numeric_limits<Element>::max()))
      return invalid(tensor, concat("element ", element, " is no ", name_of(dtype)));
  return Literal::make(dtype, dims, [&](const kernels::TensorView& view) {
    Element* out = reinterpret_cast<Element*>(view.data);
    for (const auto element : field) *out++ = static_cast<Element>(element);
  });
}

Result<Literal> read_fields(const onnx::TensorProto& tensor, DType dtype, const Dims& dims,
                            std::shared_ptr<const void> owner) {
  switch (dtype) {
    case DType::kF32: return alias_field(tensor, dtype, dims, tensor.float_data(), std::move(owner));
    case DType::kF64: return alias_field(tensor, dtype, dims, tensor.double_data(), std::move(owner));
    case DType::kS32: return alias_field(tensor, dtype, dims, tensor.int32_data(), std::move(owner));
    case DType::kS64: return alias_field(tensor, dtype, dims, tensor.int64_data(), std::move(owner));
    case DType::kU64: return alias_field(tensor, dtype, dims, tensor.uint64_data(), std::move(owner));
    case DType::kU32: return narrow_field<uint32_t>(tensor, dtype, dims, tensor.uint64_data());
    case DType::kS8: return narrow_field<int8_t>(tensor, dtype, dims, tensor.int32_data());
    case DType::kU8: return narrow_field<uint8_t>(tensor, dtype, dims, tensor.int32_data());
    case DType::kS16: return narrow_field<int16_t>(tensor, dtype, dims, tensor.int32_data());
    case DType::kU16:
    case DType::kF16:
    case DType::kBF16: return narrow_field<uint16_t>(tensor, dtype, dims, tensor.int32_data());
    case DType::kBool: return narrow_field<bool>(tensor, dtype, dims, tensor.int32_data());
  }
  return invalid(tensor, "has no element type");
}

Result<Dims> checked_dims(const onnx::TensorProto& tensor, DType dtype) {
  if (tensor.dims_size() > kernels::kMaxRank)
    return invalid(tensor, concat("has ", tensor.dims_size(), " dimensions; ", kernels::kMaxRank, " are supported"));
  Dims dims(tensor.dims().begin(), tensor.dims().end());
  const std::optional<int64_t> count = checked_element_count(dims);
  if (!count || *count > std::numeric_limits<int64_t>::max() / static_cast<int64_t>(size_of(dtype)))
    return invalid(tensor, concat("has an impossible shape ", to_string(dims)));
  return dims;
}

float half_to_float(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 0x1Fu, mantissa = half & 0x3FFu;
  if (exponent == 0x1Fu) return std::bit_cast<float>(sign | 0x7F800000u | mantissa << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112u) << 23 | mantissa << 13);
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;  // subnormal
  return sign != 0 ? -magnitude : magnitude;
}

}  // namespace

Result<Literal> read_tensor(const onnx::TensorProto& tensor, std::shared_ptr<const void> owner,
                            ExternalData& external) {
  const std::optional<DType> dtype = dtype_from_onnx(tensor.data_type());
  if (!dtype)
    return Error{ErrorCode::kUnsupported, concat("tensor '", tensor.name(), "': element type ",
                                                 onnx_type_name(tensor.data_type()), " is not supported")};
  TEGULA_ASSIGN_OR_RETURN(const Dims dims, checked_dims(tensor, *dtype));
  if (tensor.has_segment()) return invalid(tensor, "is stored in segments, which ONNX has never defined");
  const std::size_t bytes = static_cast<std::size_t>(element_count(dims)) * size_of(*dtype);
  if (tensor.data_location() == onnx::TensorProto_DataLocation_EXTERNAL) {
    auto found = external.find(tensor, bytes);
    if (!found.ok()) return Error{found.error().code, concat("tensor '", tensor.name(), "': ", found.error().message)};
    return from_bytes(*dtype, dims, found->bytes, std::move(found->owner));
  }
  if (!tensor.has_raw_data()) return read_fields(tensor, *dtype, dims, std::move(owner));
  if (tensor.raw_data().size() != bytes)
    return invalid(tensor, concat("has ", tensor.raw_data().size(), " bytes of raw data; ", name_of(*dtype),
                                  to_string(dims), " takes ", bytes));
  return from_bytes(*dtype, dims, std::as_bytes(std::span(tensor.raw_data())), std::move(owner));
}

Result<Literal> read_sparse_tensor(const onnx::SparseTensorProto& tensor, std::shared_ptr<const void> owner,
                                   ExternalData& external) {
  TEGULA_ASSIGN_OR_RETURN(const Literal values, read_tensor(tensor.values(), owner, external));
  TEGULA_ASSIGN_OR_RETURN(const Literal indices, read_tensor(tensor.indices(), owner, external));
  const auto bad = [&](std::string_view what) { return invalid(tensor.values(), concat("sparse: ", what)); };
  const Dims dims(tensor.dims().begin(), tensor.dims().end());
  const std::optional<int64_t> count = checked_element_count(dims);
  const int64_t element_bytes = static_cast<int64_t>(size_of(values.dtype()));
  if (dims.size() > kernels::kMaxRank || !count || *count > kMaxDensifiedBytes / element_bytes)
    return bad(concat("its shape ", to_string(dims), " is too large"));
  if (values.dims().size() != 1) return bad("values must have one dimension");
  const int64_t stored = values.count(), rank = static_cast<int64_t>(dims.size());
  const bool linear = indices.dims() == Dims{stored}, tuples = indices.dims() == Dims{stored, rank};
  if (indices.dtype() != DType::kS64 || (!linear && !tuples))
    return bad("indices must be s64[values] or s64[values, rank]");

  std::vector<int64_t> positions(static_cast<std::size_t>(stored));
  for (int64_t i = 0; i < stored; ++i) {
    int64_t position = 0;
    for (int64_t d = 0; linear ? d < 1 : d < rank; ++d) {
      const int64_t index = indices.at<int64_t>(linear ? i : i * rank + d);
      const int64_t limit = linear ? *count : dims[static_cast<std::size_t>(d)];
      if (index < 0 || index >= limit) return bad(concat("index ", index, " is out of range"));
      position = position * limit + index;
    }
    positions[static_cast<std::size_t>(i)] = position;
  }
  return Literal::make(values.dtype(), dims, [&](const kernels::TensorView& view) {
    for (int64_t i = 0; i < stored; ++i)
      std::memcpy(view.data + positions[static_cast<std::size_t>(i)] * element_bytes,
                  values.bytes().data() + i * element_bytes, static_cast<std::size_t>(element_bytes));
  });
}

Literal widened(const Literal& literal) {
  if (computed_type(literal.dtype()) == literal.dtype()) return literal;
  return Literal::make(DType::kF32, literal.dims(), [&](const kernels::TensorView& view) {
    float* out = reinterpret_cast<float*>(view.data);
    for (int64_t i = 0; i < literal.count(); ++i) {
      const uint16_t bits = literal.at<uint16_t>(i);
      out[i] = literal.dtype() == DType::kF16 ? half_to_float(bits)
                                              : std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
    }
  });
}

}  // namespace tegula::compiler
