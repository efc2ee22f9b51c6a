#include "kernels/quantize/dynamic_quantize.h"

#include <algorithm>
#include <cmath>

#include "kernels/float16.h"

namespace tegula::kernels {
namespace {

constexpr std::string_view kName = "dynamic_quantize";

float element(const TensorView& src, int64_t offset) {
  return src.dtype == DType::kBF16 ? f32_from_bf16(src.as<uint16_t>()[offset]) : src.as<float>()[offset];
}

void store_parameters(const ScaleAndZeroPoint& parameters, Views outputs, int64_t at) {
  outputs[1].as<float>()[at] = parameters.scale;
  if (!present(outputs, 2)) return;
  if (outputs[2].dtype == DType::kU8) {
    outputs[2].as<uint8_t>()[at] = static_cast<uint8_t>(parameters.zero_point);
  } else {
    outputs[2].as<int32_t>()[at] = parameters.zero_point;
  }
}

template <typename Q>
Q quantize(float x, const ScaleAndZeroPoint& parameters) {
  constexpr auto kLow = static_cast<float>(std::numeric_limits<Q>::min());
  constexpr auto kHigh = static_cast<float>(std::numeric_limits<Q>::max());
  const float shifted = std::nearbyint(x / parameters.scale) + static_cast<float>(parameters.zero_point);
  if (!(shifted > kLow)) return std::numeric_limits<Q>::min();  // also NaN
  return shifted > kHigh ? std::numeric_limits<Q>::max() : static_cast<Q>(shifted);
}

template <typename Q>
void quantize_parts(const TensorView& src, Views outputs, int64_t parts, int64_t part_elements) {
  const TensorView& dst = outputs[0];
  OffsetWalk<1> ranges(src.shape(), {&src});
  OffsetWalk<2> elements(src.shape(), {&src, &dst});
  for (int64_t part = 0; part < parts; ++part) {
    ValueRange range;
    for (int64_t i = 0; i < part_elements; ++i, ranges.next()) range.include(element(src, ranges.offset(0)));
    const ScaleAndZeroPoint parameters = quantization_of(range, dst.dtype);
    store_parameters(parameters, outputs, part);
    for (int64_t i = 0; i < part_elements; ++i, elements.next())
      dst.as<Q>()[elements.offset(1)] = quantize<Q>(element(src, elements.offset(0)), parameters);
  }
}

}  // namespace

ScaleAndZeroPoint quantization_of(const ValueRange& range, DType quantized) {
  ScaleAndZeroPoint parameters;
  const bool is_signed = quantized == DType::kS8;
  const float scale = is_signed ? std::max(range.max, -range.min) / 127.0f : (range.max - range.min) / 255.0f;
  if (!(scale > 0)) return parameters;
  parameters.scale = scale;
  if (is_signed) return parameters;
  const float zero_point = std::nearbyint(-range.min / scale);
  parameters.zero_point = zero_point > 0 ? static_cast<int32_t>(std::min(zero_point, 255.0f)) : 0;  // also NaN
  return parameters;
}

int64_t rows_of(const TensorView& view) {
  int64_t rows = 1;
  for (int d = 0; d + 1 < view.rank; ++d) rows *= view.dims[d];
  return rows;
}

bool has_rows(const TensorView& view, int64_t rows) {
  int64_t product = 1;
  for (int d = 0; d + 1 < view.rank; ++d) {
    product *= view.dims[static_cast<std::size_t>(d)];
    if (product == rows) return true;
  }
  return view.rank == 1 && rows == 1;
}

Status check(const DynamicQuantizeDesc& desc, Views inputs, Views outputs) {
  TEGULA_RETURN_IF_ERROR(check_counts(kName, inputs, 1, 1, outputs, 2, 3));
  const TensorView &src = inputs[0], &dst = outputs[0], &scale = outputs[1];
  if (src.dtype != DType::kF32 && src.dtype != DType::kBF16)
    return plain_error(kName, concat("src of ", name_of(src.dtype)));
  if (dst.dtype != DType::kU8 && dst.dtype != DType::kS8)
    return plain_error(kName, concat("dst of ", name_of(dst.dtype)));
  if (!same_dims(src, dst)) return plain_error(kName, concat(to_string(src.shape()), " to ", to_string(dst.shape())));
  if (desc.per_row && src.rank == 0) return plain_error(kName, "a scalar has no rows");
  const int64_t parts = desc.per_row ? has_rows(src, scale.count()) ? scale.count() : rows_of(src) : 1;
  if (scale.dtype != DType::kF32 || scale.count() != parts || !scale.is_contiguous())
    return plain_error(kName, concat("a scale of ", name_of(scale.dtype), to_string(scale.shape()), " for ", parts,
                                     desc.per_row ? " rows" : " tensor"));
  if (!present(outputs, 2)) return {};
  const TensorView& zero_point = outputs[2];
  const bool fits = zero_point.dtype == DType::kS32 || (zero_point.dtype == DType::kU8 && dst.dtype == DType::kU8);
  if (!fits || zero_point.count() != parts || !zero_point.is_contiguous())
    return plain_error(kName, concat("a zero point of ", name_of(zero_point.dtype), to_string(zero_point.shape()),
                                     " for ", parts, desc.per_row ? " rows of " : " tensor of ", name_of(dst.dtype)));
  return {};
}

Status dynamic_quantize(const DynamicQuantizeDesc& desc, Views inputs, Views outputs) {
  const TensorView& src = inputs[0];
  const int64_t parts = desc.per_row ? outputs[1].count() : 1;
  if (parts == 0) return {};
  const int64_t part = src.count() / parts;
  if (outputs[0].dtype == DType::kU8) {
    quantize_parts<uint8_t>(src, outputs, parts, part);
  } else {
    quantize_parts<int8_t>(src, outputs, parts, part);
  }
  return {};
}

}  // namespace tegula::kernels
