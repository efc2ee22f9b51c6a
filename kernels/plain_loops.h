#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "kernels/tensor_view.h"
#include "schema/base/result.h"
#include "schema/base/visit_dtype.h"

/// What plain-loop kernels share. A plain kernel has a descriptor `<Op>Desc` and two functions:
///   Status check(const <Op>Desc&, Views inputs, Views outputs);   // ranks, types and sizes; reads no element
///   Status <op>(const <Op>Desc&, Views inputs, Views outputs);    // computes; the caller has seen check() succeed
/// The runtime calls check() when shapes are bound (views of absent tensors have data == nullptr, those of present ones
/// any other address), the compiler before it folds. <op>() fails only for what the elements say, such as an index out
/// of range.
namespace tegula::kernels {

using Views = std::span<const TensorView>;

inline Error plain_error(std::string_view kernel, std::string_view what) {
  return Error{ErrorCode::kInvalidArgument, concat(kernel, ": ", what)};
}

inline bool present(Views views, std::size_t i) {
  return i < views.size() && views[i].data != nullptr;
}

inline bool same_dims(const TensorView& a, const TensorView& b) {
  if (a.rank != b.rank) return false;
  for (int d = 0; d < a.rank; ++d)
    if (a.dims[d] != b.dims[d]) return false;
  return true;
}

/// Between `least` and `most` inputs of which the first `least` are present, and the same for outputs.
inline Status check_counts(std::string_view kernel, Views inputs, std::size_t least_inputs, std::size_t most_inputs,
                           Views outputs, std::size_t least_outputs, std::size_t most_outputs) {
  if (inputs.size() < least_inputs || inputs.size() > most_inputs || outputs.size() < least_outputs ||
      outputs.size() > most_outputs)
    return plain_error(kernel, "wrong number of operands");
  for (std::size_t i = 0; i < least_inputs; ++i)
    if (!present(inputs, i)) return plain_error(kernel, concat("input ", i, " is absent"));
  for (std::size_t i = 0; i < least_outputs; ++i)
    if (!present(outputs, i)) return plain_error(kernel, concat("output ", i, " is absent"));
  return {};
}

inline bool is_index_type(DType type) {
  return type == DType::kS32 || type == DType::kS64;
}

/// Element `offset` of a view of s32 or s64.
inline int64_t index_at(const TensorView& view, int64_t offset) {
  return view.dtype == DType::kS32 ? reinterpret_cast<const int32_t*>(view.data)[offset]
                                   : reinterpret_cast<const int64_t*>(view.data)[offset];
}

/// `index` counted from the front: negative ones count from the end of `size`. nullopt: out of range.
inline std::optional<int64_t> wrap_index(int64_t index, int64_t size) {
  if (index < -size || index >= size) return std::nullopt;
  return index < 0 ? index + size : index;
}

inline Error index_error(std::string_view kernel, int64_t index, int64_t size) {
  return plain_error(kernel, concat("index ", index, " is out of range for a dimension of ", size));
}

/// visit(T{}) with an unsigned type of the element's size: for kernels that only move elements.
template <typename Visit>
auto visit_by_size(DType type, Visit&& visit) {
  switch (size_of(type)) {
    case 1: return visit(uint8_t{});
    case 2: return visit(uint16_t{});
    case 4: return visit(uint32_t{});
    default: return visit(uint64_t{});
  }
}

/// Types that plain loops compute with: all but bf16 and f16, which C++ has no types for, and bool.
constexpr bool is_numeric(DType type) {
  return is_integer(type) || type == DType::kF32 || type == DType::kF64;
}

/// Arithmetic that wraps around where signed integers would overflow, as every CPU does.
template <typename T>
T wrapping_add(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  else
    return a + b;
}
template <typename T>
T wrapping_mul(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  else
    return a * b;
}

/// a < b with NaN above every number: a strict weak ordering of all values.
template <typename T>
bool orders_before(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    return a < b || (a == a && b != b);
  else
    return a < b;
}

}  // namespace tegula::kernels
