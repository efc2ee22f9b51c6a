#include "compiler/quantize/quantizer.h"

#include <algorithm>
#include <array>
#include <map>
#include <unordered_map>

#include "compiler/ops/op_def.h"
#include "compiler/ops/quantized_product.h"
#include "compiler/passes/gemm_like.h"
#include "compiler/passes/quantization.h"
#include "compiler/passes/rewrite.h"
#include "compiler/quantize/balance_channels.h"
#include "compiler/quantize/check_collectors.h"
#include "compiler/quantize/embedding_tables.h"
#include "compiler/quantize/integer_attention.h"
#include "compiler/quantize/operator_types.h"
#include "compiler/quantize/quantization_parameters.h"
#include "compiler/quantize/scale_groups.h"
#include "compiler/quantize/tensor_rule.h"

namespace tegula::compiler {
namespace {

constexpr int kLargestWeight = 127, kLargestReducedWeight = 64;

bool is_real(const Value* value) {
  return value != nullptr && value->dtype == DType::kF32 && !value->is_constant();
}

/// A mean over neighbouring dimensions or an average pool: what quantize_averages makes integer.
bool is_average(const Node* node) {
  return (is_op(node, "reduce") && node->attributes.text("kind") == "mean") ||
         (is_op(node, "pool") && node->attributes.text("kind") == "average");
}

/// A sum or product of two tensors of the result's shape.
bool is_pairwise(const Node* node) {
  if (!is_function(node, Function::k_add) && !is_function(node, Function::k_mul)) return false;
  return std::all_of(node->inputs.begin(), node->inputs.end(),
                     [&](const Value* input) { return is_real(input) && input->shape == node->output()->shape; });
}

/// What the value is made of by bounds that quantizing it takes over.
const Value* behind_clips(const Value* value) {
  while ((is_function(value->producer, Function::k_clip) || is_function(value->producer, Function::k_relu)) &&
         is_read_once(value->producer->input(0)))
    value = value->producer->input(0);
  return value;
}

class Quantizer {
 public:
  Quantizer(Graph& graph, const Profile* profile, const QuantizationOptions& options)
      : graph_(graph), profile_(profile), options_(options), groups_(graph) {}

  Result<bool> run() {
    TEGULA_ASSIGN_OR_RETURN(auto choices, choose_products(graph_, options_));
    TEGULA_ASSIGN_OR_RETURN(tensor_rules_, TensorRules::match(graph_, groups_, options_.tensors));
    for (auto& [node, choice] : choices) {
      if (is_embedding(*node)) {
        embeddings_.emplace_back(node, choice);
        continue;
      }
      if (is_op(node, "attention")) {
        TEGULA_RETURN_IF_ERROR(choose_attention(*node, choice));
        continue;
      }
      if (is_quantized_by_model(*node)) continue;
      TEGULA_ASSIGN_OR_RETURN(const std::string refusal, refusal_of(*node, choice));
      if (!refusal.empty()) {
        node->rule = concat("fp32: ", refusal);
        continue;
      }
      node->rule = concat("int8 ", to_string(choice.approach), ", ", choice.reason);
      if (choice.approach == Approach::kStatic) {
        if (const TensorRule* rule = tensor_rules_.of(groups_, node->input(0)))
          node->rule += concat(", its input by the rule for ", rule->description());
        want_operands(*node, choice);
      }
      products_.emplace_back(node, std::move(choice));
    }
    for (auto& [node, choice] : products_) TEGULA_RETURN_IF_ERROR(quantize_product(*node, choice));
    TEGULA_RETURN_IF_ERROR(quantize_activations());
    for (const auto& [node, quantizations] : attentions_)
      TEGULA_RETURN_IF_ERROR(make_integer_attention(graph_, *node, quantizations));
    TEGULA_ASSIGN_OR_RETURN(const bool has_tables, quantize_embeddings());
    for (const auto& node : graph_.nodes()) say_why(*node);
    graph_.remove_dead();
    return !products_.empty() || !attentions_.empty() || has_tables;
  }

 private:
  static bool is_quantized_by_model(const Node& node) {
    return as_dequantize(node.input(0)) || as_dynamic_dequantize(node.input(0)) ||
           is_dequantized_constant(node.input(1));
  }

  WeightChannels channels_of(const Node& node) const {
    const Literal& weights = *node.input(1)->literal;
    return is_op(&node, "conv") ? channels_of_conv(weights)
                                : channels_of_matmul(weights, node.attributes.flag("transpose_b"));
  }

  /// nullopt when one is not finite.
  std::optional<SymmetricWeights> quantized_weights(const Node& node, const ProductChoice& choice) const {
    return quantize_weights(*node.input(1)->literal, channels_of(node), choice.per_channel_weights,
                            options_.reduce_range ? kLargestReducedWeight : kLargestWeight, choice.weight_algorithm);
  }

  /// Why the product has to stay fp32; empty when it need not.
  Result<std::string> refusal_of(const Node& node, const ProductChoice& choice) {
    if (!choice.quantized) return choice.reason;
    if (!is_real(node.input(0))) return std::string("its left operand is no fp32 tensor");
    if (!has_constant_weights(node) || (is_op(&node, "matmul") && node.input(1)->rank() != 2))
      return std::string("its right operand is no constant matrix");
    if (node.attributes.flag("transpose_a")) return std::string("its left operand is transposed");
    const auto weights = quantized_weights(node, choice);
    if (!weights) return std::string("a weight is not finite");
    if (choice.approach == Approach::kWeightOnly) return std::string();
    const int64_t zero_point[] = {0};
    if (!make_quantized_weights(weights->q, channels_of(node), zero_point).folded_bias({}, 255))
      return std::string("its sums could leave the range of s32");
    if (choice.approach == Approach::kDynamic) return std::string();
    if (profile_ == nullptr)
      return Error{
          ErrorCode::kInvalidArgument,
          concat("node '", name_of(node), "' is to be quantized statically, and no calibration profile is given")};
    const auto range = range_of_group(node.input(0), choice);
    return range.ok() ? std::string() : range.error().message;
  }

  /// Tables are weights: whatever happens to activations, their rows are s8 in the file and real behind it.
  Result<bool> quantize_embeddings() {
    EmbeddingTables tables(graph_);
    bool any = false;
    for (auto& [node, choice] : embeddings_) {
      std::string refusal = choice.quantized ? std::string() : choice.reason;
      node->rule = concat("int8 weight_only, ", choice.reason);
      if (refusal.empty()) {
        TEGULA_ASSIGN_OR_RETURN(refusal, tables.quantize(*node, choice));
      }
      any |= refusal.empty();
      if (!refusal.empty()) node->rule = concat("fp32: ", refusal);
    }
    return any;
  }

  /// The products of an attention are of activations: by ranges of q, k and v, which are symmetric, or not at all.
  Status choose_attention(Node& node, const ProductChoice& choice) {
    const auto real = [&](std::string_view reason) {
      node.rule = concat("fp32: ", reason);
      return Status();
    };
    if (!choice.quantized) return real(choice.reason);
    if (choice.approach != Approach::kStatic)
      return real("its products are of activations, which only ranges of calibration quantize");
    ProductChoice symmetric = choice;
    symmetric.symmetric_activation = true;
    std::array<Quantization, 3> quantizations;
    for (std::size_t i = 0; i < quantizations.size(); ++i) {
      const Value* const operand = node.input(i);
      if (!is_real(operand)) return real("an operand is no fp32 tensor");
      const TensorProfile* const seen = profile_ == nullptr ? nullptr : profile_of(operand);
      if (seen == nullptr) return real(concat("calibration has not seen tensor '", operand->name, "'"));
      auto range = choose_range(*seen, range_options(operand, symmetric));
      if (const TensorRule* rule = tensor_rules_.of(groups_, operand); rule != nullptr && rule->range)
        range = *rule->range;
      if (!range.ok()) return real(concat("tensor '", operand->name, "': ", range.error().message));
      quantizations[i] = quantization_of(*range, true);
    }
    node.rule = concat("int8 static, ", choice.reason);
    attentions_.emplace_back(&node, quantizations);
    return {};
  }

  /// What calibration has seen of a value; of a reshape, that of its source.
  const TensorProfile* profile_of(const Value* value) const {
    for (;;) {
      const auto found = profile_->tensors.find(value->name);
      if (found != profile_->tensors.end()) return &found->second;
      if (!is_op(value->producer, "reshape")) return nullptr;
      value = value->producer->input(0);
    }
  }

  /// How the range of `value` follows: as the product says, but for what a rule of the tensor says.
  RangeOptions range_options(const Value* value, const ProductChoice& choice) const {
    RangeOptions how = choice.activation;
    how.symmetric = choice.symmetric_activation;
    how.levels = choice.symmetric_activation ? 254 : 255;
    if (const TensorRule* rule = tensor_rules_.of(groups_, value)) {
      how.algorithm = rule->algorithm.value_or(how.algorithm);
      how.percentile = rule->percentile.value_or(how.percentile);
      how.collector = rule->collector.value_or(how.collector);
    }
    return how;
  }

  /// The range that all values of the group of `value` fit in, or that a rule gives it.
  Result<Range> range_of_group(const Value* value, const ProductChoice& choice) const {
    const TensorRule* const rule = tensor_rules_.of(groups_, value);
    if (rule != nullptr && rule->range) return *rule->range;
    const RangeOptions how = range_options(value, choice);
    std::optional<Range> range;
    for (const Value* member : groups_.group_of(value)) {
      const TensorProfile* const seen = profile_of(member);
      if (seen == nullptr) continue;
      auto chosen = choose_range(*seen, how);
      if (!chosen.ok())
        return Error{chosen.error().code, concat("tensor '", member->name, "': ", chosen.error().message)};
      range = range ? Range{std::min(range->low, chosen->low), std::max(range->high, chosen->high)} : *chosen;
    }
    if (!range)
      return Error{ErrorCode::kInvalidArgument, concat("calibration has not seen tensor '", value->name, "'")};
    return *range;
  }

  /// What a product reads: its source, and the other branch of a residual sum in a convolutional network, which is as
  /// large as the result. In a transformer that branch is a stream whose outliers have to stay.
  void want_operands(const Node& node, const ProductChoice& choice) {
    want(node.input(0), choice);
    if (!is_op(&node, "conv")) return;
    for (const PostOp& post_op : node.post_ops)
      if (is_real(post_op.operand) && post_op.operand->shape == node.output()->shape) want(post_op.operand, choice);
  }

  /// The value becomes a quantized one, with all that follows from it, when its range is known.
  void want(const Value* value, const ProductChoice& choice) {
    const std::vector<Value*>& group = groups_.group_of(value);
    const auto range = range_of_group(value, choice);
    if (!range.ok() ||
        !quantizations_.emplace(group.front(), quantization_of(*range, choice.symmetric_activation)).second)
      return;
    wanted_.push_back(&group);
    for (const Value* member : group) {
      const Node* const average = behind_clips(member)->producer;
      if (is_average(average) && is_real(average->input(0))) want(average->input(0), choice);
      const Node* const producer = member->producer;
      if (!is_pairwise(producer)) continue;
      const bool known = std::all_of(producer->inputs.begin(), producer->inputs.end(),
                                     [&](const Value* input) { return range_of_group(input, choice).ok(); });
      if (!known) continue;
      for (const Value* input : producer->inputs) want(input, choice);
    }
  }

  /// Weights, bias and the activations that the approach quantizes for this product alone.
  Status quantize_product(Node& node, const ProductChoice& choice) {
    const Literal real = *node.input(1)->literal;
    const WeightChannels layout = channels_of(node);
    const SymmetricWeights weights = *quantized_weights(node, choice);
    if (options_.correct_bias) correct_bias(node, real, layout, weights);

    Builder build(graph_, node.origins, &node);
    Value* const q = build.constant(weights.q, concat(node.input(1)->name, "_quantized"));
    Value* dequantized = nullptr;
    if (weights.scales.size() == 1) {
      TEGULA_ASSIGN_OR_RETURN(dequantized, add_dequantize(build, q, {.scale = weights.scales[0], .zero_point = 0}));
    } else {
      // Scales along the output channels of weights [oc, ...], [n, k] or [k, n].
      const auto rank = weights.q.dims().size();
      const bool first = is_op(&node, "conv") || node.attributes.flag("transpose_b");
      Dims dims(first ? rank : 1, 1);
      dims[0] = layout.channels;
      Value* const scales = build.constant(Literal::of<float>(dims, weights.scales), concat(q->name, "_scales"));
      Value* const zeros = build.constant(Literal::of<int8_t>(dims, std::vector<int8_t>(weights.scales.size(), 0)),
                                          concat(q->name, "_zero_points"));
      TEGULA_ASSIGN_OR_RETURN(dequantized, build.function(Function::k_dequantize_by, {q, scales, zeros}));
    }
    graph_.set_input(&node, 1, dequantized);
    if (choice.approach == Approach::kWeightOnly) node.attributes.set("weight_only", int64_t{1});
    if (choice.approach == Approach::kDynamic) {
      TEGULA_ASSIGN_OR_RETURN(Value* const x, dynamic(build, node.input(0), range_of(node, choice)));
      graph_.set_input(&node, 0, x);
    }
    return {};
  }

  /// The attribute of dynamic_quantize that says which parts of the source have a range of their own; empty: there is
  /// one part.
  static std::string_view range_of(const Node& node, const ProductChoice& choice) {
    if (!choice.per_row_activation) return "";
    const Shape& shape = node.input(0)->shape;
    const bool is_conv = is_op(&node, "conv");
    const Shape parts = is_conv ? source_images(shape) : source_rows(shape);
    if (std::all_of(parts.begin(), parts.end(), [](const Dim& dim) { return dim.is(1); })) return "";
    return is_conv ? "per_image" : "per_row";
  }

  /// x quantized by the ranges of each run, and back; once for all products that read it so.
  Result<Value*> dynamic(Builder& build, Value* x, std::string_view range_of) {
    Value*& known = dynamic_[{x, range_of}];
    if (known != nullptr) return known;
    Attributes attributes{{"to", DType::kU8}};
    if (!range_of.empty()) attributes.set(std::string(range_of), int64_t{1});
    TEGULA_ASSIGN_OR_RETURN(Node* const q, build.node("dynamic_quantize", {x}, std::move(attributes)));
    TEGULA_ASSIGN_OR_RETURN(known,
                            build.function(Function::k_dequantize_by, {q->outputs[0], q->outputs[1], q->outputs[2]}));
    return known;
  }

  /// Takes out of the bias what the rounding of the weights adds to each output channel where each input channel has
  /// its mean: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction"
  /// (arXiv:1906.04721), 4.2, with means that calibration has seen.
  void correct_bias(Node& node, const Literal& real, WeightChannels layout, const SymmetricWeights& weights) {
    if (profile_ == nullptr) return;
    const TensorProfile* const seen = profile_of(node.input(0));
    const Dim& depth = node.input(0)->shape[static_cast<std::size_t>(input_channel_axis(node))];
    if (seen == nullptr || input_channel_axis(node) != node.input(0)->rank() - 1 || !depth.is_constant() ||
        static_cast<int64_t>(seen->channels.size()) != depth.value() || seen->channels.count == 0)
      return;
    std::vector<float> means;
    for (const double sum : seen->channels.sum)
      means.push_back(static_cast<float>(sum / static_cast<double>(seen->channels.count)));
    const Literal error = Literal::make(DType::kF32, real.dims(), [&](const kernels::TensorView& view) {
      for (int64_t i = 0; i < real.count(); ++i) {
        const float scale = weights.scales[weights.scales.size() == 1 ? 0 : layout.of(i)];
        view.as<float>()[i] = scale * static_cast<float>(weights.q.at<int8_t>(i)) - real.at<float>(i);
      }
    });
    const std::vector<double> shift = shift_of_outputs(node, error, means);
    std::vector<double> bias = bias_of(node, static_cast<int64_t>(shift.size()));
    for (std::size_t c = 0; c < bias.size(); ++c) bias[c] -= shift[c];
    set_bias(graph_, node, bias);
  }

  Status quantize_activations() {
    for (const std::vector<Value*>* group : wanted_) {
      const Quantization& quantization = quantizations_.at(group->front());
      for (Value* value : *group) TEGULA_RETURN_IF_ERROR(quantize_value(value, quantization));
    }
    return {};
  }

  /// Every reader of the value reads its quantized self; outputs of the graph stay real.
  Status quantize_value(Value* value, const Quantization& quantization) {
    if (value->users.empty()) return {};
    Node* const behind = value->producer != nullptr ? graph_.next(value->producer) : graph_.nodes().front().get();
    const Node& named = value->producer != nullptr ? *value->producer : *value->users.front();
    Builder build(graph_, named.origins, behind);
    const auto outputs = graph_.outputs();
    TEGULA_ASSIGN_OR_RETURN(Value* const q, add_quantize(build, value, quantization, DType::kU8));
    TEGULA_ASSIGN_OR_RETURN(Value* const real, add_dequantize(build, q, quantization));
    graph_.replace_all_uses(value, real);
    graph_.set_input(q->producer, 0, value);
    if (real->is_output) graph_.set_outputs(outputs);
    return {};
  }

  /// The reasons of nodes that are no products: with quantized neighbours, or real in a program whose products are not.
  static void say_why(Node& node) {
    if (!node.rule.empty()) return;
    if (is_average(&node) && as_dequantize(node.input(0))) {
      node.rule = "int8 static, as what it reads";
      return;
    }
    if (!is_real(node.output()) || is_placing(node) || node.op == &eltwise_op || is_average(&node)) return;
    node.rule = concat("fp32: ", operator_types(node).front(), " has no integer form");
  }

  Graph& graph_;
  const Profile* const profile_;
  const QuantizationOptions& options_;
  const ScaleGroups groups_;
  TensorRules tensor_rules_;
  std::vector<std::pair<Node*, ProductChoice>> products_;
  std::vector<std::pair<Node*, std::array<Quantization, 3>>> attentions_;
  std::vector<std::pair<Node*, ProductChoice>> embeddings_;
  std::unordered_map<const Value*, Quantization> quantizations_;  // by the first value of the group
  std::vector<const std::vector<Value*>*> wanted_;
  std::map<std::pair<const Value*, std::string_view>, Value*> dynamic_;
};

}  // namespace

Result<bool> quantize(Graph& graph, const Profile* profile, const QuantizationOptions& options) {
  TEGULA_RETURN_IF_ERROR(check_collectors(options, profile));
  if (!options.smooth) return Quantizer(graph, profile, options).run();
  if (profile == nullptr)
    return Error{ErrorCode::kInvalidArgument, "channels are balanced by a calibration profile, and none is given"};
  TEGULA_ASSIGN_OR_RETURN(const Balanced balanced, balance_channels(graph, *profile, options));
  TEGULA_ASSIGN_OR_RETURN(const bool changed, Quantizer(graph, &balanced.profile, options).run());
  for (const auto& node : graph.nodes())
    if (const auto note = balanced.notes.find(node.get()); note != balanced.notes.end())
      node->rule += concat(node->rule.empty() ? "" : ", ", note->second);
  return changed || balanced.changed;
}

}  // namespace tegula::compiler
