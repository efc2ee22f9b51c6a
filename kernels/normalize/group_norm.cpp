#include "kernels/normalize/group_norm.h"

#include <array>
#include <cmath>

#include "kernels/normalize/lanes.h"
#include "kernels/plain_loops.h"

namespace tegula::kernels {
namespace {

Error error(std::string_view what) {
  return plain_error("group_norm", what);
}

template <typename T>
class Images {
 public:
  Images(const GroupNormDesc& desc, const TensorView& src, const TensorView& scale, const TensorView& bias,
         const TensorView& dst)
      : desc_(desc),
        src_(src),
        scale_(scale),
        bias_(bias),
        dst_(dst),
        last_(src.rank - 1),
        channels_per_group_(src.dims[src.rank - 1] / desc.groups) {}

  void run() const {
    for (int64_t image = 0; image < src_.dims[0]; ++image)
      for (int64_t group = 0; group < desc_.groups; ++group) normalise(image, group * channels_per_group_);
  }

 private:
  /// body(offset in src, offset in dst) at each position of one channel, in order.
  template <typename Body>
  void for_each_position(int64_t image, int64_t channel, const Body& body) const {
    TensorView positions = src_;
    positions.dims[0] = 1;
    positions.dims[last_] = 1;
    OffsetWalk<2> walk(positions.shape(), {&src_, &dst_});
    const int64_t src = image * src_.strides[0] + channel * src_.strides[last_];
    const int64_t dst = image * dst_.strides[0] + channel * dst_.strides[last_];
    for (int64_t i = 0; i < walk.count(); ++i, walk.next()) body(src + walk.offset(0), dst + walk.offset(1));
  }

  template <typename Add>
  T sum_over_group(int64_t image, int64_t first_channel, const Add& add) const {
    std::array<T, kGroupNormLanes> lanes{};
    for (int64_t c = 0; c < channels_per_group_; ++c) {
      T sum = 0;
      for_each_position(image, first_channel + c,
                        [&](int64_t at, int64_t) { sum = add(sum, reinterpret_cast<const T*>(src_.data)[at]); });
      T& lane = lanes[static_cast<std::size_t>(c % kGroupNormLanes)];
      lane = lane + sum;
    }
    return sum_of_lanes(lanes);
  }

  void normalise(int64_t image, int64_t first_channel) const {
    const int64_t positions = src_.count() / (src_.dims[0] * src_.dims[last_]);
    const T count = static_cast<T>(positions * channels_per_group_);
    const T epsilon = static_cast<T>(static_cast<float>(desc_.epsilon));
    const T mean = sum_over_group(image, first_channel, [](T sum, T x) { return sum + x; }) / count;
    const T squares =
        sum_over_group(image, first_channel, [&](T sum, T x) { return std::fma(x - mean, x - mean, sum); });
    const T inverse = T(1) / std::sqrt(squares / count + epsilon);
    for (int64_t c = first_channel; c < first_channel + channels_per_group_; ++c) {
      const T factor = inverse * reinterpret_cast<const T*>(scale_.data)[c * scale_.strides[0]];
      const T bias = reinterpret_cast<const T*>(bias_.data)[c * bias_.strides[0]];
      for_each_position(image, c, [&](int64_t from, int64_t to) {
        const T x = reinterpret_cast<const T*>(src_.data)[from];
        reinterpret_cast<T*>(dst_.data)[to] = std::fma(x - mean, factor, bias);
      });
    }
  }

  const GroupNormDesc& desc_;
  const TensorView &src_, &scale_, &bias_, &dst_;
  const int last_;
  const int64_t channels_per_group_;
};

}  // namespace

Status check(const GroupNormDesc& desc, std::span<const TensorView> inputs, std::span<const TensorView> outputs) {
  TEGULA_RETURN_IF_ERROR(check_counts("group_norm", inputs, 3, 3, outputs, 1, 1));
  const TensorView& src = inputs[0];
  if (src.dtype != DType::kF32 && src.dtype != DType::kF64) return error(concat("src of type ", name_of(src.dtype)));
  if (src.rank < 2) return error(concat("src of rank ", src.rank, " has no channels"));
  const int64_t channels = src.dims[src.rank - 1];
  if (desc.groups < 1 || channels % desc.groups != 0)
    return error(concat(channels, " channels in ", desc.groups, " groups"));
  for (const TensorView& per_channel : {inputs[1], inputs[2]})
    if (per_channel.dtype != src.dtype || per_channel.rank != 1 || per_channel.dims[0] != channels)
      return error("scale and bias have src's type and one element per channel");
  if (outputs[0].dtype != src.dtype || !same_dims(outputs[0], src)) return error("dst has src's type and dimensions");
  return {};
}

Status group_norm(const GroupNormDesc& desc, std::span<const TensorView> inputs, std::span<const TensorView> outputs) {
  if (inputs[0].count() == 0) return {};
  if (inputs[0].dtype == DType::kF64) {
    Images<double>(desc, inputs[0], inputs[1], inputs[2], outputs[0]).run();
  } else {
    Images<float>(desc, inputs[0], inputs[1], inputs[2], outputs[0]).run();
  }
  return {};
}

}  // namespace tegula::kernels
