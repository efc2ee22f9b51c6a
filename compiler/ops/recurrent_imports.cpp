// ONNX RNN, GRU and LSTM: one matrix product for the input part of all gates at all times, then a recurrent layer.
#include <algorithm>

#include "compiler/ops/import_helpers.h"
#include "compiler/ops/slice_range.h"

namespace tegula::compiler {
namespace {

struct Kind {
  std::string_view op_type, name;
  int64_t gates;
  std::vector<std::string> activations;  ///< ONNX's defaults
};

const Kind& kind_of(const OnnxNode& node) {
  static const Kind kinds[] = {{"RNN", "rnn", 1, {"Tanh"}},
                               {"GRU", "gru", 3, {"Sigmoid", "Tanh"}},
                               {"LSTM", "lstm", 4, {"Sigmoid", "Tanh", "Tanh"}}};
  const auto* found =
      std::find_if(std::begin(kinds), std::end(kinds), [&](const Kind& k) { return k.op_type == node.op_type; });
  TEGULA_CHECK(found != std::end(kinds), "the import table names only these operators");
  return *found;
}

/// ONNX's activations, with the parameters that they take and those parameters' defaults.
struct Activation {
  std::string_view onnx_name;
  Function function;
  int parameters;
  double alpha, beta;
};
constexpr Activation kActivations[] = {
    {"affine", Function::k_affine, 2, 1, 0},
    {"elu", Function::k_elu, 1, 1, 0},
    {"hardsigmoid", Function::k_hard_sigmoid, 2, 0.2, 0.5},
    {"leakyrelu", Function::k_leaky_relu, 1, 0.01, 0},
    {"relu", Function::k_relu, 0, 0, 0},
    {"scaledtanh", Function::k_tanh, 2, 1, 1},
    {"sigmoid", Function::k_sigmoid, 0, 0, 0},
    {"softplus", Function::k_softplus, 0, 0, 0},
    {"softsign", Function::k_softsign, 0, 0, 0},
    {"tanh", Function::k_tanh, 0, 0, 0},
    {"thresholdedrelu", Function::k_thresholded_relu, 1, 1, 0},
};

/// The attributes activations, activation_alpha and activation_beta: the lists of parameters hold entries for those
/// functions that take them, in order.
Status read_activations(const OnnxNode& node, const Kind& kind, int64_t directions, Attributes& attributes) {
  std::vector<std::string> names = node.attributes.texts("activations");
  if (names.empty())
    for (int64_t d = 0; d < directions; ++d)
      names.insert(names.end(), kind.activations.begin(), kind.activations.end());
  if (names.size() != kind.activations.size() * static_cast<std::size_t>(directions))
    return node.invalid(
        concat(names.size(), " activations; ", kind.activations.size(), " for each direction expected"));
  const std::vector<double> given_alphas = node.attributes.numbers("activation_alpha");
  const std::vector<double> given_betas = node.attributes.numbers("activation_beta");
  std::size_t next_alpha = 0, next_beta = 0;
  std::vector<std::string> functions;
  std::vector<double> alphas, betas, in_scales, out_scales;
  for (const std::string& name : names) {
    std::string lower = name;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const auto* found = std::find_if(std::begin(kActivations), std::end(kActivations),
                                     [&](const Activation& a) { return a.onnx_name == lower; });
    if (found == std::end(kActivations)) return node.unsupported(concat("activation '", name, "'"));
    double alpha = found->alpha, beta = found->beta;
    if (found->parameters > 0 && next_alpha < given_alphas.size()) alpha = given_alphas[next_alpha++];
    if (found->parameters > 1 && next_beta < given_betas.size()) beta = given_betas[next_beta++];
    const bool scaled = lower == "scaledtanh";  // alpha * tanh(beta * x)
    functions.emplace_back(name_of(found->function));
    alphas.push_back(scaled ? 0 : alpha);
    betas.push_back(scaled ? 0 : beta);
    in_scales.push_back(scaled ? beta : 1);
    out_scales.push_back(scaled ? alpha : 1);
  }
  attributes.set("activations", std::move(functions));
  attributes.set("alphas", std::move(alphas));
  attributes.set("betas", std::move(betas));
  attributes.set("in_scales", std::move(in_scales));
  attributes.set("out_scales", std::move(out_scales));
  return {};
}

struct Biases {
  Value* gates = nullptr;   ///< [directions * G * H], or absent
  Value* hidden = nullptr;  ///< [directions, H]: R_h's own, where it is not simply added
};

/// B [directions, 2 * G * H]: the biases of W, then those of R.
Result<Biases> read_biases(ImportContext& context, const OnnxNode& node, int64_t width, int64_t hidden, bool separate) {
  Builder& build = context.build;
  Value* b = node.input(3);
  if (b == nullptr) return Biases{};
  if (b->rank() != 2 || !b->shape[1].is(2 * width))
    return node.invalid(
        concat("B of shape ", to_string(b->shape), "; ", 2 * width, " biases for each direction expected"));
  Biases biases;
  TEGULA_ASSIGN_OR_RETURN(Value * of_w, slice_axis(build, b, 1, 0, width));
  if (separate) {
    TEGULA_ASSIGN_OR_RETURN(biases.hidden, slice_axis(build, b, 1, 2 * width - hidden, hidden));
    TEGULA_ASSIGN_OR_RETURN(Value * first, slice_axis(build, of_w, 1, 0, width - hidden));
    TEGULA_ASSIGN_OR_RETURN(Value * of_r, slice_axis(build, b, 1, width, width - hidden));
    TEGULA_ASSIGN_OR_RETURN(Value * sum, build.function(Function::k_add, {first, of_r}));
    TEGULA_ASSIGN_OR_RETURN(Value * last, slice_axis(build, of_w, 1, width - hidden, hidden));
    TEGULA_ASSIGN_OR_RETURN(biases.gates, build.add("concat", {sum, last}, {{"axis", int64_t{1}}}));
  } else {
    TEGULA_ASSIGN_OR_RETURN(Value * of_r, slice_axis(build, b, 1, width, width));
    TEGULA_ASSIGN_OR_RETURN(biases.gates, build.function(Function::k_add, {of_w, of_r}));
  }
  TEGULA_ASSIGN_OR_RETURN(biases.gates, build.reshape(biases.gates, {product(biases.gates->shape)}));
  return biases;
}

}  // namespace

/// RNN, GRU, LSTM 1, 7, 14 (layout), 22.
Result<std::vector<Value*>> import_recurrent(ImportContext& context, const OnnxNode& node) {
  const Kind& kind = kind_of(node);
  Builder& build = context.build;
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 3, kind.name == "lstm" ? 8 : 6));
  Value *x = node.inputs[0], *w = node.inputs[1], *r = node.inputs[2];
  if (x->rank() != 3 || w->rank() != 3 || r->rank() != 3) return node.invalid("X, W and R must have three dimensions");
  TEGULA_ASSIGN_OR_RETURN(const int64_t hidden, constant_dim(node, r->shape[2], "the hidden size"));
  const int64_t width = kind.gates * hidden;
  if (hidden < 1 || !w->shape[1].is(width) || !r->shape[1].is(width) ||
      hidden != node.attributes.integer("hidden_size", hidden))
    return node.invalid(concat("W of shape ", to_string(w->shape), " and R of shape ", to_string(r->shape),
                               " do not fit ", kind.gates, " gates of a hidden size of ",
                               node.attributes.integer("hidden_size", hidden)));
  const std::string direction = node.attributes.text("direction", "forward");
  if (direction != "forward" && direction != "reverse" && direction != "bidirectional")
    return node.invalid(concat("unknown direction '", direction, "'"));
  const int64_t directions = direction == "bidirectional" ? 2 : 1;
  const bool batch_first = node.attributes.flag("layout");
  const bool reset_after = kind.name == "gru" && node.attributes.flag("linear_before_reset");
  if (!w->shape[0].is(directions) || !r->shape[0].is(directions))
    return node.invalid(concat("W and R must have ", directions, " directions"));

  Attributes attributes = {{"kind", std::string(kind.name)},
                           {"directions", directions},
                           {"reverse", int64_t{direction == "reverse"}},
                           {"linear_before_reset", int64_t{reset_after}},
                           {"input_forget", node.attributes.integer("input_forget")},
                           {"clip", node.attributes.number("clip")}};
  TEGULA_RETURN_IF_ERROR(read_activations(node, kind, directions, attributes));

  if (batch_first) {
    TEGULA_ASSIGN_OR_RETURN(x, build.transpose(x, {1, 0, 2}));
  }
  TEGULA_ASSIGN_OR_RETURN(Value * rows, build.reshape(w, {directions * width, w->shape[2]}));
  TEGULA_ASSIGN_OR_RETURN(const Biases biases, read_biases(context, node, width, hidden, reset_after));
  TEGULA_ASSIGN_OR_RETURN(Value * columns, build.transpose(rows, {1, 0}));
  std::vector<Value*> factors = {x, columns};
  if (biases.gates != nullptr) factors.push_back(biases.gates);
  TEGULA_ASSIGN_OR_RETURN(Value * gates, build.add("matmul", std::move(factors)));
  TEGULA_ASSIGN_OR_RETURN(Value * recurrence, build.transpose(r, {0, 2, 1}));

  std::vector<Value*> inputs = {gates, recurrence, node.input(4)};
  for (const std::size_t state : {std::size_t{5}, std::size_t{6}}) {
    Value* initial = node.input(state);
    if (initial != nullptr && batch_first) {
      TEGULA_ASSIGN_OR_RETURN(initial, build.transpose(initial, {1, 0, 2}));
    }
    inputs.push_back(initial);
  }
  inputs.push_back(node.input(7));
  inputs.push_back(biases.hidden);
  while (inputs.back() == nullptr) inputs.pop_back();
  TEGULA_ASSIGN_OR_RETURN(Node * layer, build.node("recurrent", std::move(inputs), std::move(attributes)));

  ImportedValues values;
  for (std::size_t i = 0; i < node.output_names.size(); ++i) {
    Value* value = node.wants_output(i) ? layer->output(i) : nullptr;
    if (value != nullptr && batch_first) {
      TEGULA_ASSIGN_OR_RETURN(value, i == 0 ? build.transpose(value, {2, 0, 1, 3}) : build.transpose(value, {1, 0, 2}));
    }
    values.push_back(value);
  }
  return values;
}

}  // namespace tegula::compiler
