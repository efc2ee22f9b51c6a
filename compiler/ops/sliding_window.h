#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "compiler/importer/onnx_node.h"
#include "compiler/ops/op_def.h"
#include "kernels/tensor_view.h"

namespace tegula::compiler {

/// How a window of positions slides over the spatial dimensions of a tensor: what convolutions and pooling share. One
/// entry per spatial dimension.
struct SlidingWindow {
  std::vector<int64_t> kernel, strides, dilations;
  Shape pads_begin, pads_end;
  /// Spatial sizes of the output, where they are not floor((in + pads - span) / stride) + 1 with span = dilation *
  /// (kernel - 1) + 1: in ceil mode, and where SAME padding of a symbolic size makes the output simpler than its
  /// padding.
  std::optional<Shape> sizes;
};

/// The attributes of a node that infer has checked, defaults (1 and 0) filled in.
SlidingWindow window_of(const Attributes& attributes, std::size_t spatial);
/// The attributes kernel, strides, dilations, pads_begin, pads_end and sizes of a node; checked against each other.
/// kInvalidArgument names what does not fit `spatial` dimensions.
Result<SlidingWindow> window_of(const InferContext& context, std::size_t spatial);
/// The attributes of a window, to which a node adds its own.
Attributes attributes_of(const SlidingWindow& window);

/// Spatial sizes of the output over an input of spatial sizes `in`. Adds constraints where only binding can tell that
/// the window fits.
Result<Shape> output_sizes(InferContext& context, const SlidingWindow& window, const Shape& in);

/// ONNX's attributes strides, dilations, pads, auto_pad and ceil_mode, defaults filled in, as a window over an input of
/// spatial sizes `in`.
Result<SlidingWindow> import_window(const OnnxNode& node, const Shape& in, std::vector<int64_t> kernel);
/// kernel_shape, which pooling must have; of convolutions `weights` (the spatial sizes of w) says the same.
Result<std::vector<int64_t>> import_kernel(const OnnxNode& node, std::size_t spatial, const Shape* weights);

/// The spatial dimensions of a tensor [n, c, spatial...] or, with channels_last, [n, spatial..., c].
Shape spatial_dims(const Shape& shape, bool channels_last);
const Dim& channels_of(const Shape& shape, bool channels_last);
/// The shape [n, c, spatial...] or [n, spatial..., c].
Shape with_channels(const Dim& batch, const Dim& channels, const Shape& spatial, bool channels_last);
/// A view [n, c, spatial...] as [n, spatial..., c], and back, for plain loops that want one of the two.
kernels::TensorView channels_last_view(const kernels::TensorView& view);
kernels::TensorView channels_first_view(const kernels::TensorView& view);

}  // namespace tegula::compiler
