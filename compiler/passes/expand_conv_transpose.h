#pragma once
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Before:  y = conv_transpose(x, w, b) {strides=[s...], channels_last=1}, w and b constant or dequantized constants
/// After:   c = conv(x, w', b') {channels_last=1};  y = slice(reshape(transpose(reshape(c))))
///
/// With o + pads_begin = q * s + phase, only the kernel positions k = phase + s * t reach o, from i = q - t: a
/// convolution over q with ceil(kernel / s) taps computes all phases of an output at once, as (group, phases..., oc of
/// the group) channels. The transpose moves the phases between the spatial dimensions, the slice crops. Functions of y
/// and of constants by channel that alone read y move before the transpose, where they become post-ops. With strides
/// of 1 the convolution is y itself.
///
/// Quantized weights stay quantized, with the scales of their output channels repeated for each phase, so that the
/// convolution becomes one of integers. Where one output channel has several scales (those of input channels, but for
/// groups of one) they become real, and Node::rule says so.
///
/// Leaves alone what has other weights, a bias that is not constant (saying so in Node::rule where the source is
/// quantized), or post-ops. Runs after make_channels_last.
Result<bool> expand_conv_transpose(Graph& graph);

}  // namespace tegula::compiler
