#include "compiler/passes/gemm_like.h"

#include <algorithm>

#include "compiler/ops/op_def.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

template <typename Factor>
Literal scaled(const Node& node, Factor&& factor) {
  const Literal& weights = *node.input(1)->literal;
  return Literal::make(DType::kF32, weights.dims(), [&](const kernels::TensorView& view) {
    float* out = view.as<float>();
    for_each_weight(node, [&](int64_t i, int64_t in, int64_t oc) {
      out[i] = static_cast<float>(static_cast<double>(weights.at<float>(i)) * factor(in, oc));
    });
  });
}

bool is_f32_constant(const Value* value) {
  return value->is_constant() && value->dtype == DType::kF32;
}

}  // namespace

bool is_gemm_like(const Node* node) {
  return is_op(node, "conv") || is_op(node, "conv_transpose") || is_op(node, "matmul");
}

bool has_constant_weights(const Node& node) {
  const Value* weights = node.input(1);
  const Value* bias = node.input(2);
  return weights != nullptr && is_f32_constant(weights) && weights->rank() >= 2 &&
         (bias == nullptr || is_f32_constant(bias));
}

int output_channel_axis(const Node& node) {
  const int rank = node.output()->rank();
  return is_op(&node, "matmul") || node.attributes.flag("channels_last") ? rank - 1 : 1;
}

int input_channel_axis(const Node& node) {
  const int rank = node.input(0)->rank();
  if (is_op(&node, "matmul")) return node.attributes.flag("transpose_a") ? rank - 2 : rank - 1;
  return node.attributes.flag("channels_last") ? rank - 1 : 1;
}

double sum_factor(const Node& node) {
  return is_op(&node, "matmul") ? node.attributes.number("alpha", 1) : 1;
}

Literal with_scaled_outputs(const Node& node, std::span<const double> factors) {
  return scaled(node, [&](int64_t, int64_t oc) { return factors[static_cast<std::size_t>(oc)]; });
}

Literal with_scaled_inputs(const Node& node, std::span<const double> factors) {
  return scaled(node, [&](int64_t in, int64_t) { return factors[static_cast<std::size_t>(in)]; });
}

std::vector<double> shift_of_outputs(const Node& node, std::span<const float> shift) {
  return shift_of_outputs(node, *node.input(1)->literal, shift);
}

std::vector<double> shift_of_outputs(const Node& node, const Literal& weights, std::span<const float> shift) {
  const Dim& channels = node.output()->shape[static_cast<std::size_t>(output_channel_axis(node))];
  std::vector<double> result(static_cast<std::size_t>(channels.value()), 0.0);
  const double factor = sum_factor(node);
  for_each_weight(node, [&](int64_t i, int64_t in, int64_t oc) {
    result[static_cast<std::size_t>(oc)] +=
        factor * static_cast<double>(shift[static_cast<std::size_t>(in)]) * static_cast<double>(weights.at<float>(i));
  });
  return result;
}

void for_each_weight(const Node& node, const std::function<void(int64_t i, int64_t in, int64_t out)>& f) {
  const Dims& dims = node.input(1)->literal->dims();
  const int64_t count = element_count(dims);
  if (is_op(&node, "matmul")) {
    const int64_t rows = dims[dims.size() - 2], columns = dims[dims.size() - 1];
    const bool transposed = node.attributes.flag("transpose_b");
    for (int64_t i = 0; i < count; ++i) {
      const int64_t row = i / columns % rows, column = i % columns;
      f(i, transposed ? column : row, transposed ? row : column);
    }
    return;
  }
  const int64_t groups = node.attributes.integer("groups", 1);
  const int64_t inner = element_count(std::span<const int64_t>(dims).subspan(2));
  const int64_t outer = dims[0] / groups;  // per group
  for (int64_t i = 0; i < count; ++i) {
    const int64_t first = i / (inner * dims[1]), second = i / inner % dims[1];
    const int64_t grouped = first / outer * dims[1] + second;
    if (is_op(&node, "conv"))
      f(i, grouped, first);
    else
      f(i, first, grouped);
  }
}

bool is_unpadded(const Node& node) {
  if (is_op(&node, "matmul")) return true;
  if (!is_op(&node, "conv")) return false;
  const auto all_zero = [&](const char* name) {
    const Shape pads = node.attributes.dims(name);
    return std::all_of(pads.begin(), pads.end(), [](const Dim& dim) { return dim.is(0); });
  };
  return all_zero("pads_begin") && all_zero("pads_end");
}

std::vector<double> bias_of(const Node& node, int64_t channels) {
  std::vector<double> bias(static_cast<std::size_t>(channels), 0.0);
  if (node.input(2) == nullptr) return bias;
  const Literal& literal = *node.input(2)->literal;
  for (std::size_t c = 0; c < bias.size(); ++c)
    bias[c] = static_cast<double>(literal.at<float>(literal.count() == 1 ? 0 : static_cast<int64_t>(c)));
  return bias;
}

void set_bias(Graph& graph, Node& node, std::span<const double> bias) {
  std::vector<float> rounded;
  for (const double b : bias) rounded.push_back(static_cast<float>(b));
  const Value* old = node.input(2);
  const std::string name = old != nullptr ? old->name : concat(name_of(node), "_bias");
  graph.set_input(&node, 2, graph.add_constant(name, Literal::of<float>({static_cast<int64_t>(bias.size())}, rounded)));
}

}  // namespace tegula::compiler
