#include "compiler/passes/canonicalise.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "compiler/ops/op_def.h"
#include "compiler/passes/match.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

bool is_commutative(Function function) {
  return function == Function::k_add || function == Function::k_mul || function == Function::k_min ||
         function == Function::k_max;
}

bool is_power_of_two(float x) {
  int exponent = 0;
  return std::isnormal(x) && std::isnormal(1 / x) && std::abs(std::frexp(x, &exponent)) == 0.5f;
}

/// A new constant: `map` of each element.
template <typename Map>
Value* mapped(Builder& build, const Value& value, Map&& map) {
  const Literal& source = *value.literal;
  return build.constant(Literal::make(DType::kF32, source.dims(),
                                      [&](const kernels::TensorView& target) {
                                        for (int64_t i = 0; i < source.count(); ++i)
                                          target.as<float>()[i] = map(source.at<float>(i));
                                      }),
                        value.name);
}

bool all_powers_of_two(const Literal& literal) {
  for (int64_t i = 0; i < literal.count(); ++i)
    if (!is_power_of_two(literal.at<float>(i))) return false;
  return true;
}

/// What a node is rewritten to: an existing value, or one function of its first operand and perhaps a constant.
class Rewriter {
 public:
  Rewriter(Graph& graph, Node& node)
      : graph_(graph), node_(node), build_(graph, node.origins, &node), x_(node.input(0)), y_(node.input(1)) {}

  Result<bool> run() {
    const FunctionInstruction* instruction = single_function(node_);
    if (instruction == nullptr) return false;
    const Function function = instruction->function;
    if (function == Function::k_identity) return bypass();
    if (function == Function::k_cast) return x_->dtype == instruction->to && bypass();
    if (node_.output()->dtype != DType::kF32 || x_->dtype != DType::kF32) return false;
    if (is_commutative(function) && x_->is_constant() && !y_->is_constant()) return becomes(function, {y_, x_});
    switch (function) {
      case Function::k_add: return splat(y_) == 0.0 && bypass();
      case Function::k_mul: return splat(y_) == 1.0 && bypass();
      case Function::k_sub: return rewrite_sub();
      case Function::k_div: return rewrite_div();
      case Function::k_pow: return rewrite_pow();
      case Function::k_min: return rewrite_bound(-kInfinity, splat(y_), false);
      case Function::k_max: return rewrite_bound(kInfinity, splat(y_), true);
      case Function::k_relu: return rewrite_clip(0, kInfinity);
      case Function::k_clip: return rewrite_clip(instruction->alpha, instruction->beta);
      default: return false;
    }
  }

 private:
  bool keeps_shape() const { return node_.output()->shape == x_->shape; }

  bool bypass() {
    if (!keeps_shape()) return false;
    replace_value(graph_, node_.output(), x_);
    return true;
  }

  Result<bool> becomes(Function function, std::vector<Value*> operands, float alpha = 0, float beta = 0) {
    TEGULA_ASSIGN_OR_RETURN(Value * value, build_.function(function, std::move(operands), alpha, beta));
    replace_value(graph_, node_.output(), value);
    return true;
  }

  Result<bool> rewrite_sub() {
    if (!y_->is_constant()) return false;
    if (splat(y_) == 0.0 && keeps_shape()) return bypass();
    return becomes(Function::k_add, {x_, mapped(build_, *y_, [](float c) { return -c; })});
  }

  Result<bool> rewrite_div() {
    if (!y_->is_constant() || !all_powers_of_two(*y_->literal)) return false;
    if (splat(y_) == 1.0 && keeps_shape()) return bypass();
    return becomes(Function::k_mul, {x_, mapped(build_, *y_, [](float c) { return 1 / c; })});
  }

  Result<bool> rewrite_pow() {
    const std::optional<double> exponent = splat(y_);
    if (!exponent || !keeps_shape()) return false;
    if (*exponent == 1) return bypass();
    if (*exponent == 2) return becomes(Function::k_mul, {x_, x_});
    if (*exponent == 0.5) return becomes(Function::k_sqrt, {x_});
    if (*exponent == -1) return becomes(Function::k_reciprocal, {x_});
    if (*exponent != 3) return false;
    TEGULA_ASSIGN_OR_RETURN(Value * square, build_.function(Function::k_mul, {x_, x_}));
    return becomes(Function::k_mul, {square, x_});
  }

  Result<bool> rewrite_bound(float other, std::optional<double> bound, bool is_low) {
    if (!bound || std::isnan(*bound) || !keeps_shape()) return false;
    const auto number = static_cast<float>(*bound);
    return is_low ? clip(number, other) : clip(other, number);
  }

  Result<bool> rewrite_clip(float low, float high) {
    const bool is_relu = is_function(&node_, Function::k_relu);
    // Below another clip or relu that nothing else reads, both are one.
    Node* above = x_->producer;
    if (is_read_once(x_) && (is_function(above, Function::k_relu) || is_function(above, Function::k_clip))) {
      const FunctionInstruction& first = *single_function(*above);
      const bool from_relu = first.function == Function::k_relu;
      const float first_low = from_relu ? 0 : first.alpha, first_high = from_relu ? kInfinity : first.beta;
      const auto bounded = [&](float x) { return std::min(std::max(x, low), high); };
      x_ = above->input(0);
      return clip(bounded(first_low), bounded(first_high));
    }
    if (is_relu || low != 0 || high != kInfinity) return false;
    return becomes(Function::k_relu, {x_});
  }

  Result<bool> clip(float low, float high) {
    if (low == 0 && high == kInfinity) return becomes(Function::k_relu, {x_});
    return becomes(Function::k_clip, {x_}, low, high);
  }

  Graph& graph_;
  Node& node_;
  Builder build_;
  Value* x_;
  Value* y_;
};

}  // namespace

Result<bool> canonicalise(Graph& graph) {
  bool changed = false;
  for (;;) {
    TEGULA_ASSIGN_OR_RETURN(const bool again,
                            rewrite_nodes(graph, [&](Node& node) { return Rewriter(graph, node).run(); }));
    if (!again) return changed;
    changed = true;
  }
}

}  // namespace tegula::compiler
