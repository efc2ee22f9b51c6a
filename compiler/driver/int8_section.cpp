#include "compiler/driver/int8_section.h"

#include "compiler/driver/product_rule.h"
#include "compiler/driver/yaml_map.h"

namespace tegula::driver {
namespace {

using compiler::Approach;
using compiler::NodeSelector;
using compiler::QuantizationOptions;
using compiler::QuantizationRule;
using compiler::TensorRule;

constexpr std::string_view kRegex = "regex:";

/// What stands in the section under a name; reading it waits until all of the section is known.
struct Dictionary {
  YAML::Node node;

  YamlReader reader() {
    return [this](const YAML::Node& value) -> Status {
      node.reset(value);
      return {};
    };
  }
  Status read(std::string_view name, const std::function<Status(const YAML::Node&, const YAML::Node&)>& reader) const {
    return !node.IsDefined() || node.IsNull() ? Status{} : read_yaml_entries(node, name, reader);
  }
};

/// Rules by how much they speak of: later kinds win.
struct RulesByKind {
  std::vector<QuantizationRule> types, expressions, names;

  std::vector<QuantizationRule>& of(NodeSelector::Kind kind) {
    switch (kind) {
      case NodeSelector::Kind::kType: return types;
      case NodeSelector::Kind::kRegex: return expressions;
      case NodeSelector::Kind::kName: break;
    }
    return names;
  }
  void append_to(std::vector<QuantizationRule>& rules) {
    for (auto* kind : {&types, &expressions, &names})
      for (QuantizationRule& rule : *kind) rules.push_back(std::move(rule));
  }
};

using MakeSelector = Result<NodeSelector> (*)(std::string_view text);

Result<NodeSelector> name_or_regex(std::string_view text) {
  return text.starts_with(kRegex) ? NodeSelector::regex(text.substr(kRegex.size()))
                                  : Result<NodeSelector>(NodeSelector::name(text));
}

Status read_rules(const Dictionary& dictionary, std::string_view name, MakeSelector make, RulesByKind& rules) {
  return dictionary.read(name, [&](const YAML::Node& key, const YAML::Node& value) -> Status {
    auto selector = make(key.Scalar());
    if (!selector.ok()) return yaml_error(key, selector.error().message);
    QuantizationRule rule{.selector = std::move(*selector), .place = yaml_place(key)};
    if (value.IsNull()) return yaml_error(key, concat("the rule for ", rule.selector.description(), " says nothing"));
    TEGULA_RETURN_IF_ERROR(
        read_product_rule(value, concat("the rule for ", rule.selector.description()), false, {}, rule));
    rules.of(rule.selector.kind()).push_back(std::move(rule));
    return {};
  });
}

/// Expressions before names, which win.
Status read_tensors(const Dictionary& dictionary, QuantizationOptions& options) {
  std::vector<TensorRule> names;
  const auto read = [&](const YAML::Node& key, const YAML::Node& value) -> Status {
    const std::string_view text = key.Scalar();
    const bool is_regex = text.starts_with(kRegex);
    auto rule = is_regex ? TensorRule::regex(text.substr(kRegex.size())) : TensorRule::name(text);
    if (!rule.ok()) return yaml_error(key, rule.error().message);
    rule->place = yaml_place(key);
    if (value.IsNull()) return yaml_error(key, concat("the rule for ", rule->description(), " says nothing"));
    TEGULA_RETURN_IF_ERROR(read_tensor_rule(value, *rule));
    (is_regex ? options.tensors : names).push_back(std::move(*rule));
    return {};
  };
  TEGULA_RETURN_IF_ERROR(dictionary.read("tensor_dict", read));
  for (TensorRule& rule : names) options.tensors.push_back(std::move(rule));
  return {};
}

/// Ranges of tensors are calibrated ones: some product has to be static.
Status check_tensors(const Dictionary& tensors, const QuantizationOptions& options) {
  if (options.tensors.empty() || options.defaults.approach == Approach::kStatic) return {};
  for (const QuantizationRule& rule : options.rules)
    if (rule.approach == Approach::kStatic) return {};
  return yaml_error(tensors.node, concat("tensor_dict is of static ranges, and the approach is ",
                                         to_string(options.defaults.approach)));
}

/// The section's own words are the defaults of all products.
void apply_defaults(const QuantizationRule& all, QuantizationOptions& options) {
  if (all.quantized) options.defaults.quantized = *all.quantized;
  if (all.approach) options.defaults.approach = *all.approach;
  if (all.algorithm) options.algorithm = all.algorithm;
  if (all.collector) options.defaults.activation.collector = *all.collector;
  options.collector_place = all.collector_place;
  if (all.percentile) options.defaults.activation.percentile = *all.percentile;
  if (all.symmetric_activation) options.defaults.symmetric_activation = *all.symmetric_activation;
  if (all.per_row_activation) options.defaults.per_row_activation = *all.per_row_activation;
  if (all.per_channel_weights) options.defaults.per_channel_weights = *all.per_channel_weights;
  if (all.weight_algorithm) options.defaults.weight_algorithm = *all.weight_algorithm;
  if (!options.defaults.quantized) options.defaults.reason = "by the configuration";
}

}  // namespace

Status read_int8_section(const YAML::Node& section, QuantizationOptions& options) {
  YamlReaders readers;
  const auto flag = [&](const char* name, bool& option) {
    readers[name] = [&option, name](const YAML::Node& value) -> Status {
      TEGULA_ASSIGN_OR_RETURN(option, yaml_flag(value, name));
      return {};
    };
  };
  flag("first_layer", options.first_layer);
  flag("last_layer", options.last_layer);
  flag("reduce_range", options.reduce_range);
  flag("bias_correction", options.correct_bias);
  readers["smooth_quant"] = [&](const YAML::Node& value) { return read_smooth_quant(value, options.smooth); };
  Dictionary types, expressions, names, tensors;
  readers["op_type_dict"] = types.reader();
  readers["op_regex_dict"] = expressions.reader();
  readers["op_name_dict"] = names.reader();
  readers["tensor_dict"] = tensors.reader();
  QuantizationRule all{.selector = NodeSelector::name("")};
  TEGULA_RETURN_IF_ERROR(read_product_rule(section, "int8", true, readers, all));
  apply_defaults(all, options);
  RulesByKind rules;
  TEGULA_RETURN_IF_ERROR(read_rules(types, "op_type_dict", NodeSelector::type, rules));
  TEGULA_RETURN_IF_ERROR(read_rules(expressions, "op_regex_dict", NodeSelector::regex, rules));
  TEGULA_RETURN_IF_ERROR(read_rules(names, "op_name_dict", name_or_regex, rules));
  rules.append_to(options.rules);
  TEGULA_RETURN_IF_ERROR(read_tensors(tensors, options));
  return check_tensors(tensors, options);
}

}  // namespace tegula::driver
