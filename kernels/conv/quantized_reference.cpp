#include "kernels/conv/quantized_reference.h"

#include <algorithm>

#include "kernels/gemm/epilogue.h"
#include "kernels/quantize/requantize.h"

namespace tegula::kernels {
namespace {

// Index [n, spatial...] of the output position `position`.
std::array<int64_t, 4> index_of(const TensorView& dst, int spatial, int64_t position) {
  std::array<int64_t, 4> index{};
  for (int d = spatial; d >= 0; --d) {
    index[d] = position % dst.dims[d];
    position /= dst.dims[d];
  }
  return index;
}

// The packed weight of kernel position (kd, kh, kw), input channel ic and output channel oc of group g.
class Weights {
 public:
  Weights(const PackedConv& packed, const int8_t* data) : packed_(packed), block_(packed.block()), data_(data) {}

  int8_t at(int64_t g, const std::array<int64_t, 3>& kernel, int64_t ic, int64_t oc) const {
    const int64_t within = g % packed_.groups_per_block;
    int64_t tap = kernel[0] * packed_.kernel_h + kernel[1], k = within * packed_.ic_per_group + ic;
    if (packed_.row_taps()) {
      k = kernel[2] * packed_.ic_per_group + ic;
    } else {
      tap = tap * packed_.kernel_w + kernel[2];
    }
    const int64_t n = within * packed_.oc_per_group + oc;
    const int64_t row = tap * block_.rows_per_tap() + k / 4;
    return data_[g / packed_.groups_per_block * block_.bytes() + n / kPanelColumns * block_.panel_bytes() +
                 row * kPanelRowBytes + n % kPanelColumns * 4 + k % 4];
  }

 private:
  const PackedConv& packed_;
  const PackedMatrix block_;
  const int8_t* data_;
};

struct Sums {
  uint32_t products = 0;  // of q_x and q_w
  uint32_t sources = 0;   // of q_x
  uint32_t count = 0;     // K
};

Sums sum_window(const QuantizedConvDesc& desc, const QuantizedConvArgs& args, const Weights& weights,
                int32_t src_zero_point, const std::array<int64_t, 4>& index, int64_t oc) {
  const PackedConv& packed = desc.weights;
  const int64_t g = oc / packed.oc_per_group, first_ic = g * packed.ic_per_group;
  const int unused = 3 - desc.spatial;
  const std::array<int64_t, 3> kernel{packed.kernel_d, packed.kernel_h, packed.kernel_w};
  const int64_t channel_stride = args.src.strides[desc.spatial + 1];
  Sums sums;
  std::array<int64_t, 3> at{};
  for (at[0] = 0; at[0] < kernel[0]; ++at[0]) {
    for (at[1] = 0; at[1] < kernel[1]; ++at[1]) {
      for (at[2] = 0; at[2] < kernel[2]; ++at[2]) {
        int64_t offset = index[0] * args.src.strides[0];
        bool inside = true;
        for (int d = 0; d < desc.spatial; ++d) {
          const int64_t i = index[d + 1] * desc.strides[d] + at[d + unused] * desc.dilations[d] - desc.pads_begin[d];
          inside = inside && i >= 0 && i < args.src.dims[d + 1];
          offset += i * args.src.strides[d + 1];
        }
        for (int64_t ic = 0; ic < packed.ic_per_group; ++ic) {
          const int32_t x = inside ? args.src.as<uint8_t>()[offset + (first_ic + ic) * channel_stride] : src_zero_point;
          const int32_t w = weights.at(g, at, ic, oc % packed.oc_per_group);
          sums.products += static_cast<uint32_t>(x * w);
          sums.sources += static_cast<uint32_t>(x);
          ++sums.count;
        }
      }
    }
  }
  return sums;
}

int32_t accumulator(const QuantizedConvArgs& args, const Sums& sums, int32_t src_zero_point, int64_t oc) {
  uint32_t acc = sums.products;
  const auto at = [&](const int32_t* values) { return values == nullptr ? 0u : static_cast<uint32_t>(values[oc]); };
  const uint32_t weight_zero = at(args.weight_zero_points);
  acc += at(args.bias) - weight_zero * sums.sources;
  if (args.dynamic_zero_point != nullptr) {
    const auto src_zero = static_cast<uint32_t>(src_zero_point);
    acc += sums.count * src_zero * weight_zero - src_zero * at(args.weight_sums);
  }
  return static_cast<int32_t>(acc);
}

void store(const QuantizedConvDesc& desc, const TensorView& dst, int64_t offset, float f) {
  switch (dst.dtype) {
    case DType::kU8:
      dst.as<uint8_t>()[offset] = requantize<uint8_t>(f, desc.dst_scale_inverse, desc.dst_zero_point);
      break;
    case DType::kS8:
      dst.as<int8_t>()[offset] = requantize<int8_t>(f, desc.dst_scale_inverse, desc.dst_zero_point);
      break;
    default: dst.as<float>()[offset] = f;
  }
}

}  // namespace

Status check_quantized_conv(const QuantizedConvDesc& desc, const TensorView& src, const TensorView& dst,
                            std::span<const TensorView> operands) {
  const auto wrong = [](const auto&... parts) {
    return Error{ErrorCode::kInvalidArgument, concat("integer convolution: ", parts...)};
  };
  const PackedConv& weights = desc.weights;
  if (desc.spatial < 1 || desc.spatial > 3 || src.rank != desc.spatial + 2 || dst.rank != src.rank)
    return wrong("ranks ", src.rank, " and ", dst.rank);
  if (src.dtype != DType::kU8) return wrong("the source is ", name_of(src.dtype));
  if (dst.dtype != DType::kU8 && dst.dtype != DType::kS8 && dst.dtype != DType::kF32)
    return wrong("the destination is ", name_of(dst.dtype));
  if (weights.packing != Packing::kN16K4 || !weights.checked_bytes() || weights.oc_per_group < 1)
    return wrong("the weights are not packed for it");
  if (dst.dims[0] != src.dims[0] || src.dims[src.rank - 1] != weights.groups * weights.ic_per_group ||
      dst.dims[dst.rank - 1] != weights.groups * weights.oc_per_group)
    return wrong(tegula::to_string(src.shape()), " to ", tegula::to_string(dst.shape()), " with ", weights.groups,
                 " groups of ", weights.ic_per_group, " to ", weights.oc_per_group, " channels");
  for (const TensorView& operand : operands) {
    bool fits = operand.dtype == DType::kF32 && operand.rank <= dst.rank;
    for (int d = 0; fits && d < operand.rank; ++d)
      fits = operand.dims[d] == 1 || operand.dims[d] == dst.dims[d + dst.rank - operand.rank];
    if (!fits)
      return wrong("the operand ", name_of(operand.dtype), tegula::to_string(operand.shape()),
                   " does not broadcast to ", tegula::to_string(dst.shape()));
  }
  if (operands.size() > kMaxEpilogueOperands) return wrong(operands.size(), " operands of post-ops");
  return check_post_ops(desc.post_ops);
}

int64_t quantized_conv_positions(const TensorView& dst) {
  return element_count({dst.dims.data(), static_cast<std::size_t>(dst.rank - 1)});
}

void quantized_conv_reference(const QuantizedConvDesc& desc, const QuantizedConvArgs& args, int64_t begin,
                              int64_t end) {
  const Weights weights(desc.weights, args.weights);
  const int64_t channels = args.dst.dims[desc.spatial + 1];
  std::array<TensorView, kMaxEpilogueOperands> operands;
  for (std::size_t i = 0; i < args.operands.size(); ++i) operands[i] = args.operands[i].broadcast_to(args.dst.shape());

  for (int64_t position = begin; position < end; ++position) {
    const std::array<int64_t, 4> index = index_of(args.dst, desc.spatial, position);
    const int64_t image = index[0];
    const int32_t src_zero_point = args.dynamic_zero_point != nullptr
                                       ? args.dynamic_zero_point[args.zero_point_per_image ? image : 0]
                                       : desc.src_zero_point;
    const float src_scale = args.dynamic_scale != nullptr ? args.dynamic_scale[args.scale_per_image ? image : 0] : 1.0f;
    for (int64_t oc = 0; oc < channels; ++oc) {
      const int32_t acc =
          accumulator(args, sum_window(desc, args, weights, src_zero_point, index, oc), src_zero_point, oc);
      const float multiplier = args.multipliers[args.multiplier_per_channel ? oc : 0];
      const float sum = static_cast<float>(acc) * (args.dynamic_scale != nullptr ? multiplier * src_scale : multiplier);
      const auto offset_in = [&](const TensorView& view) {
        int64_t offset = oc * view.strides[desc.spatial + 1];
        for (int d = 0; d <= desc.spatial; ++d) offset += index[d] * view.strides[d];
        return offset;
      };
      // One value for each post-op, read or not.
      std::array<float, kMaxEpilogueOperands> values{};
      for (std::size_t i = 0; i < args.operands.size(); ++i)
        values[i] = operands[i].as<float>()[offset_in(operands[i])];
      float f = sum;
      std::size_t next = 0;
      for (const PostOpDesc& op : desc.post_ops) {
        const bool binary = op.operand != OperandKind::kNone;
        f = apply_post_ops({&op, 1}, f, {binary ? &values[next] : values.data(), 1});
        next += binary;
      }
      store(desc, args.dst, offset_in(args.dst), f);
    }
  }
}

}  // namespace tegula::kernels
