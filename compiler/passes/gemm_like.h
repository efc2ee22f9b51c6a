#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "compiler/graph/graph.h"

namespace tegula::compiler {

/// conv, conv_transpose and matmul as one family:
///   dst[..., c] = post_ops(alpha * sum over i of src[..., i] * weights[i, c] + bias[c])
/// with input channels i (and kernel positions) and output channels c.
bool is_gemm_like(const Node* node);

/// Weights are an fp32 constant, the bias too or absent.
bool has_constant_weights(const Node& node);

/// The dimension of the channels in the output and in operand 0.
int output_channel_axis(const Node& node);
int input_channel_axis(const Node& node);

/// The factor in front of the sum: alpha of matmul, else 1.
double sum_factor(const Node& node);

/// Weights (constant) with output, or input, channel c multiplied by factors[c].
Literal with_scaled_outputs(const Node& node, std::span<const double> factors);
Literal with_scaled_inputs(const Node& node, std::span<const double> factors);

/// What adding shift[i] to each input channel i adds to each output channel, where no padding is in the way. `weights`:
/// others of the same shape instead of the node's.
std::vector<double> shift_of_outputs(const Node& node, std::span<const float> shift);
std::vector<double> shift_of_outputs(const Node& node, const Literal& weights, std::span<const float> shift);

/// Calls f(index of the element, input channel, output channel) for each weight.
void for_each_weight(const Node& node, const std::function<void(int64_t i, int64_t in, int64_t out)>& f);

/// Whether the sum never runs over padding.
bool is_unpadded(const Node& node);

/// The bias as numbers, 0 when absent, and its change.
std::vector<double> bias_of(const Node& node, int64_t channels);
void set_bias(Graph& graph, Node& node, std::span<const double> bias);

}  // namespace tegula::compiler
