#include "kernels/range/range.h"

namespace tegula::kernels {
namespace {
constexpr std::string_view kName = "range";
}

Status check(const RangeDesc&, Views inputs, Views outputs) {
  TEGULA_RETURN_IF_ERROR(check_counts(kName, inputs, 2, 2, outputs, 1, 1));
  const TensorView &start = inputs[0], &delta = inputs[1], &dst = outputs[0];
  if (!is_numeric(dst.dtype)) return plain_error(kName, concat("no arithmetic of ", name_of(dst.dtype)));
  if (start.dtype != dst.dtype || delta.dtype != dst.dtype)
    return plain_error(kName, "start, delta and dst differ in type");
  if (start.count() != 1 || delta.count() != 1) return plain_error(kName, "start and delta must be single elements");
  if (dst.rank != 1) return plain_error(kName, "dst must have one dimension");
  return {};
}

Status range(const RangeDesc&, Views inputs, Views outputs) {
  const TensorView& dst = outputs[0];
  visit_native(dst.dtype, [&](auto tag) {
    using T = decltype(tag);
    const T start = *inputs[0].as<T>(), delta = *inputs[1].as<T>();
    for (int64_t i = 0; i < dst.dims[0]; ++i)
      dst.as<T>()[i * dst.strides[0]] = wrapping_add(start, wrapping_mul(static_cast<T>(i), delta));
  });
  return {};
}

}  // namespace tegula::kernels
