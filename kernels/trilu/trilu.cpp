#include "kernels/trilu/trilu.h"

namespace tegula::kernels {
namespace {
constexpr std::string_view kName = "trilu";
}

Status check(const TriluDesc&, Views inputs, Views outputs) {
  TEGULA_RETURN_IF_ERROR(check_counts(kName, inputs, 1, 1, outputs, 1, 1));
  const TensorView &src = inputs[0], &dst = outputs[0];
  if (src.rank < 2) return plain_error(kName, "src must have at least two dimensions");
  if (src.dtype != dst.dtype || !same_dims(src, dst))
    return plain_error(kName, "src and dst differ in type or dimensions");
  return {};
}

Status trilu(const TriluDesc& desc, Views inputs, Views outputs) {
  const TensorView &src = inputs[0], &dst = outputs[0];
  const std::size_t row = static_cast<std::size_t>(src.rank) - 2;
  visit_by_size(src.dtype, [&](auto tag) {
    using T = decltype(tag);
    OffsetWalk<2> walk(dst.shape(), {&src, &dst});
    for (int64_t count = walk.count(); count > 0; --count, walk.next()) {
      const int64_t diagonal = walk.index()[row + 1] - walk.index()[row];
      const bool keep = desc.upper ? diagonal >= desc.k : diagonal <= desc.k;
      dst.as<T>()[walk.offset(1)] = keep ? src.as<T>()[walk.offset(0)] : T{};
    }
  });
  return {};
}

}  // namespace tegula::kernels
