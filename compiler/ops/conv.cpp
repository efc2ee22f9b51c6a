// dst[n, oc, o...] = post_ops(bias[oc] + sum over kernel positions and input channels of x[n, ic, o * stride + k *
// dilation - pads_begin] * w[oc, ic, k...]); padding counts as +0. One to three spatial dimensions. x and w are both
// f32 or both bf16, the sums fp32; w of a depthwise convolution (a filter for each channel) may be f32 beside an x of
// bf16.
//
// Attributes: kernel, strides, dilations, pads_begin, pads_end, sizes (ops/sliding_window.h), groups, channels_last: x
// and dst are [n, spatial..., c]; to (the type of dst: f32, or bf16 where x is); w is [oc, ic / groups,
// kernel...] always. ONNX Conv and com.microsoft FusedConv.
#include <algorithm>

#include "compiler/lowering/lower_context.h"
#include "compiler/ops/conv_table.h"
#include "compiler/ops/import_helpers.h"
#include "compiler/ops/op_def.h"
#include "compiler/ops/quantized_ends.h"
#include "compiler/ops/sliding_window.h"
#include "kernels/conv/reference.h"
#include "kernels/gemm/pack.h"

namespace tegula::compiler {
namespace {

constexpr int kMaxSpatial = 3;

}  // namespace

Result<Shape> infer_conv_shape(InferContext& context) {
  const Value &x = context.input(0), &w = context.input(1);
  if (x.rank() < 3) return context.error(concat("an input of shape ", to_string(x.shape), " has no spatial dimension"));
  if (x.rank() > 2 + kMaxSpatial)
    return context.unsupported(concat(x.rank() - 2, " spatial dimensions; at most 3 are supported"));
  if (w.rank() != x.rank())
    return context.error(concat("weights of shape ", to_string(w.shape), " for an input of ", to_string(x.shape)));
  const bool channels_last = context.node.attributes.flag("channels_last");
  const int64_t groups = context.node.attributes.integer("groups", 1);
  TEGULA_ASSIGN_OR_RETURN(const SlidingWindow window, window_of(context, static_cast<std::size_t>(x.rank() - 2)));
  if (groups < 1) return context.error(concat(groups, " groups"));
  const Dim channels = channels_of(x.shape, channels_last), expected = w.shape[1] * groups;
  if (channels != expected) {
    const Error error = context.error(
        concat("the input has ", channels.to_string(), " channels, the weights are for ", expected.to_string()));
    if (channels.is_constant() && expected.is_constant()) return error;
    context.graph.constraints.push_back({GraphConstraint::Kind::kEqual, channels, expected, error.message});
  }
  const Dim& out_channels = w.shape[0];
  if (!out_channels.is_constant() || out_channels.value() % groups != 0)
    return context.error(concat(out_channels.to_string(), " output channels in ", groups, " groups"));
  for (std::size_t d = 0; d < window.kernel.size(); ++d)
    if (!w.shape[d + 2].is(window.kernel[d]))
      return context.error(
          concat("weights of shape ", to_string(w.shape), " for a kernel of ", tegula::to_string(window.kernel)));
  TEGULA_ASSIGN_OR_RETURN(const Shape sizes, output_sizes(context, window, spatial_dims(x.shape, channels_last)));
  return with_channels(x.shape[0], out_channels, sizes, channels_last);
}

namespace {

Status infer_conv(InferContext& context) {
  if (!context.has_input(0) || !context.has_input(1) || context.node.inputs.size() > 3)
    return context.error("two or three inputs expected");
  const Shape& w = context.input(1).shape;
  const int64_t groups = context.node.attributes.integer("groups", 1);
  const bool depthwise = groups > 1 && w.size() > 1 && w[0].is(groups) && w[1].is(1);
  TEGULA_ASSIGN_OR_RETURN(const DType to, infer_real_product(context, depthwise));
  TEGULA_ASSIGN_OR_RETURN(Shape shape, infer_conv_shape(context));
  const Dim& out_channels = context.input(1).shape[0];
  if (context.has_input(2) && context.input(2).shape != Shape{out_channels})
    return context.error(
        concat("a bias of shape ", to_string(context.input(2).shape), " for ", out_channels.to_string(), " channels"));
  context.outputs.push_back({to, std::move(shape), std::nullopt});
  return {};
}

Status evaluate_conv(const Node& node, std::span<const kernels::TensorView> inputs,
                     std::span<const kernels::TensorView> outputs) {
  const Attributes& attributes = node.attributes;
  kernels::ConvDesc desc;
  const SlidingWindow window = window_of(attributes, static_cast<std::size_t>(inputs[0].rank - 2));
  desc.strides = window.strides;
  desc.dilations = window.dilations;
  desc.pads_begin = *constant_dims(window.pads_begin);
  desc.groups = attributes.integer("groups", 1);
  desc.epilogue.bias = node.input(2) != nullptr;
  const RealEnds ends(node, inputs, outputs, kProductOperands);
  kernels::TensorView src = ends.inputs()[0], dst = outputs[0];
  if (attributes.flag("channels_last")) {
    src = channels_first_view(src);
    dst = channels_first_view(dst);
  }
  const kernels::TensorView bias = desc.epilogue.bias ? inputs[2] : kernels::TensorView();
  kernels::conv_reference(desc, 1, src, ends.inputs()[1], bias, {}, dst);
  return {};
}

template <typename To>
std::vector<To> converted(const std::vector<int64_t>& values) {
  return std::vector<To>(values.begin(), values.end());
}

}  // namespace

schema::ConvT conv_table(LowerContext& context, const Node& node) {
  schema::ConvT conv;
  const SlidingWindow window = window_of(node.attributes, node.inputs[1]->shape.size() - 2);
  conv.kernel = converted<uint64_t>(window.kernel);
  conv.strides = converted<uint64_t>(window.strides);
  conv.dilations = converted<uint64_t>(window.dilations);
  conv.groups = static_cast<uint64_t>(node.attributes.integer("groups", 1));
  const Shape &begin = window.pads_begin, &end = window.pads_end;
  if (const auto fixed_begin = constant_dims(begin), fixed_end = constant_dims(end); fixed_begin && fixed_end) {
    conv.pads_begin = *fixed_begin;
    conv.pads_end = *fixed_end;
  } else {
    conv.pads_begin_expr = context.expressions(begin);
    conv.pads_end_expr = context.expressions(end);
  }
  return conv;
}

namespace {

/// Packs the weights: [taps, channels] of a depthwise convolution, otherwise [groups, taps, k, n] as PackedConv says.
/// Groups stand by themselves however few channels they have: the zeros beside a diagonal would let an infinity of one
/// group reach the sums of another.
int32_t lower_weights(LowerContext& context, const Value& w, int64_t groups) {
  const Dims& dims = w.literal->dims();
  const std::size_t rank = dims.size();
  const int64_t kernel_size = element_count(std::span(dims).subspan(2));
  const void* const src = w.literal->bytes().data();
  if (groups > 1 && dims[0] == groups && dims[1] == 1) {
    const kernels::PackedDepthwise packed{
        .channels = groups, .taps = kernel_size, .element_bytes = static_cast<int64_t>(size_of(w.dtype))};
    std::vector<std::byte> bytes(static_cast<std::size_t>(packed.bytes()));
    kernels::pack_depthwise(packed, src, bytes.data());
    return context.packed_constant(w.name, w.dtype, {kernel_size, groups}, Packing::kDepthwise, std::move(bytes));
  }
  const Packing packing = w.dtype == DType::kBF16 ? Packing::kN16K2 : Packing::kN16K1;
  const kernels::PackedConv packed{.packing = packing,
                                   .groups = groups,
                                   .groups_per_block = 1,
                                   .oc_per_group = dims[0] / groups,
                                   .ic_per_group = dims[1],
                                   .kernel_d = rank > 4 ? dims[rank - 3] : 1,
                                   .kernel_h = rank > 3 ? dims[rank - 2] : 1,
                                   .kernel_w = dims[rank - 1]};
  std::vector<std::byte> bytes(static_cast<std::size_t>(packed.bytes()));
  kernels::pack_conv(packed, src, bytes.data());
  const kernels::PackedMatrix block = packed.block();
  return context.packed_constant(w.name, w.dtype, {packed.blocks(), block.taps, block.k, block.n}, packing,
                                 std::move(bytes));
}

Status lower_conv(LowerContext& context, const Node& node, schema::StepT& step) {
  if (!node.attributes.flag("channels_last"))
    return Error{ErrorCode::kUnsupported, concat("node '", name_of(node), "' (conv): was not made channels-last")};
  const Value& w = *node.inputs[1];
  schema::ConvT conv = conv_table(context, node);
  const auto groups = static_cast<int64_t>(conv.groups);
  if (!w.is_constant() && w.dtype != DType::kF32)
    return Error{ErrorCode::kUnsupported,
                 concat("node '", name_of(node), "' (conv): bf16 weights that are no constant")};
  const int32_t weights = w.is_constant() ? lower_weights(context, w, groups) : context.value(&w);
  step.attributes.Set(std::move(conv));
  step.inputs = {context.value(node.inputs[0]), weights, context.value(node.input(2))};
  return {};
}

}  // namespace

const OpDef conv_op = {
    .name = "conv",
    .infer = infer_conv,
    .evaluate = evaluate_conv,
    .store = store_bf16,
    .lower = lower_conv,
    .takes_post_ops = true,
    .strided_inputs = true,
    .strided_outputs = true,
};

namespace {

/// FusedConv's `activation` with its `activation_params`.
Result<Value*> activate(ImportContext& context, const OnnxNode& node, Value* x) {
  struct Activation {
    std::string_view name;
    Function function;
    std::size_t parameters;
  };
  constexpr Activation kActivations[] = {
      {"Relu", Function::k_relu, 0},       {"Tanh", Function::k_tanh, 0},
      {"Sigmoid", Function::k_sigmoid, 0}, {"LeakyRelu", Function::k_leaky_relu, 1},
      {"Clip", Function::k_clip, 2},       {"HardSigmoid", Function::k_hard_sigmoid, 2},
  };
  const std::string name = node.attributes.text("activation");
  if (name.empty()) return x;
  const auto found = std::find_if(std::begin(kActivations), std::end(kActivations),
                                  [&](const Activation& a) { return a.name == name; });
  if (found == std::end(kActivations)) return node.unsupported(concat("activation '", name, "' is not supported"));
  std::vector<double> parameters = node.attributes.numbers("activation_params");
  if (parameters.size() != found->parameters)
    return node.invalid(concat("activation '", name, "' has ", parameters.size(), " parameters"));
  parameters.resize(2);
  return context.build.function(found->function, {x}, static_cast<float>(parameters[0]),
                                static_cast<float>(parameters[1]));
}

}  // namespace

Result<Attributes> import_conv_attributes(const OnnxNode& node) {
  const Value &x = *node.inputs[0], &w = *node.inputs[1];
  if (x.rank() < 3 || w.rank() != x.rank())
    return node.invalid(concat("an input of shape ", to_string(x.shape), " with weights of ", to_string(w.shape)));
  TEGULA_ASSIGN_OR_RETURN(std::vector<int64_t> kernel, import_kernel(node, x.shape.size() - 2, &w.shape));
  TEGULA_ASSIGN_OR_RETURN(const SlidingWindow window,
                          import_window(node, spatial_dims(x.shape, false), std::move(kernel)));
  Attributes attributes = attributes_of(window);
  attributes.set("groups", node.attributes.integer("group", 1));
  return attributes;
}

Result<ImportedValues> import_conv(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 2, 3));
  TEGULA_ASSIGN_OR_RETURN(Attributes attributes, import_conv_attributes(node));
  std::vector<Value*> operands = {node.inputs[0], node.inputs[1]};
  if (node.input(2) != nullptr) operands.push_back(node.input(2));
  TEGULA_ASSIGN_OR_RETURN(Value* const y, context.build.add("conv", std::move(operands), std::move(attributes)));
  return ImportedValues{y};
}

/// com.microsoft FusedConv: activation(conv + z).
Result<ImportedValues> import_fused_conv(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 2, 4));
  OnnxNode plain = node;
  if (plain.inputs.size() > 3) plain.inputs.resize(3);
  TEGULA_ASSIGN_OR_RETURN(ImportedValues y, import_conv(context, plain));
  if (node.input(3) != nullptr) {
    TEGULA_ASSIGN_OR_RETURN(y[0], context.build.function(Function::k_add, {y[0], node.input(3)}));
  }
  TEGULA_ASSIGN_OR_RETURN(y[0], activate(context, node, y[0]));
  return y;
}

}  // namespace tegula::compiler
