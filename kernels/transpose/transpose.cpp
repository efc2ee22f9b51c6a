#include "kernels/transpose/transpose.h"

#include "kernels/copy/strided_copy.h"

namespace tegula::kernels {

Status check_transpose(const TransposeDesc& desc, const TensorView& src, const TensorView& dst) {
  bool fits = src.dtype == dst.dtype && src.rank == desc.rank && dst.rank == desc.rank;
  std::array<bool, kMaxRank> seen{};
  for (int d = 0; fits && d < desc.rank; ++d) {
    const int from = desc.perm[d];
    fits = from >= 0 && from < desc.rank && !seen[from] && dst.dims[d] == src.dims[from];
    if (fits) seen[from] = true;
  }
  if (fits) return {};
  std::string perm;
  for (int d = 0; d < desc.rank; ++d) perm += (d > 0 ? "," : "") + std::to_string(desc.perm[d]);
  return Error{ErrorCode::kInvalidArgument,
               concat("transpose: perm [", perm, "] does not lead from ", name_of(src.dtype), to_string(src.shape()),
                      " to ", name_of(dst.dtype), to_string(dst.shape()))};
}

Status transpose(const TransposeDesc& desc, const TensorView& src, const TensorView& dst) {
  TEGULA_RETURN_IF_ERROR(check_transpose(desc, src, dst));
  const TensorView from = src.permuted(desc.order());
  const StridedCopy plan(size_of(dst.dtype), dst.shape(), from.strides, dst.strides);
  plan.run(src.data, dst.data, 0, plan.units());
  return {};
}

}  // namespace tegula::kernels
