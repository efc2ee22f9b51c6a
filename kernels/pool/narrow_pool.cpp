#include "kernels/pool/narrow_pool.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "kernels/pool/window_taps.h"

namespace tegula::kernels {
namespace {

int32_t element(DType type, const std::byte* data, int64_t i) {
  return type == DType::kU8 ? int32_t{reinterpret_cast<const uint8_t*>(data)[i]}
                            : int32_t{reinterpret_cast<const int8_t*>(data)[i]};
}

}  // namespace

Status check(const NarrowPoolDesc& desc, Views inputs, Views outputs) {
  constexpr std::string_view kName = "pool";
  TEGULA_RETURN_IF_ERROR(check_counts(kName, inputs, 1, 1, outputs, 1, 1));
  const TensorView &src = inputs[0], &dst = outputs[0];
  const bool max = desc.window.kind == PoolKind::kMax;
  if (desc.window.kind == PoolKind::kLp || (!is_quantized(src.dtype) && src.dtype != DType::kBF16) ||
      !is_real_or_quantized(dst.dtype) || (max && dst.dtype != src.dtype))
    return plain_error(kName, concat("no such pooling of ", name_of(src.dtype), " to ", name_of(dst.dtype)));
  if (!fits(desc.src.scale, desc.src.zero_point, src.dtype) ||
      !fits(desc.dst.scale_inverse, desc.dst.zero_point, dst.dtype))
    return plain_error(kName, concat("scales ", static_cast<float>(desc.src.scale), " and 1 / ",
                                     static_cast<float>(desc.dst.scale_inverse), " with zero points ",
                                     desc.src.zero_point, " and ", desc.dst.zero_point));
  // Windows and sizes are those of any pooling.
  TensorView real_src = src, real_dst = dst;
  real_src.dtype = real_dst.dtype = DType::kF32;
  return check(desc.window, {&real_src, 1}, {&real_dst, 1});
}

void pool_pixel(const NarrowPoolDesc& desc, const NarrowPoolPixel& pixel, int64_t first, int64_t last) {
  for (int64_t c = first; c < last; ++c) {
    const int64_t from = c * pixel.src_channel_stride, to = c * pixel.dst_channel_stride;
    if (desc.window.kind == PoolKind::kMax && is_quantized(pixel.src)) {
      int32_t best = pixel.src == DType::kU8 ? 0 : -128;
      for (int64_t t = 0; t < pixel.tap_count; ++t) best = std::max(best, element(pixel.src, pixel.taps[t], from));
      pixel.to[to] = static_cast<std::byte>(best);
      continue;
    }
    float real = 0;
    if (is_quantized(pixel.src)) {
      uint32_t sum = 0;  // wraps around
      for (int64_t t = 0; t < pixel.tap_count; ++t)
        sum += static_cast<uint32_t>(element(pixel.src, pixel.taps[t], from) - desc.src.zero_point);
      real =
          static_cast<float>(static_cast<int32_t>(sum)) * (1.0f / static_cast<float>(pixel.counted)) * desc.src.scale;
    } else if (desc.window.kind == PoolKind::kMax) {
      real = -std::numeric_limits<float>::infinity();
      for (int64_t t = 0; t < pixel.tap_count; ++t) {
        const float x = real_at(DType::kBF16, pixel.taps[t], from, {});
        real = x > real ? x : real;
      }
    } else {
      for (int64_t t = 0; t < pixel.tap_count; ++t) real = real + real_at(DType::kBF16, pixel.taps[t], from, {});
      real = real / static_cast<float>(pixel.counted);
    }
    store_real(pixel.dst, pixel.to, to, real, desc.dst);
  }
}

void narrow_pool_pixels(const NarrowPoolDesc& desc, const TensorView& src, const TensorView& dst, int64_t begin,
                        int64_t end, const std::byte** taps) {
  const auto channel = static_cast<std::size_t>(src.rank - 1);
  for_each_window(desc.window, src, dst, begin, end, taps, [&](int64_t tap_count, int64_t counted, std::byte* to) {
    const NarrowPoolPixel pixel{src.dtype,           dst.dtype, taps, tap_count, counted, to, src.strides[channel],
                                dst.strides[channel]};
    pool_pixel(desc, pixel, 0, src.dims[channel]);
  });
}

Status narrow_pool(const NarrowPoolDesc& desc, Views inputs, Views outputs) {
  std::vector<const std::byte*> taps(static_cast<std::size_t>(desc.window.taps()));
  int64_t pixels = 1;
  for (int d = 0; d + 1 < outputs[0].rank; ++d) pixels *= outputs[0].dims[d];
  narrow_pool_pixels(desc, inputs[0], outputs[0], 0, pixels, taps.data());
  return {};
}

}  // namespace tegula::kernels
