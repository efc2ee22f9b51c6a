#include "compiler/passes/fold_quantization.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "compiler/ops/quantized_product.h"
#include "compiler/passes/gemm_like.h"
#include "compiler/passes/quantization.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

constexpr const char* kRule = "the model's quantization";

/// One product on its way to an integer one.
class ProductFolder {
 public:
  /// `quantize` is the only reader of the product's result, or nullptr.
  ProductFolder(Graph& graph, Node& node, Node* quantize)
      : graph_(graph),
        node_(node),
        build_(graph, node.origins, &node),
        is_conv_(is_op(&node, "conv")),
        quantize_(quantize) {
    if (quantize_ == nullptr) return;
    if (const auto link = as_quantize(quantize_->output())) {
      result_scales_ = {link->quantization.scale};
      result_zero_point_ = link->quantization.zero_point;
    } else {
      const auto by_channel = as_channel_quantize(quantize_->output());
      result_scales_ = by_channel->scales;
      result_zero_point_ = by_channel->zero_point;
    }
  }

  Result<bool> run() {
    if (!find_source() && !find_dynamic_source()) return refused("");
    if (!find_weights()) return false;
    TEGULA_RETURN_IF_ERROR(take_source());
    take_bias();
    drop_absorbed_clips();
    // Scales by channel are multipliers or nothing: behind post-ops there is one scale.
    if (result_scales_.size() > 1 && !is_divided()) quantize_ = nullptr;
    const auto bias = weights_.folded_bias(bias_, is_dynamic() ? 0 : source_quantization_.zero_point);
    if (!bias || (is_dynamic() && !weights_.folded_bias(bias_, 255)))
      return refused("its sums could leave the range of s32");
    return emit(*bias);
  }

  /// Whether run() has rounded a bias that the model gives as real numbers.
  bool has_rounded_bias() const { return has_rounded_bias_; }

 private:
  bool is_dynamic() const { return scale_value_ != nullptr; }

  /// Notes why the product computes in fp32, for products that the model quantizes at least in part.
  bool refused(std::string_view reason) {
    if (!reason.empty() && !node_.rule.starts_with("fp32: ")) node_.rule = concat("fp32: ", reason);
    return false;
  }

  bool find_source() {
    const auto link = as_dequantize(node_.input(0));
    if (!link || (link->source->dtype != DType::kU8 && link->source->dtype != DType::kS8)) return false;
    source_ = link->source;
    source_quantization_ = link->quantization;
    return true;
  }

  bool find_dynamic_source() {
    const auto link = as_dynamic_dequantize(node_.input(0));
    if (!link || link->source->dtype != DType::kU8) return false;
    const Shape parts = is_conv_ ? source_images(link->source->shape) : source_rows(link->source->shape);
    if (!link->is_per_tensor() && (link->scale->shape != parts || link->zero_point->shape != parts)) return false;
    source_ = link->source;
    scale_value_ = link->scale;
    zero_point_value_ = link->zero_point;
    return true;
  }

  /// The shape of scale and zero point of a source with several: those of its rows, or of its images.
  Shape parts_of_source() const { return is_conv_ ? source_images(source_->shape) : source_rows(source_->shape); }

  /// An operand that the integer product reads: one number, or one for each part of the source.
  Result<Value*> source_operand(Value* value) {
    return value->shape == parts_of_source() ? value : build_.reshape(value, {});
  }

  /// The zero point of the source in s32, by the node that computes it where there is one.
  Result<Value*> wide_zero_point() {
    if (zero_point_value_->dtype == DType::kS32) return zero_point_value_;
    Node* const producer = zero_point_value_->producer;
    if (is_function(producer, Function::k_cast) && producer->input(0)->dtype == DType::kS32) return producer->input(0);
    if (!is_op(producer, "dynamic_quantize") || zero_point_value_ != producer->output(2))
      return build_.cast(zero_point_value_, DType::kS32);
    Builder build(graph_, producer->origins, producer);
    Attributes attributes = producer->attributes;
    attributes.set("zero_point", DType::kS32);
    TEGULA_ASSIGN_OR_RETURN(Node* const wide,
                            build.node("dynamic_quantize", {producer->input(0)}, std::move(attributes)));
    TEGULA_ASSIGN_OR_RETURN(Value* const narrow, build.cast(wide->outputs[2], DType::kU8));
    wide->rule = producer->rule;
    if (source_ == producer->outputs[0]) source_ = wide->outputs[0];
    if (scale_value_ == producer->outputs[1]) scale_value_ = wide->outputs[1];
    replace_value(graph_, producer->outputs[0], wide->outputs[0]);
    replace_value(graph_, producer->outputs[1], wide->outputs[1]);
    replace_value(graph_, zero_point_value_, narrow);
    return wide->outputs[2];
  }

  bool find_weights() {
    const Value* const w = node_.input(1);
    const bool transposed = node_.attributes.flag("transpose_b");
    if (!is_conv_ && w->rank() != 2) return refused("its right operand is no constant matrix");
    if (node_.attributes.flag("transpose_a")) return refused("its left operand is transposed");
    const auto constant = as_dequantized_constant(w, is_conv_ || transposed ? 0 : 1);
    if (!constant)
      return refused(is_dequantized_constant(w) ? "its weights have scales along another axis than the channels"
                                                : "its weights are no quantized constant");
    if (constant->q->dtype() != DType::kS8 && constant->q->dtype() != DType::kU8)
      return refused(concat("its weights are ", name_of(constant->q->dtype())));
    const WeightChannels layout =
        is_conv_ ? channels_of_conv(*constant->q) : channels_of_matmul(*constant->q, transposed);
    weights_ = make_quantized_weights(*constant->q, layout, constant->zero_points);
    weight_scales_ = constant->scales;
    weight_name_ = w->name;
    return true;
  }

  /// s8 from outside of the graph comes in as u8.
  Status take_source() {
    if (source_->dtype == DType::kU8) return {};
    constexpr int32_t kShift = 128;
    const Quantization as_unsigned{source_quantization_.scale, source_quantization_.zero_point + kShift};
    TEGULA_ASSIGN_OR_RETURN(source_, add_quantize(build_, node_.input(0), as_unsigned, DType::kU8));
    source_quantization_ = as_unsigned;
    return {};
  }

  float weight_scale(std::size_t c) const { return weight_scales_[weight_scales_.size() == 1 ? 0 : c]; }
  /// What one step of a sum stands for; 0 where that is not known.
  double sum_scale(std::size_t c) const {
    return is_dynamic() ? 0 : static_cast<double>(source_quantization_.scale * weight_scale(c));
  }

  /// The bias in steps of the sums, when every one fits.
  std::optional<std::vector<int64_t>> in_sums(const std::vector<double>& real) const {
    constexpr double kLargest = 1 << 30;
    std::vector<int64_t> steps(weights_.sums.size());
    for (std::size_t c = 0; c < steps.size(); ++c) {
      const double step = std::nearbyint(real[real.size() == 1 ? 0 : c] / sum_scale(c));
      if (!(std::abs(step) <= kLargest)) return std::nullopt;
      steps[c] = static_cast<int64_t>(step);
    }
    return steps;
  }

  static std::vector<double> real_numbers(const DequantizedConstant& constant) {
    const std::vector<int64_t> q = constant.q->to_ints();
    std::vector<double> real(q.size());
    for (std::size_t i = 0; i < q.size(); ++i) {
      const double scale = static_cast<double>(constant.scales[constant.scales.size() == 1 ? 0 : i]);
      const int64_t zero_point = constant.zero_points[constant.zero_points.size() == 1 ? 0 : i];
      real[i] = scale * static_cast<double>(q[i] - zero_point);
    }
    return real;
  }

  /// The real numbers of the bias operand when they are known.
  std::optional<std::vector<double>> real_bias() const {
    const Value* const bias = node_.input(2);
    if (const auto constant = as_dequantized_constant(bias, 0)) return real_numbers(*constant);
    if (bias->is_constant() && bias->dtype == DType::kF32) return bias->literal->to_doubles();
    return std::nullopt;
  }

  /// Splits the bias into what the sums take and what is left to post-ops.
  void take_bias() {
    post_ops_ = node_.post_ops;
    const Value* const operand = node_.input(2);
    if (operand != nullptr) {
      const auto real = real_bias();
      const auto steps = real ? in_sums(*real) : std::nullopt;
      if (steps) {
        bias_ = *steps;
        has_rounded_bias_ = operand->is_constant();
      } else {
        post_ops_.insert(post_ops_.begin(), PostOp{.function = Function::k_add, .operand = node_.inputs[2]});
      }
      return;
    }
    if (post_ops_.empty() || post_ops_[0].function != Function::k_add) return;
    const auto added = per_channel(post_ops_[0].operand, node_.output()->shape, output_channel_axis(node_));
    const auto steps = added ? in_sums(std::vector<double>(added->begin(), added->end())) : std::nullopt;
    if (!steps) return;
    bias_ = *steps;
    has_rounded_bias_ = true;
    post_ops_.erase(post_ops_.begin());
  }

  /// A last relu or clip that saturation does as well.
  void drop_absorbed_clips() {
    while (quantize_ != nullptr && !post_ops_.empty()) {
      const PostOp& last = post_ops_.back();
      const auto bounds = clip_bounds(last.function, last.alpha, last.beta);
      if (!bounds || !std::ranges::all_of(result_scales_, [&](float scale) {
            return saturates_within(*bounds, {scale, result_zero_point_}, quantize_->output()->dtype);
          }))
        return;
      post_ops_.pop_back();
    }
  }

  /// The result's scale goes into the multipliers.
  bool is_divided() const { return quantize_ != nullptr && post_ops_.empty() && !is_dynamic(); }

  Value* multipliers() {
    const auto alpha = static_cast<float>(node_.attributes.number("alpha", 1));
    const std::size_t count =
        is_divided() ? std::max(weight_scales_.size(), result_scales_.size()) : weight_scales_.size();
    std::vector<float> factors;
    for (std::size_t c = 0; c < count; ++c) {
      float factor = is_dynamic() ? weight_scale(c) : source_quantization_.scale * weight_scale(c);
      if (alpha != 1) factor *= alpha;
      factors.push_back(is_divided() ? factor / result_scales_[result_scales_.size() == 1 ? 0 : c] : factor);
    }
    Dims dims;
    if (factors.size() > 1) dims.push_back(static_cast<int64_t>(factors.size()));
    return build_.constant(Literal::of<float>(dims, factors), concat(weight_name_, "_multipliers"));
  }

  Value* channel_constant(const std::vector<int32_t>& elements, const char* suffix) {
    return build_.constant(Literal::of<int32_t>({static_cast<int64_t>(elements.size())}, elements),
                           concat(weight_name_, suffix));
  }

  Result<bool> emit(const std::vector<int32_t>& bias) {
    Value* zero_point = nullptr;
    if (is_dynamic()) {
      TEGULA_ASSIGN_OR_RETURN(zero_point, wide_zero_point());
    }
    std::vector<Value*> operands(kQuantizedOperands);
    operands[kQuantizedSource] = source_;
    operands[kQuantizedWeights] = build_.constant(weights_.q, weight_name_);
    if (std::any_of(bias.begin(), bias.end(), [](int32_t b) { return b != 0; }))
      operands[kQuantizedBias] = channel_constant(bias, "_bias");
    operands[kQuantizedMultipliers] = multipliers();
    if (!weights_.zero_points.empty())
      operands[kWeightZeroPoints] = channel_constant(weights_.zero_points, "_zero_points");
    Attributes attributes = node_.attributes;
    attributes.erase("alpha");
    attributes.erase("transpose_a");
    if (!is_conv_ && !attributes.flag("transpose_b")) attributes.erase("transpose_b");
    if (is_dynamic()) {
      TEGULA_ASSIGN_OR_RETURN(operands[kSourceZeroPoint], source_operand(zero_point));
      TEGULA_ASSIGN_OR_RETURN(operands[kSourceScale], source_operand(scale_value_));
    } else if (source_quantization_.zero_point != 0) {
      attributes.set("src_zero_point", int64_t{source_quantization_.zero_point});
    }
    if (quantize_ != nullptr) {
      attributes.set("to", quantize_->output()->dtype);
      if (result_zero_point_ != 0) attributes.set("dst_zero_point", int64_t{result_zero_point_});
      if (!is_divided()) attributes.set("dst_scale_inverse", static_cast<double>(1 / result_scales_[0]));
    }
    while (operands.back() == nullptr) operands.pop_back();
    TEGULA_ASSIGN_OR_RETURN(Node* const product, build_.node(is_conv_ ? "quantized_conv" : "quantized_matmul",
                                                             std::move(operands), std::move(attributes)));
    for (const PostOp& post_op : post_ops_)
      graph_.add_post_op(product, with_quantized_operand(post_op, node_.output()->shape));
    product->rule = node_.rule.empty() ? kRule : node_.rule;
    Value* replaced = node_.output();
    if (quantize_ != nullptr) {
      add_origins(product->origins, quantize_->origins);
      replaced = quantize_->output();
    }
    replace_value(graph_, replaced, product->output());
    return true;
  }

  Graph& graph_;
  Node& node_;
  Builder build_;
  const bool is_conv_;
  Node* quantize_;
  std::vector<float> result_scales_;  // one, or one per channel
  int32_t result_zero_point_ = 0;
  Value* source_ = nullptr;
  Quantization source_quantization_;
  Value *scale_value_ = nullptr, *zero_point_value_ = nullptr;  // of a source quantized by its own range
  QuantizedWeights weights_;
  std::vector<float> weight_scales_;
  std::string weight_name_;
  std::vector<int64_t> bias_;
  std::vector<PostOp> post_ops_;
  bool has_rounded_bias_ = false;
};

bool is_product(const Node* node) {
  return is_op(node, "conv") || is_op(node, "matmul");
}

Node* result_quantizer_of(const Node& product) {
  Node* const quantize = quantizer_of(product);
  return quantize != nullptr || !is_op(&product, "matmul") ? quantize : channel_quantizer_of(product);
}

}  // namespace

Result<bool> fold_quantization(Graph& graph) {
  int64_t rounded = 0;
  // A product that is quantized goes at the node that quantizes it, the last of its pattern.
  TEGULA_ASSIGN_OR_RETURN(const bool changed, rewrite_nodes(graph, [&](Node& node) -> Result<bool> {
                            Node* product = &node;
                            Node* quantize = nullptr;
                            if (as_quantize(node.output()) || as_channel_quantize(node.output())) {
                              product = node.input(0)->producer;
                              quantize = &node;
                              if (!is_product(product) || result_quantizer_of(*product) != quantize) return false;
                            } else if (!is_product(product) || result_quantizer_of(*product) != nullptr) {
                              return false;
                            }
                            ProductFolder folder(graph, *product, quantize);
                            TEGULA_ASSIGN_OR_RETURN(const bool folded, folder.run());
                            rounded += folded && folder.has_rounded_bias();
                            return folded;
                          }));
  if (rounded > 0)
    graph.notes.push_back(concat(rounded, " biases given as real numbers were rounded to the scales of their sums"));
  return changed;
}

}  // namespace tegula::compiler
