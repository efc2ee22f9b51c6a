#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tegula {

/// Element types of tensors. The numbers are those of the program file and never change.
enum class DType : uint8_t {
  kF32 = 1,
  kBF16 = 2,
  kF16 = 3,  ///< only at a program's inputs and outputs
  kF64 = 4,
  kS8 = 5,
  kU8 = 6,
  kS16 = 7,
  kU16 = 8,
  kS32 = 9,
  kU32 = 10,
  kS64 = 11,
  kU64 = 12,
  kBool = 13,  ///< one byte, 0 or 1
};

constexpr bool is_valid(DType type) { return type >= DType::kF32 && type <= DType::kBool; }

/// Bytes of one element; 0 for a number that is no DType.
constexpr std::size_t size_of(DType type) {
  switch (type) {
    case DType::kS8:
    case DType::kU8:
    case DType::kBool: return 1;
    case DType::kBF16:
    case DType::kF16:
    case DType::kS16:
    case DType::kU16: return 2;
    case DType::kF32:
    case DType::kS32:
    case DType::kU32: return 4;
    case DType::kF64:
    case DType::kS64:
    case DType::kU64: return 8;
  }
  return 0;
}

constexpr bool is_float(DType type) {
  return type == DType::kF32 || type == DType::kBF16 || type == DType::kF16 || type == DType::kF64;
}
constexpr bool is_signed_integer(DType type) {
  return type == DType::kS8 || type == DType::kS16 || type == DType::kS32 || type == DType::kS64;
}
constexpr bool is_unsigned_integer(DType type) {
  return type == DType::kU8 || type == DType::kU16 || type == DType::kU32 || type == DType::kU64;
}
constexpr bool is_integer(DType type) { return is_signed_integer(type) || is_unsigned_integer(type); }

/// The short name used in graph text, reports and descriptors: "f32", "u8", "bool".
constexpr std::string_view name_of(DType type) {
  switch (type) {
    case DType::kF32: return "f32";
    case DType::kBF16: return "bf16";
    case DType::kF16: return "f16";
    case DType::kF64: return "f64";
    case DType::kS8: return "s8";
    case DType::kU8: return "u8";
    case DType::kS16: return "s16";
    case DType::kU16: return "u16";
    case DType::kS32: return "s32";
    case DType::kU32: return "u32";
    case DType::kS64: return "s64";
    case DType::kU64: return "u64";
    case DType::kBool: return "bool";
  }
  return "?";
}

constexpr std::optional<DType> dtype_from_name(std::string_view name) {
  for (int i = static_cast<int>(DType::kF32); i <= static_cast<int>(DType::kBool); ++i)
    if (name_of(static_cast<DType>(i)) == name) return static_cast<DType>(i);
  return std::nullopt;
}

/// The C++ type of a DType that C++ can compute with.
template <typename T>
struct dtype_of;
template <> struct dtype_of<float> { static constexpr DType value = DType::kF32; };
template <> struct dtype_of<double> { static constexpr DType value = DType::kF64; };
template <> struct dtype_of<int8_t> { static constexpr DType value = DType::kS8; };
template <> struct dtype_of<uint8_t> { static constexpr DType value = DType::kU8; };
template <> struct dtype_of<int16_t> { static constexpr DType value = DType::kS16; };
template <> struct dtype_of<uint16_t> { static constexpr DType value = DType::kU16; };
template <> struct dtype_of<int32_t> { static constexpr DType value = DType::kS32; };
template <> struct dtype_of<uint32_t> { static constexpr DType value = DType::kU32; };
template <> struct dtype_of<int64_t> { static constexpr DType value = DType::kS64; };
template <> struct dtype_of<uint64_t> { static constexpr DType value = DType::kU64; };
template <> struct dtype_of<bool> { static constexpr DType value = DType::kBool; };

}  // namespace tegula
