#include "compiler/quantize/balance_channels.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <set>
#include <unordered_set>

#include "compiler/ops/op_def.h"
#include "compiler/passes/gemm_like.h"
#include "compiler/passes/rewrite.h"
#include "compiler/quantize/channel_factors.h"
#include "compiler/quantize/operator_types.h"
#include "compiler/quantize/scale_groups.h"
#include "compiler/quantize/tensor_rule.h"
#include "schema/base/check.h"

namespace tegula::compiler {
namespace {

/// Values of each channel that calibration has to have seen. A new one passes the extremes of n with a chance of
/// 2 / (n + 1), and where channels are even that is the share of all values that are cut off.
constexpr int64_t kFewestValues = 1000;

/// Of the expected error, what a multiplication may leave: it is work of each run, of some thousandths of the products'
/// own.
constexpr double kWorthAStep = .9;

/// f(s x) = s f(x) for s > 0: a factor of a channel goes through.
bool is_homogeneous(Function function) {
  return function == Function::k_relu || function == Function::k_leaky_relu || function == Function::k_identity;
}

/// A reshape that leaves channels where they are, in the last dimension.
bool keeps_channels(const Node* node) {
  return is_op(node, "reshape") && node->input(0)->rank() > 0 && node->output()->rank() > 0 &&
         node->input(0)->shape.back().is_constant() && node->input(0)->shape.back() == node->output()->shape.back();
}

/// What a product reads, seen through reshapes that keep the channels.
Value* source_of(const Node& product) {
  Value* value = product.input(0);
  while (keeps_channels(value->producer)) value = value->producer->input(0);
  return value;
}

bool is_f32_constant(const Value* value) {
  return value != nullptr && value->is_constant() && value->dtype == DType::kF32;
}

/// Adds the products that read the value, or says why they are not all that reads it.
std::string find_readers(const Value* value, std::vector<Node*>& readers) {
  if (value->is_output) return "it is an output of the model";
  for (Node* user : value->users) {
    if (keeps_channels(user)) {
      if (std::string reason = find_readers(user->output(), readers); !reason.empty()) return reason;
      continue;
    }
    const auto times = std::count(user->inputs.begin(), user->inputs.end(), value) +
                       std::count_if(user->post_ops.begin(), user->post_ops.end(),
                                     [&](const PostOp& post_op) { return post_op.operand == value; });
    const bool is_product = (is_op(user, "conv") || is_op(user, "matmul")) && user->input(0) == value && times == 1 &&
                            has_constant_weights(*user) && input_channel_axis(*user) == value->rank() - 1;
    if (!is_product) return concat(operator_types(*user).front(), " '", name_of(*user), "' reads it, too");
    if (is_op(user, "matmul") && user->input(1)->rank() != 2) return "its weights are no matrix";
    if (std::find(readers.begin(), readers.end(), user) == readers.end()) readers.push_back(user);
  }
  return "";
}

/// Adds the nodes that a value's factors go into, the one that takes them last, or says why none takes them.
std::string find_producers(const Value* value, std::vector<Node*>& producers) {
  Node* const node = value->producer;
  if (node == nullptr) return "it is an input of the model";
  producers.push_back(node);
  const auto through = [&]() -> std::string {
    const Value* const before = node->input(0);
    if (!is_read_once(before) || before->is_output) return concat("more than one operation reads '", before->name, "'");
    return find_producers(before, producers);
  };
  if (is_op(node, "layer_norm")) {
    for (const std::size_t i : {1, 2})
      if (node->input(i) != nullptr && !is_f32_constant(node->input(i)))
        return "the scale and bias of its normalization are no constants";
    return "";
  }
  if (is_op(node, "conv") || is_op(node, "matmul")) {
    if (!has_constant_weights(*node) || output_channel_axis(*node) != value->rank() - 1 ||
        (is_op(node, "matmul") && node->input(1)->rank() != 2))
      return "the product before it has no constant weights by output channel";
    for (const PostOp& post_op : node->post_ops)
      if (!is_homogeneous(post_op.function))
        return concat(operator_types(post_op.function).front(), " stands between it and the product before");
    return "";
  }
  if (keeps_channels(node)) return through();
  const FunctionInstruction* const function = single_function(*node);
  if (function == nullptr) return concat(operator_types(*node).front(), " makes it");
  if (is_homogeneous(function->function)) return through();
  const bool is_mul = function->function == Function::k_mul, is_add = function->function == Function::k_add;
  if (!is_mul && !is_add) return concat(operator_types(*node).front(), " makes it");
  if (node->input(0)->shape != value->shape || !per_channel(node->input(1), value->shape, value->rank() - 1))
    return concat(operator_types(*node).front(), " makes it, of no constant by channel");
  return is_mul ? "" : through();
}

/// Elements, whose last dimension is the channels (or which are one for all), divided by the channels' factors.
Literal divided(const Literal* literal, const Dims& dims, std::span<const double> factors) {
  return Literal::make(DType::kF32, dims, [&](const kernels::TensorView& view) {
    for (int64_t i = 0; i < element_count(dims); ++i) {
      const double element = literal == nullptr ? 1 : literal->at<float>(literal->count() == 1 ? 0 : i);
      view.as<float>()[i] = static_cast<float>(element / factors[static_cast<std::size_t>(i) % factors.size()]);
    }
  });
}

bool is_finite(const Literal& literal) {
  for (int64_t i = 0; i < literal.count(); ++i)
    if (!std::isfinite(literal.at<float>(i))) return false;
  return true;
}

SharedWeights weights_of(const std::vector<Node*>& products) {
  SharedWeights shared;
  for (const Node* product : products) {
    const Literal& literal = *product->input(1)->literal;
    int64_t outputs = 0;
    for_each_weight(*product, [&](int64_t i, int64_t in, int64_t out) {
      shared.weights.push_back({.input = static_cast<int32_t>(in),
                                .output = static_cast<int32_t>(shared.outputs + out),
                                .value = literal.at<float>(i)});
      outputs = std::max(outputs, out + 1);
    });
    shared.outputs += outputs;
  }
  return shared;
}

std::string two_digits(double number) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f", number);
  return text.data();
}

class Balancer {
 public:
  Balancer(Graph& graph, const Profile& profile, const QuantizationOptions& options)
      : graph_(graph), options_(options), groups_(graph) {
    result_.profile = profile;
  }

  Result<Balanced> run() {
    TEGULA_ASSIGN_OR_RETURN(const auto choices, choose_products(graph_, options_));
    TEGULA_ASSIGN_OR_RETURN(tensor_rules_, TensorRules::match(graph_, groups_, options_.tensors));
    std::vector<std::pair<Value*, std::vector<Node*>>> sources;  // in the graph's order
    for (const auto& [node, choice] : choices) {
      if (!takes_integers(*node, choice)) continue;
      Value* const source = source_of(*node);
      const auto known = std::find_if(sources.begin(), sources.end(), [&](const auto& s) { return s.first == source; });
      if (known == sources.end())
        sources.push_back({source, {node}});
      else
        known->second.push_back(node);
      if (choice.approach == Approach::kStatic && choice.activation.algorithm == RangeAlgorithm::kCollector)
        collected_.insert(source);
    }
    for (const auto& [source, products] : sources) {
      const std::string note = balance(source, products);
      for (const Node* product : products) result_.notes[product] = note;
    }
    if (result_.changed) graph_.remove_dead();  // the constants of before
    return std::move(result_);
  }

 private:
  bool takes_integers(const Node& node, const ProductChoice& choice) const {
    return choice.quantized && choice.approach != Approach::kWeightOnly && node.input(0)->dtype == DType::kF32 &&
           !node.input(0)->is_constant() && has_constant_weights(node) &&
           (options_.smooth->convolutions || is_op(&node, "matmul"));
  }

  /// What was done to the channels of the value, or why nothing was. `products` read it, as integers.
  std::string balance(Value* source, const std::vector<Node*>& products) {
    const auto left = [](std::string_view reason) { return concat("channels not balanced: ", reason); };
    std::vector<Node*> readers, producers;
    const std::string shared = find_readers(source, readers);
    const std::string unfolded = shared.empty() ? find_producers(source, producers) : shared;
    const bool as_post_op = shared.empty() && !unfolded.empty() && takes_post_op(source->producer);
    const bool inserted = !unfolded.empty() && !as_post_op;
    if (inserted) {
      if (std::string reason = why_no_insertion(products); !reason.empty()) return left(concat(unfolded, reason));
      readers = products;
    }
    const auto profiled = result_.profile.tensors.find(source->name);
    const Dim& depth = source->shape.back();
    if (profiled == result_.profile.tensors.end() || !depth.is_constant() ||
        static_cast<int64_t>(profiled->second.channels.size()) != depth.value() || profiled->second.channels.count == 0)
      return left("calibration has not seen them");
    if (const int64_t count = profiled->second.channels.count; count < kFewestValues)
      return left(concat("calibration has seen ", count, " values of each, fewer than ", kFewestValues,
                         "; give it more samples"));
    if (collected_.contains(source)) return left("a collector has chosen its range");
    if (const TensorRule* rule = tensor_rules_.of(groups_, source); rule != nullptr && (rule->range || rule->collector))
      return left("a rule gives its range");

    const ChannelProfile& channels = profiled->second.channels;
    const SharedWeights weights = weights_of(readers);
    const std::optional<double> alpha = options_.smooth->alpha ? options_.smooth->alpha : best_alpha(channels, weights);
    if (!alpha) return left("no alpha lessens the expected error");
    const std::vector<double> factors = channel_factors(channels, weights, *alpha);
    if (std::all_of(factors.begin(), factors.end(), [](double factor) { return factor == 1; }))
      return left("they are even");
    if (inserted || as_post_op) {
      const std::vector<double> ones(factors.size(), 1);
      if (expected_error(channels, weights, factors) > kWorthAStep * expected_error(channels, weights, ones))
        return left(concat(unfolded, ", and a multiplication would not lessen the expected error by a tenth"));
    }
    if (inserted || as_post_op) producers.clear();
    if (!fold(factors, readers, producers)) return left("a factor leaves the range of fp32");
    result_.changed = true;
    const std::string note = concat("channels balanced with alpha ", two_digits(*alpha));
    if (inserted) {
      insert(source, factors, readers);
      return concat(note, ", multiplied in front of it (", unfolded, ")");
    }
    if (as_post_op)
      graph_.add_post_op(source->producer, {.function = Function::k_mul, .operand = inverse_of(factors, *source)});
    follow(source, factors, producers);
    return note;
  }

  /// Whether a matrix product can multiply the channels of its result, behind all that it does to it already.
  static bool takes_post_op(const Node* node) { return is_op(node, "matmul") && has_constant_weights(*node); }

  /// Products whose inputs can be multiplied; empty: all of them.
  static std::string why_no_insertion(const std::vector<Node*>& products) {
    for (const Node* product : products)
      if (!is_op(product, "matmul") || product->input(1)->rank() != 2 || product->attributes.flag("transpose_a"))
        return concat(", and '", name_of(*product), "' is no product by a constant matrix");
    return "";
  }

  Value* inverse_of(std::span<const double> factors, const Value& value) {
    std::vector<float> inverse;
    for (const double factor : factors) inverse.push_back(static_cast<float>(1 / factor));
    return graph_.add_constant(concat(value.name, "_balance"),
                               Literal::of<float>({static_cast<int64_t>(inverse.size())}, inverse));
  }

  /// The products read their inputs through a multiplication by channel; one for each value that they read.
  void insert(const Value* source, std::span<const double> factors, const std::vector<Node*>& products) {
    Value* const inverse = inverse_of(factors, *source);
    std::unordered_map<Value*, Value*> balanced;
    for (Node* product : products) {
      Value*& value = balanced[product->inputs[0]];
      if (value == nullptr) {
        Builder build(graph_, product->origins, product);
        const auto multiplied = build.function(Function::k_mul, {product->inputs[0], inverse});
        TEGULA_CHECK(multiplied.ok(), "a value times a constant by channel");
        value = *multiplied;
        graph_.rename_value(value, concat(product->inputs[0]->name, "_balanced"));
        const auto seen = result_.profile.tensors.find(source->name);
        result_.profile.tensors[value->name] = compiler::divided(seen->second, factors);
      }
      graph_.set_input(product, 0, value);
    }
  }

  /// Multiplies weights and divides what makes the value. False: something would not be finite, and nothing has
  /// changed.
  bool fold(std::span<const double> factors, const std::vector<Node*>& readers, const std::vector<Node*>& producers) {
    std::vector<double> inverse;
    for (const double factor : factors) inverse.push_back(1 / factor);
    struct Change {
      Node* node;
      std::size_t input;
      Literal literal;
    };
    std::vector<Change> changes;
    for (Node* reader : readers) changes.push_back({reader, 1, with_scaled_inputs(*reader, factors)});
    for (Node* producer : producers) {
      const Dims channel = {static_cast<int64_t>(factors.size())};
      const auto divide = [&](std::size_t input, const Dims& dims) {
        const Value* const value = producer->input(input);
        changes.push_back({producer, input, divided(value == nullptr ? nullptr : &*value->literal, dims, factors)});
      };
      if (is_op(producer, "layer_norm")) {
        const auto axis = static_cast<std::size_t>(producer->attributes.integer("axis"));
        Dims dims;
        for (std::size_t d = axis; d < producer->output()->shape.size(); ++d)
          dims.push_back(producer->output()->shape[d].value());
        divide(1, dims);
        if (producer->input(2) != nullptr) divide(2, dims);
      } else if (is_gemm_like(producer)) {
        changes.push_back({producer, 1, with_scaled_outputs(*producer, inverse)});
        if (producer->input(2) != nullptr) divide(2, channel);
      } else if (is_function(producer, Function::k_mul) || is_function(producer, Function::k_add)) {
        divide(1, channel);
      }
    }
    for (const Change& change : changes)
      if (!is_finite(change.literal)) return false;
    for (Change& change : changes) {
      const Value* const old = change.node->input(change.input);
      Value* const constant =
          graph_.add_constant(old != nullptr ? std::string_view(old->name) : concat(name_of(*change.node), "_scale"),
                              std::move(change.literal));
      while (change.node->inputs.size() <= change.input) {
        std::vector<Value*> inputs = change.node->inputs;
        inputs.push_back(nullptr);
        graph_.set_inputs(change.node, std::move(inputs));
      }
      graph_.set_input(change.node, change.input, constant);
    }
    return true;
  }

  /// The profiles of the value and of those before it that were divided as well.
  void follow(const Value* source, std::span<const double> factors, const std::vector<Node*>& producers) {
    std::set<std::string> names = {source->name};
    for (const Node* producer : producers) names.insert(producer->output()->name);
    for (const std::string& name : names) {
      const auto found = result_.profile.tensors.find(name);
      if (found != result_.profile.tensors.end() && found->second.channels.size() == factors.size())
        found->second = compiler::divided(found->second, factors);
    }
  }

  Graph& graph_;
  const QuantizationOptions& options_;
  const ScaleGroups groups_;
  TensorRules tensor_rules_;
  std::unordered_set<const Value*> collected_;  // whose range a collector has chosen
  Balanced result_;
};

}  // namespace

Result<Balanced> balance_channels(Graph& graph, const Profile& profile, const QuantizationOptions& options) {
  if (!options.smooth) return Balanced{.changed = false, .profile = profile, .notes = {}};
  return Balancer(graph, profile, options).run();
}

}  // namespace tegula::compiler
