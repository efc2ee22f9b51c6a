#include "compiler/driver/int8_section.h"

#include <cstdlib>

#include "compiler/driver/yaml_map.h"

namespace tegula::driver {
namespace {

using compiler::Approach;
using compiler::NodeSelector;
using compiler::QuantizationOptions;
using compiler::QuantizationRule;
using compiler::RangeAlgorithm;

/// One of two words.
Result<bool> is_first(const YAML::Node& value, std::string_view first, std::string_view second) {
  TEGULA_ASSIGN_OR_RETURN(const std::string text, yaml_text(value));
  if (text == first) return true;
  if (text == second) return false;
  return yaml_error(value, concat(first, " or ", second, " expected, not '", text, "'"));
}

Status read_percentile(const YAML::Node& value, std::optional<double>& percentile) {
  TEGULA_ASSIGN_OR_RETURN(const std::string text, yaml_text(value));
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || *end != '\0' || !(number > 50 && number <= 100))
    return yaml_error(value, concat("a percentile is a number above 50, up to 100, not '", text, "'"));
  percentile = number;
  return {};
}

Status read_activation(const YAML::Node& section, QuantizationRule& rule) {
  return read_yaml_map(
      section, "activation",
      {{"algorithm",
        [&](const YAML::Node& value) -> Status {
          TEGULA_ASSIGN_OR_RETURN(const std::string text, yaml_text(value));
          rule.algorithm = compiler::range_algorithm(text).value_or(RangeAlgorithm::kCollector);
          if (rule.algorithm == RangeAlgorithm::kCollector) rule.collector = text;
          return {};
        }},
       {"percentile", [&](const YAML::Node& value) { return read_percentile(value, rule.percentile); }},
       {"scheme", [&](const YAML::Node& value) -> Status {
          TEGULA_ASSIGN_OR_RETURN(rule.symmetric_activation, is_first(value, "sym", "asym"));
          return {};
        }}});
}

Status read_weight(const YAML::Node& section, QuantizationRule& rule) {
  return read_yaml_map(section, "weight", {{"granularity", [&](const YAML::Node& value) -> Status {
                                              TEGULA_ASSIGN_OR_RETURN(rule.per_channel_weights,
                                                                      is_first(value, "per_channel", "per_tensor"));
                                              return {};
                                            }}});
}

/// What a rule and the section itself have in common.
YamlReaders readers_of(QuantizationRule& rule) {
  return {{"approach",
           [&rule](const YAML::Node& value) -> Status {
             TEGULA_ASSIGN_OR_RETURN(const std::string text, yaml_text(value));
             rule.approach = compiler::approach_from_name(text);
             if (!rule.approach)
               return yaml_error(value, concat("there is no approach '", text, "'; static, dynamic, weight_only"));
             return {};
           }},
          {"activation", [&rule](const YAML::Node& value) { return read_activation(value, rule); }},
          {"weight", [&rule](const YAML::Node& value) { return read_weight(value, rule); }}};
}

Status read_rules(const YAML::Node& map, bool by_type, QuantizationOptions& options) {
  return read_yaml_entries(
      map, by_type ? "op_type_dict" : "op_name_dict", [&](const YAML::Node& key, const YAML::Node& value) -> Status {
        constexpr std::string_view kRegex = "regex:";
        const std::string& text = key.Scalar();
        auto selector = by_type                    ? NodeSelector::type(text)
                        : text.starts_with(kRegex) ? NodeSelector::regex(std::string_view(text).substr(kRegex.size()))
                                                   : Result<NodeSelector>(NodeSelector::name(text));
        if (!selector.ok()) return yaml_error(key, selector.error().message);
        QuantizationRule rule{.selector = std::move(*selector)};
        YamlReaders readers = readers_of(rule);
        readers["dtype"] = [&](const YAML::Node& dtype) -> Status {
          TEGULA_ASSIGN_OR_RETURN(rule.quantized, is_first(dtype, "int8", "fp32"));
          return {};
        };
        TEGULA_RETURN_IF_ERROR(read_yaml_map(value, concat("the rule for ", rule.selector.description()), readers));
        options.rules.push_back(std::move(rule));
        return {};
      });
}

/// The section's own words are the defaults of all products.
void apply_defaults(const QuantizationRule& all, QuantizationOptions& options) {
  if (all.approach) options.defaults.approach = *all.approach;
  if (all.algorithm) options.algorithm = all.algorithm;
  if (all.collector) options.defaults.activation.collector = *all.collector;
  if (all.percentile) options.defaults.activation.percentile = *all.percentile;
  if (all.symmetric_activation) options.defaults.symmetric_activation = *all.symmetric_activation;
  if (all.per_channel_weights) options.defaults.per_channel_weights = *all.per_channel_weights;
}

}  // namespace

Status read_int8_section(const YAML::Node& section, QuantizationOptions& options) {
  QuantizationRule all{.selector = NodeSelector::name("")};
  YamlReaders readers = readers_of(all);
  const auto flag = [&](const char* name, bool& option) {
    readers[name] = [&option](const YAML::Node& value) -> Status {
      TEGULA_ASSIGN_OR_RETURN(option, yaml_flag(value));
      return {};
    };
  };
  flag("first_layer", options.first_layer);
  flag("last_layer", options.last_layer);
  flag("reduce_range", options.reduce_range);
  flag("bias_correction", options.correct_bias);
  // Types before names, wherever they stand: what speaks of one node wins.
  YAML::Node types, names;
  readers["op_type_dict"] = [&](const YAML::Node& value) -> Status {
    types.reset(value);
    return {};
  };
  readers["op_name_dict"] = [&](const YAML::Node& value) -> Status {
    names.reset(value);
    return {};
  };
  TEGULA_RETURN_IF_ERROR(read_yaml_map(section, "int8", readers));
  apply_defaults(all, options);
  if (types.IsDefined() && !types.IsNull()) TEGULA_RETURN_IF_ERROR(read_rules(types, true, options));
  if (names.IsDefined() && !names.IsNull()) TEGULA_RETURN_IF_ERROR(read_rules(names, false, options));
  return {};
}

}  // namespace tegula::driver
