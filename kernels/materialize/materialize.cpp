#include "kernels/materialize/materialize.h"

#include <utility>

namespace tegula::kernels {
namespace {

constexpr std::string_view kName = "materialize";

bool fits(int64_t element, DType type) {
  if (is_float(type)) return true;
  if (type == DType::kBool) return element == 0 || element == 1;
  if (type == DType::kU64) return element >= 0;
  return visit_native(type, [&](auto tag) {
    using T = decltype(tag);
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, uint64_t>)
      return std::in_range<T>(element);
    else
      return false;
  });
}

}  // namespace

Status check(const MaterializeDesc& desc, Views inputs, Views outputs) {
  TEGULA_RETURN_IF_ERROR(check_counts(kName, inputs, 0, 0, outputs, 1, 1));
  const TensorView& dst = outputs[0];
  if (!is_numeric(dst.dtype) && dst.dtype != DType::kBool)
    return plain_error(kName, concat("no sizes of type ", name_of(dst.dtype)));
  if (dst.count() != static_cast<int64_t>(desc.elements.size()))
    return plain_error(kName, concat(desc.elements.size(), " elements for dimensions ", to_string(dst.shape())));
  for (const int64_t element : desc.elements)
    if (!fits(element, dst.dtype)) return plain_error(kName, concat(element, " does not fit ", name_of(dst.dtype)));
  return {};
}

Status materialize(const MaterializeDesc& desc, Views, Views outputs) {
  const TensorView& dst = outputs[0];
  visit_native(dst.dtype, [&](auto tag) {
    using T = decltype(tag);
    OffsetWalk<1> walk(dst.shape(), {&dst});
    for (const int64_t element : desc.elements) {
      dst.as<T>()[walk.offset(0)] = static_cast<T>(element);
      walk.next();
    }
  });
  return {};
}

}  // namespace tegula::kernels
