// dst[n, oc, o...] = bias[oc] + sum over all (i, k, ic) with i * stride + k * dilation - pads_begin == o of
// x[n, ic, i...] * w[ic, oc, k...]. fp32, one to three spatial dimensions.
//
// Attributes: kernel, strides, dilations, pads_begin, pads_end, sizes (dims; ops/sliding_window.h), groups,
// channels_last. The sizes are always given: output padding and ONNX's output_shape are folded into them, so pads_end
// may be negative. w is [ic, oc / groups, kernel...]. ONNX ConvTranspose (1, 11, 22).
#include <algorithm>

#include "compiler/lowering/lower_context.h"
#include "compiler/ops/import_helpers.h"
#include "compiler/ops/op_def.h"
#include "compiler/ops/sliding_window.h"
#include "kernels/conv_transpose/conv_transpose.h"

namespace tegula::compiler {
namespace {

constexpr int kMaxSpatial = 3;

Status infer_conv_transpose(InferContext& context) {
  if (!context.has_input(0) || !context.has_input(1) || context.node.inputs.size() > 3)
    return context.error("two or three inputs expected");
  const Value &x = context.input(0), &w = context.input(1);
  for (const Value* input : context.node.inputs)
    if (input && input->dtype != DType::kF32)
      return context.unsupported(concat("operands of type ", name_of(input->dtype), "; f32 is supported"));
  if (x.rank() < 3 || w.rank() != x.rank())
    return context.error(concat("weights of shape ", to_string(w.shape), " for an input of ", to_string(x.shape)));
  if (x.rank() > 2 + kMaxSpatial)
    return context.unsupported(concat(x.rank() - 2, " spatial dimensions; at most 3 are supported"));
  const bool channels_last = context.node.attributes.flag("channels_last");
  const int64_t groups = context.node.attributes.integer("groups", 1);
  TEGULA_ASSIGN_OR_RETURN(const SlidingWindow window, window_of(context, static_cast<std::size_t>(x.rank() - 2)));
  if (!window.sizes) return context.error("the attribute 'sizes' is missing");
  const Dim& channels = channels_of(x.shape, channels_last);
  if (groups < 1 || !w.shape[0].is_constant() || w.shape[0].value() % groups != 0)
    return context.error(concat(w.shape[0].to_string(), " input channels in ", groups, " groups"));
  if (channels != w.shape[0]) {
    const Error error = context.error(
        concat("the input has ", channels.to_string(), " channels, the weights are for ", w.shape[0].to_string()));
    if (channels.is_constant()) return error;
    context.graph.constraints.push_back({GraphConstraint::Kind::kEqual, channels, w.shape[0], error.message});
  }
  for (std::size_t d = 0; d < window.kernel.size(); ++d)
    if (!w.shape[d + 2].is(window.kernel[d]))
      return context.error(
          concat("weights of shape ", to_string(w.shape), " for a kernel of ", tegula::to_string(window.kernel)));
  const Dim out_channels = w.shape[1] * groups;
  if (context.has_input(2) && context.input(2).shape != Shape{out_channels})
    return context.error(
        concat("a bias of shape ", to_string(context.input(2).shape), " for ", out_channels.to_string(), " channels"));
  for (const Dim& size : *window.sizes) {
    const Error error = context.error(concat("an output size, ", size.to_string(), ", is negative"));
    if (size.is_constant() && size.value() < 0) return error;
    if (!size.is_at_least(0))
      context.graph.constraints.push_back({GraphConstraint::Kind::kAtLeast, size, 0, error.message});
  }
  context.outputs.push_back(
      {DType::kF32, with_channels(x.shape[0], out_channels, *window.sizes, channels_last), std::nullopt});
  return {};
}

Status evaluate_conv_transpose(const Node& node, std::span<const kernels::TensorView> inputs,
                               std::span<const kernels::TensorView> outputs) {
  const Attributes& attributes = node.attributes;
  kernels::ConvTransposeDesc desc;
  desc.rank = inputs[0].rank - 2;
  const SlidingWindow window = window_of(attributes, static_cast<std::size_t>(desc.rank));
  std::ranges::copy(window.strides, desc.strides.begin());
  std::ranges::copy(window.dilations, desc.dilations.begin());
  std::ranges::copy(*constant_dims(window.pads_begin), desc.pads_begin.begin());
  desc.groups = attributes.integer("groups", 1);
  std::vector<kernels::TensorView> operands(inputs.begin(), inputs.end());
  kernels::TensorView dst = outputs[0];
  if (!attributes.flag("channels_last")) {
    operands[0] = channels_last_view(operands[0]);
    dst = channels_last_view(dst);
  }
  TEGULA_RETURN_IF_ERROR(kernels::check(desc, operands, {&dst, 1}));
  return kernels::conv_transpose(desc, operands, {&dst, 1});
}

Status lower_conv_transpose(LowerContext& context, const Node& node, schema::StepT& step) {
  schema::ConvTransposeT conv;
  const Attributes& attributes = node.attributes;
  for (const int64_t size : attributes.ints("kernel")) conv.kernel.push_back(static_cast<uint64_t>(size));
  for (const int64_t stride : attributes.ints("strides")) conv.strides.push_back(static_cast<uint64_t>(stride));
  for (const int64_t dilation : attributes.ints("dilations")) conv.dilations.push_back(static_cast<uint64_t>(dilation));
  conv.pads_begin = context.expressions(attributes.dims("pads_begin"));
  conv.pads_end = context.expressions(attributes.dims("pads_end"));
  conv.groups = static_cast<uint64_t>(attributes.integer("groups", 1));
  step.attributes.Set(std::move(conv));
  return {};
}

/// What of `total` padding stands before the first element.
Dim begin_of(const Dim& total, bool odd_at_end) {
  const Dim smaller = floor_div(total, 2);
  return odd_at_end ? smaller : total - smaller;
}

}  // namespace

const OpDef conv_transpose_op = {
    .name = "conv_transpose",
    .infer = infer_conv_transpose,
    .evaluate = evaluate_conv_transpose,
    .lower = lower_conv_transpose,
};

Result<ImportedValues> import_conv_transpose(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 2, 3));
  const Value &x = *node.inputs[0], &w = *node.inputs[1];
  if (x.rank() < 3 || w.rank() != x.rank())
    return node.invalid(concat("an input of shape ", to_string(x.shape), " with weights of ", to_string(w.shape)));
  const Shape in = spatial_dims(x.shape, false);
  TEGULA_ASSIGN_OR_RETURN(std::vector<int64_t> kernel, import_kernel(node, in.size(), &w.shape));
  OnnxNode explicit_pads = node;  // SAME means something else here, and is settled below
  explicit_pads.attributes.erase("auto_pad");
  explicit_pads.attributes.erase("ceil_mode");
  TEGULA_ASSIGN_OR_RETURN(SlidingWindow window, import_window(explicit_pads, in, std::move(kernel)));

  std::vector<int64_t> output_padding = node.attributes.ints("output_padding");
  if (output_padding.empty()) output_padding.assign(in.size(), 0);
  std::vector<int64_t> output_shape = node.attributes.ints("output_shape");
  if (output_shape.size() == in.size() + 2) output_shape.erase(output_shape.begin(), output_shape.begin() + 2);
  if (output_padding.size() != in.size() || (!output_shape.empty() && output_shape.size() != in.size()))
    return node.invalid("output_padding or output_shape does not have one entry per spatial dimension");
  const std::string auto_pad = node.attributes.text("auto_pad", "NOTSET");
  const bool same = auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER";
  if (!same && auto_pad != "NOTSET" && auto_pad != "VALID")
    return node.invalid(concat("auto_pad '", auto_pad, "' is not known"));

  Shape sizes;
  for (std::size_t d = 0; d < in.size(); ++d) {
    if (output_padding[d] < 0 || output_padding[d] > (int64_t{1} << 30))
      return node.invalid("output_padding is out of range");
    const Dim span = window.dilations[d] * (window.kernel[d] - 1) + 1;
    const Dim reach = (in[d] - 1) * window.strides[d] + span, full = reach + output_padding[d];
    if (!output_shape.empty() || same) {
      // SAME never makes an output larger than it is without padding: with a stride above the kernel's span it stays
      // that.
      const Dim same_size = in[d] * window.strides[d], excess = full - same_size;  // a number: in cancels
      const Dim size = !output_shape.empty() ? Dim(output_shape[d]) : excess.is_at_least(0) ? same_size : full;
      window.pads_begin[d] = begin_of(max(full - size, 0), auto_pad == "SAME_UPPER");
      sizes.push_back(size);
    } else {
      if (auto_pad == "VALID") window.pads_begin[d] = window.pads_end[d] = 0;
      sizes.push_back(full - window.pads_begin[d] - window.pads_end[d]);
    }
    window.pads_end[d] = reach - window.pads_begin[d] - sizes[d];
  }
  window.sizes = std::move(sizes);
  Attributes attributes = attributes_of(window);
  attributes.set("groups", node.attributes.integer("group", 1));
  std::vector<Value*> operands = {node.inputs[0], node.inputs[1]};
  if (node.input(2) != nullptr) operands.push_back(node.input(2));
  TEGULA_ASSIGN_OR_RETURN(Value* const y,
                          context.build.add("conv_transpose", std::move(operands), std::move(attributes)));
  return ImportedValues{y};
}

}  // namespace tegula::compiler
