#pragma once
#include <string>
#include <unordered_map>

#include "compiler/graph/graph.h"
#include "compiler/quantize/profile.h"
#include "compiler/quantize/quantization_options.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// What balancing has done.
struct Balanced {
  bool changed = false;
  Profile profile;  ///< that of the graph as it is now: the tensors whose channels were divided have changed
  /// Of each product whose activations become integers: what was done to its input's channels, or why nothing was.
  std::unordered_map<const Node*, std::string> notes;
};

/// SmoothQuant: Xiao et al., arXiv:2211.10438.
///
/// Before:  x = layer_norm(z, g, b);      y = matmul(x, w)
/// After:   x = layer_norm(z, g/s, b/s);  y = matmul(x, diag(s) w)
/// with s_c = max|x_c|^alpha / max|w_c|^(1-alpha), over all products that read x, and with a geometric mean of 1, so
/// that equal channels stay as they are. The graph computes the same, within rounding; a channel of outliers no longer
/// takes the steps of all others. What x is divided by goes into the scale and bias of a layer norm, the output
/// channels of a product (through relu and leaky relu: cross-layer equalization, arXiv:1906.04721), or a constant that
/// multiplies channels; sums with constants and reshapes in between follow. Behind another function of a matrix
/// product's result (gelu) 1/s is one more post-op of it. Where none of this is there, or something else reads x (the
/// sums of a transformer whose norms stand behind them), matrix products that become integer read
///   x' = mul(x, 1/s)
/// which is one step with quantizing x'. Both only when that lessens the expected error (below) by a tenth. Where
/// calibration has seen fewer than 1000 values of each channel, the channels stay.
///
/// Without an alpha the one of 0, 0.05, ... 1 is taken with the least expected squared error of the results, each
/// rounding being uniform and independent (the usual model of quantization noise), over products of outputs j:
///   step_x^2 / 12 * sum_cj (s_c w_cj)^2 + sum_j step_j^2 / 12 * sum_c E[x_c^2] / s_c^2
///   step_x = (the value's range behind the division) / 255,   step_j = max_c |s_c w_cj| / 127
/// and none when that is not less than with s = 1.
///
/// The profile of x follows: its channels exactly. The rest cannot, for nothing says which channel a value of the
/// histogram is of: each channel counts as a normal distribution around its mean on either side, of such deviations
/// that the extremes of as many values are expected where they were. The new histogram is that of all channels, and the
/// new extremes are those expected of as many values as all have together: where the channels are alike, each of them
/// may pass any day what it has shown in calibration, and now that would be cut off.
///
/// Called before the quantizer, with its options; nothing but `smooth` being set makes it do anything.
Result<Balanced> balance_channels(Graph& graph, const Profile& profile, const QuantizationOptions& options);

}  // namespace tegula::compiler
