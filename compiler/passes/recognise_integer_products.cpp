#include "compiler/passes/recognise_integer_products.h"

#include <algorithm>

#include "compiler/ops/quantized_product.h"
#include "compiler/ops/quantized_weights.h"
#include "compiler/passes/gemm_like.h"
#include "compiler/passes/match.h"
#include "compiler/passes/quantization.h"
#include "compiler/passes/relayout.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

bool is_integer_product(const Node& node) {
  const auto is_known = [&](std::size_t i) { return node.input(i) == nullptr || node.input(i)->is_constant(); };
  return node.attributes.dtype("to", DType::kF32) == DType::kS32 && !node.attributes.flag("channels_last") &&
         is_known(kQuantizedWeights) && is_known(kQuantizedBias) && is_known(kWeightZeroPoints);
}

/// acc * (s * s_w), however the three are multiplied. `s` is a single number; either of the scales may be missing.
std::vector<Pattern> patterns() {
  const auto function = [](Function f, Pattern a, Pattern b) { return call(f, {std::move(a), std::move(b)}); };
  std::vector<Pattern> list;
  for (const char* op : {"quantized_matmul", "quantized_conv"}) {
    const Pattern sums = call(Function::k_cast, {Pattern([op](Value* value, Match& match, const Pattern::Next& next) {
                                const Node* const node = value->producer;
                                if (!is_op(node, op) || !is_integer_product(*node)) return false;
                                return any("sums").run(value, match, next);
                              })});
    list.push_back(function(Function::k_mul, sums, function(Function::k_mul, any("s"), any("t"))));
    list.push_back(function(Function::k_mul, function(Function::k_mul, sums, any("s")), any("t")));
    list.push_back(function(Function::k_mul, sums, any("s")));
  }
  return list;
}

bool is_number(const Value* value) {
  return std::all_of(value->shape.begin(), value->shape.end(), [](const Dim& dim) { return dim.is(1); });
}

/// The u8 behind a zero point in s32.
Value* narrow_zero_point(Value* value) {
  while (is_op(value->producer, "reshape")) value = value->producer->input(0);
  if (!is_function(value->producer, Function::k_cast)) return nullptr;
  value = value->producer->input(0);
  while (is_op(value->producer, "reshape")) value = value->producer->input(0);
  return value->dtype == DType::kU8 && is_number(value) ? value : nullptr;
}

/// One integer product with its scales.
class Raiser {
 public:
  Raiser(Graph& graph, Node& root, const Match& match)
      : graph_(graph),
        root_(root),
        sums_(*match.value("sums")->producer),
        is_conv_(is_op(&sums_, "quantized_conv")),
        build_(graph, origins_of(match, sums_), &root) {}

  Result<bool> run(Value* s, Value* t) {
    if (t == nullptr && !is_number(s)) {  // both scales in one constant
      t = s;
      s = build_.constant(Literal::scalar(1.0f), "one");
    }
    if (!find_scales(s, t) && !find_scales(t, s)) return false;
    TEGULA_ASSIGN_OR_RETURN(Value* const source, real_source());
    if (source == nullptr) return false;
    TEGULA_ASSIGN_OR_RETURN(Value* const weights, real_weights());
    Attributes attributes = sums_.attributes;
    attributes.erase("to");
    attributes.erase("src_zero_point");
    TEGULA_ASSIGN_OR_RETURN(Value* const y,
                            build_.add(is_conv_ ? "conv" : "matmul", {source, weights}, std::move(attributes)));
    if (y->shape != root_.output()->shape) return false;
    replace_value(graph_, root_.output(), y);
    return true;
  }

 private:
  static std::vector<std::string> origins_of(const Match& match, const Node& sums) {
    std::vector<std::string> origins = sums.origins;
    for (const Node* node : match.nodes()) add_origins(origins, node->origins);
    return origins;
  }

  /// `s` of the source, `t` (or nullptr: 1) of the weights.
  bool find_scales(Value* s, Value* t) {
    if (s == nullptr || !is_number(s) || s->dtype != DType::kF32) return false;
    if (t != nullptr) {
      const auto known = per_channel(t, sums_.output()->shape, is_conv_ ? 1 : sums_.output()->rank() - 1);
      if (!known) return false;
      weight_scales_ = *known;
    }
    source_scale_ = s;
    return true;
  }

  /// nullptr when its zero point is no u8.
  Result<Value*> real_source() {
    Value* const q = sums_.input(kQuantizedSource);
    Value* zero_point = sums_.input(kSourceZeroPoint);
    if (!has_plain_bias()) return nullptr;
    if (zero_point != nullptr) {
      zero_point = narrow_zero_point(zero_point);
    } else {
      zero_point = build_.constant(
          Literal::scalar<uint8_t>(static_cast<uint8_t>(sums_.attributes.integer("src_zero_point"))), "zero_point");
    }
    if (zero_point == nullptr) return nullptr;
    if (zero_point->is_constant() && source_scale_->is_constant())
      return add_dequantize(
          build_, q,
          {.scale = source_scale_->literal->at<float>(0), .zero_point = zero_point->literal->at<uint8_t>(0)});
    TEGULA_ASSIGN_OR_RETURN(Value* const s, make_reshape(build_, source_scale_, {}));
    TEGULA_ASSIGN_OR_RETURN(Value* const z, make_reshape(build_, zero_point, {}));
    return build_.function(Function::k_dequantize_by, {q, s, z});
  }

  /// Whether the bias is what a static zero point of the source makes it, and nothing else.
  bool has_plain_bias() const {
    const Literal& w = *sums_.input(kQuantizedWeights)->literal;
    const Value* const z = sums_.input(kWeightZeroPoints);
    const auto zero_points = z != nullptr ? z->literal->to_ints() : std::vector<int64_t>{0};
    const WeightChannels layout =
        is_conv_ ? channels_of_conv(w) : channels_of_matmul(w, sums_.attributes.flag("transpose_b"));
    const int64_t z_x = sums_.input(kSourceZeroPoint) != nullptr ? 0 : sums_.attributes.integer("src_zero_point");
    const auto plain = make_quantized_weights(w, layout, zero_points).folded_bias({}, z_x);
    if (!plain) return false;
    const Value* const bias = sums_.input(kQuantizedBias);
    std::vector<int64_t> own(plain->size(), 0);
    if (bias != nullptr) own = bias->literal->to_ints();
    return std::equal(own.begin(), own.end(), plain->begin(), plain->end());
  }

  Result<Value*> real_weights() {
    Value* const w = sums_.input(kQuantizedWeights);
    const auto channels =
        static_cast<std::size_t>(sums_.output()->shape[is_conv_ ? 1 : sums_.output()->rank() - 1].value());
    std::vector<float> scales = weight_scales_;
    std::vector<int8_t> zero_points;
    if (const Value* const z = sums_.input(kWeightZeroPoints))
      for (const int64_t zero_point : z->literal->to_ints()) zero_points.push_back(static_cast<int8_t>(zero_point));
    scales.resize(channels, 1.0f);
    zero_points.resize(channels, 0);
    Dims dims(is_conv_ ? static_cast<std::size_t>(w->rank()) : 1, 1);
    dims[0] = static_cast<int64_t>(channels);
    Value* const s = build_.constant(Literal::of<float>(dims, scales), concat(w->name, "_scales"));
    Value* const z = build_.constant(Literal::of<int8_t>(dims, zero_points), concat(w->name, "_zero_points"));
    return build_.function(Function::k_dequantize_by, {w, s, z});
  }

  Graph& graph_;
  Node& root_;
  const Node& sums_;
  const bool is_conv_;
  Builder build_;
  Value* source_scale_ = nullptr;
  std::vector<float> weight_scales_;
};

/// Whether the node is multiplied by another scale: the pattern ends there.
bool is_scaled_again(const Node& node) {
  const Node* const user = only_user(node.output());
  if (!is_function(user, Function::k_mul)) return false;
  const Value* const other = user->input(user->input(0) == node.output() ? 1 : 0);
  return other != node.output() && (other->is_constant() || is_number(other));
}

Result<bool> rewrite(Graph& graph, Node& node) {
  static const std::vector<Pattern> kPatterns = patterns();
  if (!is_function(&node, Function::k_mul)) return false;
  for (const Pattern& pattern : kPatterns) {
    const auto match = pattern.match(node.output());
    if (!match) continue;
    // The scales may be read by others, too.
    const Value* const sums = match->value("sums");
    const Node* const cast = only_user(sums);
    if (cast == nullptr || !is_read_once(cast->output())) return false;
    if (!match->has("t") && is_scaled_again(node)) return false;
    return Raiser(graph, node, *match).run(match->value("s"), match->has("t") ? match->value("t") : nullptr);
  }
  return false;
}

}  // namespace

Result<bool> recognise_integer_products(Graph& graph) {
  return rewrite_nodes(graph, [&](Node& node) { return rewrite(graph, node); });
}

}  // namespace tegula::compiler
