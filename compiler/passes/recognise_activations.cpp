#include "compiler/passes/recognise_activations.h"

#include <cmath>
#include <numbers>
#include <span>
#include <vector>

#include "compiler/ops/op_def.h"
#include "compiler/passes/match.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

/// One spelling: the pattern binds "x", and "alpha" and "beta" where the function has such parameters.
struct Spelling {
  Function function;
  Pattern pattern;
  float alpha = 0, beta = 0;  ///< when the pattern does not bind them
  bool (*accepts)(const Match& match) = nullptr;
};

Pattern x() {
  return any("x");
}
Pattern one_plus(Pattern value) {
  return call(Function::k_add, {std::move(value), number(1)});
}

/// min(max(value, low), high).
Pattern clipped(Pattern value, float low, float high) {
  return Pattern([value, low, high](Value* root, Match& match, const Pattern::Next& next) {
    if (!is_function(root->producer, Function::k_clip)) return false;
    const FunctionInstruction& instruction = *single_function(*root->producer);
    return instruction.alpha == low && instruction.beta == high &&
           call(Function::k_clip, {value}).run(root, match, next);
  });
}

Pattern hard_sigmoid_of_x() {
  return Pattern([](Value* root, Match& match, const Pattern::Next& next) {
    if (!is_function(root->producer, Function::k_hard_sigmoid)) return false;
    const FunctionInstruction& instruction = *single_function(*root->producer);
    return nearly_equal(instruction.alpha, 1.0 / 6) && nearly_equal(instruction.beta, 0.5) &&
           call(Function::k_hard_sigmoid, {x()}).run(root, match, next);
  });
}

std::vector<Spelling> spellings() {
  const Pattern exp_minus_x = call(Function::k_exp, {call(Function::k_neg, {x()})});
  const Pattern sigmoid_denominator = one_plus(exp_minus_x);
  const Pattern relu6_of_x_plus_3 = clipped(call(Function::k_add, {x(), number(3)}), 0, 6);
  const Pattern cube = product({x(), x(), x()}, 0.044715);
  const double sqrt_2_over_pi = std::sqrt(2 / std::numbers::pi);
  const Pattern gelu_tanh_inner = either({
      product({call(Function::k_add, {x(), cube})}, sqrt_2_over_pi),
      product({x(), one_plus(product({x(), x()}, 0.044715))}, sqrt_2_over_pi),
  });
  const Pattern erf_of_x = call(Function::k_erf, {product({x()}, std::numbers::sqrt2 / 2)});
  const auto slope_is_below_1 = [](const Match& match) {
    return match.number("alpha") > 0 && match.number("alpha") < 1;
  };

  // Inner functions come before those that contain them: a node is looked at once, its producers before it.
  return {
      {Function::k_sigmoid, call(Function::k_reciprocal, {sigmoid_denominator})},
      {Function::k_sigmoid, call(Function::k_div, {number(1), sigmoid_denominator})},
      {Function::k_silu, call(Function::k_div, {x(), sigmoid_denominator})},
      {Function::k_silu, product({x(), call(Function::k_sigmoid, {x()})})},
      {Function::k_hard_swish, product({x(), relu6_of_x_plus_3}, 1.0 / 6)},
      {Function::k_hard_swish, product({x(), hard_sigmoid_of_x()})},
      {Function::k_hard_sigmoid, product({relu6_of_x_plus_3}, 1.0 / 6), 1.0f / 6, 0.5f},
      {Function::k_softplus, call(Function::k_log, {one_plus(call(Function::k_exp, {x()}))})},
      {Function::k_mish, product({x(), call(Function::k_tanh, {call(Function::k_softplus, {x()})})})},
      {Function::k_softsign, call(Function::k_div, {x(), one_plus(call(Function::k_abs, {x()}))})},
      {Function::k_leaky_relu, call(Function::k_max, {x(), product({x()}, "alpha")}), 0, 0, slope_is_below_1},
      {Function::k_gelu_erf, product({x(), one_plus(erf_of_x)}, 0.5)},
      {Function::k_gelu_tanh, product({x(), one_plus(call(Function::k_tanh, {gelu_tanh_inner}))}, 0.5)},
  };
}

Result<bool> recognise(Graph& graph, Node& node, std::span<const Spelling> known) {
  if (single_function(node) == nullptr || node.output()->dtype != DType::kF32) return false;
  Value* root = node.output();
  for (const Spelling& spelling : known) {
    const std::optional<Match> match = spelling.pattern.match(root);
    if (!match || !match->is_closed(root)) continue;
    if (spelling.accepts && !spelling.accepts(*match)) continue;
    Value* source = match->value("x");
    if (source->shape != root->shape) continue;
    Builder build(graph, origins_of(match->nodes()), &node);
    const float alpha = match->has("alpha") ? static_cast<float>(match->number("alpha")) : spelling.alpha;
    TEGULA_ASSIGN_OR_RETURN(Value * value, build.function(spelling.function, {source}, alpha, spelling.beta));
    replace_value(graph, root, value);
    return true;
  }
  return false;
}

}  // namespace

Result<bool> recognise_activations(Graph& graph) {
  const std::vector<Spelling> known = spellings();
  return rewrite_nodes(graph, [&](Node& node) { return recognise(graph, node, known); });
}

}  // namespace tegula::compiler
