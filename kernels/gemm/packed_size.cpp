#include "kernels/gemm/packed_size.h"

#include "schema/base/shape.h"

namespace tegula::kernels {
namespace {

// Panels pad K and N by less than this factor in all, so sizes below the limit cannot overflow.
constexpr int64_t kLargestDimension = int64_t{1} << 31;

int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

DType dtype_of_packing(Packing packing) {
  switch (packing) {
    case Packing::kN16K1: return DType::kF32;
    case Packing::kN16K2: return DType::kBF16;
    default: return DType::kS8;
  }
}

std::optional<int64_t> multiply(std::optional<int64_t> a, int64_t b) {
  int64_t product;
  if (!a || __builtin_mul_overflow(*a, b, &product)) return std::nullopt;
  return product;
}

}  // namespace

int64_t k_group_of(Packing packing) {
  switch (packing) {
    case Packing::kN16K1: return 1;
    case Packing::kN16K2: return 2;
    case Packing::kN16K4: return 4;
    case Packing::kPlain:
    case Packing::kDepthwise: return 0;
  }
  return 0;
}

int64_t stored_k_groups(Packing packing, int64_t groups) {
  if (packing == Packing::kN16K1 || groups == 0) return groups;
  const int64_t tile_rows = ceil_div(groups, ceil_div(groups, 16));
  return ceil_div(groups, tile_rows) * tile_rows;
}

int64_t packed_matrix_bytes(Packing packing, int64_t k, int64_t n) {
  // A row of a panel is 16 columns of one K group: 64 bytes in every packing.
  constexpr int64_t kRowBytes = 64;
  return ceil_div(n, kPanelColumns) * stored_k_groups(packing, ceil_div(k, k_group_of(packing))) * kRowBytes;
}

std::optional<int64_t> packed_bytes(Packing packing, DType dtype, std::span<const int64_t> dims) {
  const std::optional<int64_t> elements = checked_element_count(dims);
  if (!elements) return std::nullopt;
  const auto element_bytes = static_cast<int64_t>(size_of(dtype));
  if (packing == Packing::kPlain) return multiply(elements, element_bytes);

  for (const int64_t dim : dims)
    if (dim >= kLargestDimension) return std::nullopt;
  if (packing == Packing::kDepthwise) {
    if (dims.empty()) return std::nullopt;
    const auto taps = checked_element_count(dims.first(dims.size() - 1));
    return multiply(multiply(taps, ceil_div(dims.back(), kPanelColumns) * kPanelColumns), element_bytes);
  }
  if (dims.size() < 2 || dtype != dtype_of_packing(packing)) return std::nullopt;
  const auto panels = packed_matrix_bytes(packing, dims[dims.size() - 2], 1);
  const auto matrix = multiply(panels, ceil_div(dims.back(), kPanelColumns));
  const auto matrices = checked_element_count(dims.first(dims.size() - 2));
  return matrices ? multiply(matrix, *matrices) : std::nullopt;
}

}  // namespace tegula::kernels
