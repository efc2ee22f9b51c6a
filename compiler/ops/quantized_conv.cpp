// A convolution of u8 by s8 (ops/quantized_product.h); padding holds the zero point of the source. No ONNX operator but
// ConvInteger is imported as one: fold_quantization makes them of dequantize, conv and quantize.
//
// Attributes: those of conv (ops/conv.cpp) and of quantized products. w is [oc, ic / groups, kernel...].
#include <algorithm>
#include <vector>

#include "compiler/lowering/lower_context.h"
#include "compiler/ops/conv_table.h"
#include "compiler/ops/quantized_product.h"
#include "compiler/ops/sliding_window.h"
#include "kernels/gemm/pack.h"

namespace tegula::compiler {
namespace {

using kernels::TensorView;

Status infer_quantized_conv(InferContext& context) {
  if (!context.has_input(0) || !context.has_input(1)) return context.error("two operands expected");
  TEGULA_ASSIGN_OR_RETURN(Shape shape, infer_conv_shape(context));
  TEGULA_ASSIGN_OR_RETURN(const DType to, infer_quantized_product(context, context.input(1).shape[0],
                                                                  source_images(context.input(0).shape)));
  context.outputs.push_back({to, std::move(shape), std::nullopt});
  return {};
}

/// The window of one output element, channels first.
class WindowSum {
 public:
  WindowSum(const Node& node, std::span<const TensorView> inputs, const TensorView& x)
      : x_(x), w_(inputs[1]), groups_(node.attributes.integer("groups", 1)) {
    window_ = window_of(node.attributes, static_cast<std::size_t>(x.rank - 2));
    pads_ = *constant_dims(window_.pads_begin);
    if (kSourceZeroPoint < inputs.size() && inputs[kSourceZeroPoint].data != nullptr)
      dynamic_zero_point_ = &inputs[kSourceZeroPoint];
    zero_point_ = static_cast<int32_t>(node.attributes.integer("src_zero_point"));
  }

  ProductSums at(std::span<const int64_t> index) const {
    ProductSums sums;
    const int32_t padding = padding_of(index[0]);
    const int64_t oc = index[1], group = oc / (w_.dims[0] / groups_);
    kernels::OffsetWalk<0> walk(w_.shape().subspan(1), {});
    for (int64_t i = 0; i < walk.count(); ++i, walk.next()) {
      const auto& at = walk.index();
      int64_t from = index[0] * x_.strides[0] + (group * w_.dims[1] + at[0]) * x_.strides[1];
      int64_t weight = oc * w_.strides[0] + at[0] * w_.strides[1];
      bool inside = true;
      for (std::size_t d = 0; d < window_.kernel.size(); ++d) {
        const int64_t position = index[d + 2] * window_.strides[d] + at[d + 1] * window_.dilations[d] - pads_[d];
        inside = inside && position >= 0 && position < x_.dims[d + 2];
        from += position * x_.strides[d + 2];
        weight += at[d + 1] * w_.strides[d + 2];
      }
      const int32_t q_x = inside ? x_.as<uint8_t>()[from] : padding, q_w = w_.as<int8_t>()[weight];
      sums.products += static_cast<uint32_t>(q_x * q_w);
      sums.sources += static_cast<uint32_t>(q_x);
      sums.weights += static_cast<uint32_t>(q_w);
      ++sums.count;
    }
    return sums;
  }

 private:
  int32_t padding_of(int64_t image) const {
    if (dynamic_zero_point_ == nullptr) return zero_point_;
    return dynamic_zero_point_->as<int32_t>()[dynamic_zero_point_->rank == 0 ? 0 : image];
  }

  const TensorView &x_, &w_;
  int64_t groups_;
  SlidingWindow window_;
  Dims pads_;
  const TensorView* dynamic_zero_point_ = nullptr;
  int32_t zero_point_ = 0;
};

Status evaluate_quantized_conv(const Node& node, std::span<const TensorView> inputs,
                               std::span<const TensorView> outputs) {
  TensorView x = inputs[0], dst = outputs[0];
  if (node.attributes.flag("channels_last")) {
    x = channels_first_view(x);
    dst = channels_first_view(dst);
  }
  const WindowSum sum(node, inputs, x);
  const ProductEpilogue epilogue(node, inputs);
  kernels::OffsetWalk<1> walk(dst.shape(), {&dst});
  for (int64_t i = 0; i < walk.count(); ++i, walk.next())
    epilogue.write(sum.at(walk.index()), walk.index()[0], walk.index()[1], dst, walk.offset(0));
  return {};
}

/// Groups with few channels share a panel: as many on one diagonal as fill 16 columns.
int64_t groups_per_block(int64_t groups, int64_t oc_per_group) {
  for (int64_t count = std::min(groups, kernels::kPanelColumns / std::max<int64_t>(oc_per_group, 1)); count > 1;
       --count)
    if (groups % count == 0) return count;
  return 1;
}

std::vector<int32_t> sums_of(const Literal& weights) {
  std::vector<int32_t> sums(static_cast<std::size_t>(weights.dims()[0]));
  const int64_t each = weights.count() / std::max<int64_t>(weights.dims()[0], 1);
  for (int64_t i = 0; i < weights.count(); ++i) sums[static_cast<std::size_t>(i / each)] += weights.at<int8_t>(i);
  return sums;
}

Status lower_quantized_conv(LowerContext& context, const Node& node, schema::StepT& step) {
  const auto error = [&](std::string_view what) {
    return Error{ErrorCode::kUnsupported, concat("node '", name_of(node), "' (quantized_conv): ", what)};
  };
  if (!node.attributes.flag("channels_last")) return error("was not made channels-last");
  const Value& w = *node.inputs[kQuantizedWeights];
  if (!w.is_constant()) return error("its weights are no constant");
  const Dims& dims = w.literal->dims();
  const std::size_t rank = dims.size();
  schema::ConvT conv = conv_table(context, node);
  const auto groups = static_cast<int64_t>(conv.groups);
  if (groups > 1 && dims[0] == groups && dims[1] == 1) {
    const int64_t taps = element_count(std::span(dims).subspan(2));
    const kernels::PackedDepthwise packed{.channels = groups, .taps = taps, .element_bytes = 1};
    std::vector<std::byte> bytes(static_cast<std::size_t>(packed.bytes()));
    kernels::pack_depthwise(packed, w.literal->bytes().data(), bytes.data());
    step.inputs = {context.value(node.inputs[0]),
                   context.packed_constant(w.name, DType::kS8, {taps, groups}, Packing::kDepthwise, std::move(bytes)),
                   context.value(node.input(kQuantizedBias))};
    conv.requantize = lower_requantize(context, node, sums_of(*w.literal));
    step.attributes.Set(std::move(conv));
    return {};
  }
  const kernels::PackedConv packed{.packing = Packing::kN16K4,
                                   .groups = groups,
                                   .groups_per_block = groups_per_block(groups, dims[0] / groups),
                                   .oc_per_group = dims[0] / groups,
                                   .ic_per_group = dims[1],
                                   .kernel_d = rank > 4 ? dims[rank - 3] : 1,
                                   .kernel_h = rank > 3 ? dims[rank - 2] : 1,
                                   .kernel_w = dims[rank - 1]};
  std::vector<std::byte> bytes(static_cast<std::size_t>(packed.bytes()));
  kernels::pack_conv(packed, w.literal->bytes().data(), bytes.data());
  const kernels::PackedMatrix block = packed.block();
  step.inputs = {context.value(node.inputs[0]),
                 context.packed_constant(w.name, DType::kS8, {packed.blocks(), block.taps, block.k, block.n},
                                         Packing::kN16K4, std::move(bytes)),
                 context.value(node.input(kQuantizedBias))};
  conv.groups_per_block = static_cast<uint64_t>(packed.groups_per_block);
  conv.requantize = lower_requantize(context, node, sums_of(*w.literal));
  step.attributes.Set(std::move(conv));
  return {};
}

}  // namespace

const OpDef quantized_conv_op = {
    .name = "quantized_conv",
    .infer = infer_quantized_conv,
    .evaluate = evaluate_quantized_conv,
    .store = store_quantized,
    .lower = lower_quantized_conv,
    .takes_post_ops = true,
    .strided_inputs = true,
    .strided_outputs = true,
};

}  // namespace tegula::compiler
