#include "compiler/data/tensor_pb.h"

#include <cstring>
#include <optional>

#include "compiler/data/files.h"
#include "kernels/tensor_view.h"

namespace tegula::data {
namespace {

/// One field of a message in protobuf's wire format.
struct Field {
  uint32_t number = 0;
  enum class Wire : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 } wire = Wire::kVarint;
  uint64_t value = 0;      ///< of kVarint, kFixed64, kFixed32
  std::string_view bytes;  ///< of kBytes
};

/// Reads a message field by field. nullopt at the end, or when the bytes are no message: then damaged() says so.
class FieldReader {
 public:
  explicit FieldReader(std::string_view message) : rest_(message) {}

  std::optional<Field> next() {
    if (rest_.empty()) return std::nullopt;
    const auto key = varint();
    if (!key || *key >> 3 == 0 || *key >> 3 > UINT32_MAX) return damage();
    Field field;
    field.number = static_cast<uint32_t>(*key >> 3);
    field.wire = static_cast<Field::Wire>(*key & 7);
    switch (field.wire) {
      case Field::Wire::kVarint: {
        const auto value = varint();
        if (!value) return damage();
        field.value = *value;
        return field;
      }
      case Field::Wire::kFixed64: return fixed(field, 8);
      case Field::Wire::kFixed32: return fixed(field, 4);
      case Field::Wire::kBytes: {
        const auto length = varint();
        if (!length || *length > rest_.size()) return damage();
        field.bytes = rest_.substr(0, *length);
        rest_.remove_prefix(*length);
        return field;
      }
    }
    return damage();
  }
  /// A varint of a packed list.
  std::optional<uint64_t> varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    damaged_ = true;
    return std::nullopt;
  }
  bool at_end() const { return rest_.empty(); }
  bool damaged() const { return damaged_; }

 private:
  std::optional<Field> damage() {
    damaged_ = true;
    return std::nullopt;
  }
  std::optional<Field> fixed(Field& field, std::size_t size) {
    if (rest_.size() < size) return damage();
    std::memcpy(&field.value, rest_.data(), size);  // little-endian, as the wire
    rest_.remove_prefix(size);
    return field;
  }
  std::string_view rest_;
  bool damaged_ = false;
};

/// The field numbers of TensorProto in onnx.proto, which never change.
enum TensorField : uint32_t {
  kDimsField = 1,
  kDataTypeField = 2,
  kSegmentField = 3,
  kFloatField = 4,
  kInt32Field = 5,
  kStringField = 6,
  kInt64Field = 7,
  kNameField = 8,
  kRawField = 9,
  kDoubleField = 10,
  kUint64Field = 11,
  kExternalField = 13,
  kLocationField = 14,
};

/// How elements of one type are stored when they are not raw bytes.
struct ElementType {
  DType dtype;
  TensorField field;
};

std::optional<ElementType> element_type(uint64_t onnx_type) {
  switch (onnx_type) {
    case 1: return ElementType{DType::kF32, kFloatField};
    case 2: return ElementType{DType::kU8, kInt32Field};
    case 3: return ElementType{DType::kS8, kInt32Field};
    case 4: return ElementType{DType::kU16, kInt32Field};
    case 5: return ElementType{DType::kS16, kInt32Field};
    case 6: return ElementType{DType::kS32, kInt32Field};
    case 7: return ElementType{DType::kS64, kInt64Field};
    case 9: return ElementType{DType::kBool, kInt32Field};
    case 10: return ElementType{DType::kF16, kInt32Field};
    case 11: return ElementType{DType::kF64, kDoubleField};
    case 12: return ElementType{DType::kU32, kUint64Field};
    case 13: return ElementType{DType::kU64, kUint64Field};
    case 16: return ElementType{DType::kBF16, kInt32Field};
    default: return std::nullopt;
  }
}

std::string name_of_onnx_type(uint64_t onnx_type) {
  switch (onnx_type) {
    case 8: return "STRING";
    case 14:
    case 15: return "COMPLEX";
    case 17:
    case 18:
    case 19:
    case 20: return "FLOAT8";
    case 21: return "UINT4";
    case 22: return "INT4";
    default: return concat("number ", onnx_type);
  }
}

struct Message {
  Dims dims;
  uint64_t data_type = 0;
  std::string_view name, raw;
  bool has_raw = false, is_external = false, is_segment = false;
  std::vector<uint64_t> elements;  ///< of the typed lists, as they stand on the wire
  std::optional<TensorField> elements_field;
};

/// One field of a repeated number: alone, or packed into bytes.
bool read_numbers(const Field& field, Field::Wire unpacked, std::vector<uint64_t>& numbers) {
  if (field.wire == unpacked) {
    numbers.push_back(field.value);
    return true;
  }
  if (field.wire != Field::Wire::kBytes) return false;
  if (unpacked == Field::Wire::kVarint) {
    FieldReader packed(field.bytes);
    while (!packed.at_end()) {
      const auto value = packed.varint();
      if (!value) return false;
      numbers.push_back(*value);
    }
    return true;
  }
  const std::size_t size = unpacked == Field::Wire::kFixed32 ? 4 : 8;
  if (field.bytes.size() % size != 0) return false;
  for (std::size_t i = 0; i < field.bytes.size(); i += size) {
    uint64_t value = 0;
    std::memcpy(&value, field.bytes.data() + i, size);
    numbers.push_back(value);
  }
  return true;
}

/// false: not a TensorProto.
bool read_field(const Field& field, Message& message) {
  switch (field.number) {
    case kDimsField: {
      std::vector<uint64_t> dims;
      if (!read_numbers(field, Field::Wire::kVarint, dims)) return false;
      message.dims.insert(message.dims.end(), dims.begin(), dims.end());
      return true;
    }
    case kDataTypeField: message.data_type = field.value; return field.wire == Field::Wire::kVarint;
    case kNameField: message.name = field.bytes; return field.wire == Field::Wire::kBytes;
    case kRawField:
      message.raw = field.bytes;
      message.has_raw = true;
      return field.wire == Field::Wire::kBytes;
    case kExternalField: message.is_external = true; return true;
    case kLocationField: message.is_external |= field.value != 0; return true;
    case kSegmentField: message.is_segment = true; return true;
    case kFloatField:
    case kInt32Field:
    case kInt64Field:
    case kDoubleField:
    case kUint64Field: {
      const auto number = static_cast<TensorField>(field.number);
      if (message.elements_field && *message.elements_field != number) return false;
      message.elements_field = number;
      const auto unpacked = number == kFloatField    ? Field::Wire::kFixed32
                            : number == kDoubleField ? Field::Wire::kFixed64
                                                     : Field::Wire::kVarint;
      return read_numbers(field, unpacked, message.elements);
    }
    default: return true;  // documentation, and what later versions of ONNX add
  }
}

}  // namespace

Result<NamedTensor> parse_tensor_pb(std::string_view bytes, std::string_view what) {
  const auto invalid = [&](std::string_view why) { return Error{ErrorCode::kInvalidFile, concat(what, ": ", why)}; };
  Message message;
  FieldReader reader(bytes);
  while (const auto field = reader.next())
    if (!read_field(*field, message)) return invalid("not a serialized ONNX tensor");
  if (reader.damaged()) return invalid("not a serialized ONNX tensor");
  const auto type = element_type(message.data_type);
  if (!type && message.data_type == 0) return invalid("not a serialized ONNX tensor (it has no element type)");
  if (!type)
    return Error{ErrorCode::kUnsupported,
                 concat(what, ": elements of type ", name_of_onnx_type(message.data_type), " are not read")};
  if (message.is_external) return invalid("its data lies in another file; save the tensor with its data inside");
  if (message.is_segment) return invalid("tensors in segments are not read");
  if (message.dims.size() > static_cast<std::size_t>(kernels::kMaxRank)) return invalid("it has too many dimensions");

  const auto count = checked_element_count(message.dims);
  const std::size_t size = size_of(type->dtype);
  const uint64_t available = message.has_raw ? message.raw.size() / size : message.elements.size();
  if (!count || static_cast<uint64_t>(*count) != available || (message.has_raw && message.raw.size() % size != 0))
    return invalid(concat("the dimensions ", to_string(message.dims), " do not fit its ", available, " elements"));
  if (!message.has_raw && available != 0 && message.elements_field != type->field)
    return invalid(concat("its elements are not stored as those of ", name_of(type->dtype)));

  auto tensor = make_tensor(type->dtype, message.dims);
  if (!tensor.ok()) return Error{tensor.error().code, concat(what, ": ", tensor.error().message)};
  if (message.has_raw && !message.raw.empty()) {
    std::memcpy(tensor->bytes.data(), message.raw.data(), message.raw.size());
  } else {
    for (std::size_t i = 0; i < message.elements.size(); ++i)  // the low bytes hold each type's bits
      std::memcpy(tensor->bytes.data() + i * size, &message.elements[i], size);
  }
  if (type->dtype == DType::kBool)
    for (std::byte& element : tensor->bytes) element = std::byte{element != std::byte{0}};
  return NamedTensor{std::string(message.name), *std::move(tensor)};
}

Result<NamedTensor> read_tensor_pb(const std::filesystem::path& path) {
  TEGULA_ASSIGN_OR_RETURN(const std::string bytes, read_file(path));
  return parse_tensor_pb(bytes, in_quotes(path.native()));
}

}  // namespace tegula::data
