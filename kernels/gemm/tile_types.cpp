#include "kernels/gemm/tile_types.h"

namespace tegula::kernels {

std::string TileTypes::name() const {
  if (*this == kF32Product) return "f32";
  if (src == DType::kU8 && weights == DType::kS8) return concat("u8s8_", name_of(dst));
  if (src == weights) return concat(name_of(src), "_", name_of(dst));
  return concat(name_of(src), name_of(weights), "_", name_of(dst));
}

Status check_tile_types(const TileTypes& types) {
  const auto is_one_of = [](DType dtype, std::initializer_list<DType> list) {
    for (const DType one : list)
      if (dtype == one) return true;
    return false;
  };
  if (types == kF32Product) return {};
  if (types.src == DType::kU8 && types.weights == DType::kS8 &&
      is_one_of(types.dst, {DType::kU8, DType::kS8, DType::kBF16, DType::kF32, DType::kS32}))
    return {};
  if (types.src == DType::kBF16 && types.weights == DType::kBF16 && is_one_of(types.dst, {DType::kBF16, DType::kF32}))
    return {};
  if (types.weight_only() && is_one_of(types.src, {DType::kF32, DType::kBF16}) &&
      is_one_of(types.dst, {DType::kBF16, DType::kF32}))
    return {};
  return Error{ErrorCode::kUnsupported, concat("a product of ", name_of(types.src), " and ", name_of(types.weights),
                                               " to ", name_of(types.dst), ": no kernel has these types")};
}

}  // namespace tegula::kernels
