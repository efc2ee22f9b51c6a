#include "compiler/driver/product_rule.h"

#include <array>
#include <cmath>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>

namespace tegula::driver {
namespace {

using compiler::Approach;
using compiler::QuantizationRule;
using compiler::RangeAlgorithm;

/// A word and where it stands.
struct Word {
  std::string text;
  YAML::Node node;
};

/// The words of a rule by their path, such as "activation dtype".
class Words {
 public:
  const Word* find(const std::string& path) const {
    const auto found = words_.find(path);
    return found == words_.end() ? nullptr : &found->second;
  }
  bool says(const std::string& path, std::string_view text) const {
    const Word* const word = find(path);
    return word != nullptr && word->text == text;
  }
  YamlReader reader(const std::string& path) {
    return [this, path](const YAML::Node& value) -> Status {
      TEGULA_ASSIGN_OR_RETURN(std::string text, yaml_text(value, path));
      words_.emplace(path, Word{std::move(text), value});
      return {};
    };
  }
  /// Reads the keys of a map into "<name> <key>".
  YamlReader map_reader(const std::string& name, const std::vector<std::string>& keys) {
    return [this, name, keys](const YAML::Node& value) {
      YamlReaders readers;
      for (const std::string& key : keys) readers[key] = reader(concat(name, " ", key));
      return read_yaml_map(value, name, readers);
    };
  }
  /// Replaces a word by the one that it stands for. An error names all that it may be.
  Status translate(const std::string& path, const std::map<std::string_view, std::string_view>& meanings) {
    const auto found = words_.find(path);
    if (found == words_.end()) return {};
    if (const auto meaning = meanings.find(found->second.text); meaning != meanings.end()) {
      found->second.text = meaning->second;
      return {};
    }
    std::string known;
    for (const auto& [text, meaning] : meanings) known += concat(known.empty() ? "" : ", ", text);
    return yaml_error(found->second.node, concat(path, " '", found->second.text, "' is none of ", known));
  }
  const std::map<std::string, Word>& all() const { return words_; }

 private:
  std::map<std::string, Word> words_;
};

Result<double> number_of(const YAML::Node& value, std::string_view what) {
  TEGULA_ASSIGN_OR_RETURN(const std::string text, yaml_text(value, what));
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || *end != '\0' || !std::isfinite(number))
    return yaml_error(value, concat(what, " is a number, not '", text, "'"));
  return number;
}

/// `algorithm` and `percentile`, of activations and of tensors: for what has these members.
template <typename Rule>
Status apply_algorithm(const Word* algorithm, const Word* percentile, Rule& rule) {
  if (algorithm != nullptr) {
    rule.algorithm = compiler::range_algorithm(algorithm->text).value_or(RangeAlgorithm::kCollector);
    if (rule.algorithm == RangeAlgorithm::kCollector) {
      rule.collector = algorithm->text;
      rule.collector_place = yaml_place(algorithm->node);
    }
  }
  if (percentile == nullptr) return {};
  if (algorithm != nullptr && rule.algorithm != RangeAlgorithm::kPercentile)
    return yaml_error(percentile->node,
                      concat("the algorithm ", algorithm->text, " has no percentile; algorithm: percentile has"));
  TEGULA_ASSIGN_OR_RETURN(const double number, number_of(percentile->node, "a percentile"));
  if (!(number > 50 && number <= 100))
    return yaml_error(percentile->node,
                      concat("a percentile is a number above 50, up to 100, not '", percentile->text, "'"));
  rule.algorithm = RangeAlgorithm::kPercentile;
  rule.percentile = number;
  return {};
}

/// Words of one place that cannot stand together.
Status check_types(const Words& words) {
  const Word* const weight = words.find("weight dtype");
  const Word* const activation = words.find("activation dtype");
  if (words.says("weight dtype", "fp32") && !words.says("activation dtype", "fp32"))
    return yaml_error(weight->node,
                      "weights in fp32 with activations in int8: no operation computes that; write dtype: fp32, or "
                      "activation: {dtype: fp32} as well, for a product that stays fp32");
  if (words.says("activation dtype", "s8") && words.says("activation scheme", "asym"))
    return yaml_error(words.find("activation scheme")->node,
                      "activations of dtype s8 have zero in the middle: scheme sym, or dtype u8");
  for (const Word* type : {activation, weight})
    if (type != nullptr && words.says("dtype", "fp32") && type->text != "fp32")
      return yaml_error(type->node, concat("dtype ", type->text, " in a rule of dtype fp32"));
  const Word* const approach = words.find("approach");
  if (words.says("activation granularity", "per_row") && words.says("approach", "static"))
    return yaml_error(words.find("activation granularity")->node,
                      "activations with calibrated ranges have one for the tensor; per_row is of the approach dynamic");
  if (approach == nullptr || activation == nullptr) return {};
  if ((activation->text == "fp32") != (approach->text == "weight_only"))
    return yaml_error(activation->node,
                      concat("activations of dtype ", activation->text, " contradict the approach ", approach->text,
                             activation->text == "fp32" ? "; weight_only leaves them fp32" : ""));
  return {};
}

/// Whether dynamic activations, which are u8, asymmetric, by the extremes of each run, are what a word says.
bool is_dynamic(std::string_view path, std::string_view text) {
  if (path == "activation algorithm") return text == "minmax";
  return path != "activation percentile" && text != "s8" && text != "sym";
}

/// What only calibrated ranges have, where there are none.
Status check_approach(const Words& words) {
  const bool weight_only = words.says("approach", "weight_only") || words.says("activation dtype", "fp32");
  if (!weight_only && !words.says("approach", "dynamic")) return {};
  for (const auto& [path, word] : words.all()) {
    if (!path.starts_with("activation ")) continue;
    if (weight_only && path != "activation dtype")
      return yaml_error(word.node, concat(path, " ", word.text, ": activations are real where only weights are int8"));
    if (!weight_only && !is_dynamic(path, word.text))
      return yaml_error(
          word.node, concat(path, " ", word.text, ": dynamic activations are u8, asym, by the extremes of each run"));
  }
  return {};
}

/// What a product that stays fp32 has none of.
Status check_fp32(const Words& words, bool is_section, bool fp32) {
  if (is_section || !fp32) return {};
  for (const auto& [path, word] : words.all())
    if (!path.ends_with("dtype"))
      return yaml_error(word.node, concat(path, " ", word.text, " in a rule of products that stay fp32"));
  if (words.says("dtype", "int8"))
    return yaml_error(words.find("dtype")->node, "dtype int8 in a rule whose activations and weights are fp32");
  return {};
}

Status translate_all(Words& words) {
  TEGULA_RETURN_IF_ERROR(words.translate("dtype", {{"int8", "int8"}, {"fp32", "fp32"}}));
  TEGULA_RETURN_IF_ERROR(
      words.translate("approach", {{"static", "static"}, {"dynamic", "dynamic"}, {"weight_only", "weight_only"}}));
  TEGULA_RETURN_IF_ERROR(words.translate(
      "activation dtype", {{"u8", "u8"}, {"uint8", "u8"}, {"s8", "s8"}, {"int8", "s8"}, {"fp32", "fp32"}}));
  TEGULA_RETURN_IF_ERROR(words.translate("activation scheme", {{"sym", "sym"}, {"asym", "asym"}}));
  TEGULA_RETURN_IF_ERROR(
      words.translate("activation granularity", {{"per_row", "per_row"}, {"per_tensor", "per_tensor"}}));
  TEGULA_RETURN_IF_ERROR(words.translate("weight dtype", {{"s8", "s8"}, {"int8", "s8"}, {"fp32", "fp32"}}));
  if (words.says("weight scheme", "asym"))
    return yaml_error(words.find("weight scheme")->node, "weights are s8 around zero: their scheme is sym");
  TEGULA_RETURN_IF_ERROR(words.translate("weight scheme", {{"sym", "sym"}}));
  TEGULA_RETURN_IF_ERROR(
      words.translate("weight granularity", {{"per_channel", "per_channel"}, {"per_tensor", "per_tensor"}}));
  return words.translate("weight algorithm", {{"minmax", "minmax"}, {"mse", "mse"}});
}

}  // namespace

Status read_product_rule(const YAML::Node& map, std::string_view what, bool is_section, const YamlReaders& others,
                         QuantizationRule& rule) {
  Words words;
  YamlReaders readers = others;
  for (const char* key : {"dtype", "approach"}) readers[key] = words.reader(key);
  readers["activation"] = words.map_reader("activation", {"dtype", "scheme", "granularity", "algorithm", "percentile"});
  readers["weight"] = words.map_reader("weight", {"dtype", "scheme", "granularity", "algorithm"});
  TEGULA_RETURN_IF_ERROR(read_yaml_map(map, what, readers));
  TEGULA_RETURN_IF_ERROR(translate_all(words));
  TEGULA_RETURN_IF_ERROR(check_types(words));
  const bool no_activation = words.says("activation dtype", "fp32"), no_weight = words.says("weight dtype", "fp32");
  const bool fp32 = words.says("dtype", "fp32") || (no_activation && no_weight);
  TEGULA_RETURN_IF_ERROR(check_fp32(words, is_section, fp32));
  TEGULA_RETURN_IF_ERROR(check_approach(words));

  if (fp32) rule.quantized = false;
  if (!fp32 && (words.find("dtype") != nullptr || words.find("activation dtype") != nullptr ||
                words.find("weight dtype") != nullptr))
    rule.quantized = true;
  if (const Word* approach = words.find("approach")) rule.approach = compiler::approach_from_name(approach->text);
  if (no_activation && !fp32) rule.approach = Approach::kWeightOnly;
  if (const Word* scheme = words.find("activation scheme"))
    rule.symmetric_activation = scheme->text == "sym";
  else if (const Word* type = words.find("activation dtype"); type != nullptr && !no_activation)
    rule.symmetric_activation = type->text == "s8";
  if (const Word* granularity = words.find("activation granularity"))
    rule.per_row_activation = granularity->text == "per_row";
  if (const Word* granularity = words.find("weight granularity"))
    rule.per_channel_weights = granularity->text == "per_channel";
  if (const Word* algorithm = words.find("weight algorithm"))
    rule.weight_algorithm = compiler::weight_algorithm_from_name(algorithm->text);
  return apply_algorithm(words.find("activation algorithm"), words.find("activation percentile"), rule);
}

std::optional<std::optional<double>> smooth_alpha(const std::string& text) {
  if (text == "auto") return std::optional<double>();
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || *end != '\0' || !(number >= 0 && number <= 1)) return std::nullopt;
  return number;
}

Status read_smooth_quant(const YAML::Node& value, std::optional<compiler::SmoothOptions>& smooth) {
  if (value.IsScalar()) {
    TEGULA_ASSIGN_OR_RETURN(const bool on, yaml_flag(value, "smooth_quant"));
    if (on) smooth.emplace();
    return {};
  }
  smooth.emplace();
  const auto read_alpha = [&](const YAML::Node& word) -> Status {
    TEGULA_ASSIGN_OR_RETURN(const std::string text, yaml_text(word, "alpha"));
    const auto alpha = smooth_alpha(text);
    if (!alpha) return yaml_error(word, concat("alpha is a number from 0 to 1, or auto, not '", text, "'"));
    smooth->alpha = *alpha;
    return {};
  };
  const auto read_convolutions = [&](const YAML::Node& word) -> Status {
    TEGULA_ASSIGN_OR_RETURN(smooth->convolutions, yaml_flag(word, "convolutions"));
    return {};
  };
  return read_yaml_map(value, "smooth_quant", {{"alpha", read_alpha}, {"convolutions", read_convolutions}});
}

Status read_tensor_rule(const YAML::Node& map, compiler::TensorRule& rule) {
  Words words;
  YAML::Node ends;
  const std::string what = concat("the rule for ", rule.description());
  TEGULA_RETURN_IF_ERROR(read_yaml_map(map, what,
                                       {{"algorithm", words.reader("algorithm")},
                                        {"percentile", words.reader("percentile")},
                                        {"range", [&](const YAML::Node& value) -> Status {
                                           ends.reset(value);
                                           return {};
                                         }}}));
  if (!ends.IsDefined() || ends.IsNull()) {
    if (words.all().empty()) return yaml_error(map, concat(what, " says nothing; it has algorithm, percentile, range"));
    return apply_algorithm(words.find("algorithm"), words.find("percentile"), rule);
  }
  if (!words.all().empty()) return yaml_error(ends, concat(what, " has a range and an algorithm; one of them decides"));
  if (!ends.IsSequence() || ends.size() != 2) return yaml_error(ends, "a range is two numbers, as [-1, 4]");
  TEGULA_ASSIGN_OR_RETURN(const double low, number_of(ends[0], "an end of a range"));
  TEGULA_ASSIGN_OR_RETURN(const double high, number_of(ends[1], "an end of a range"));
  const compiler::Range range{static_cast<float>(low), static_cast<float>(high)};
  if (!(range.low < range.high) || !std::isfinite(range.low) || !std::isfinite(range.high))
    return yaml_error(ends, "a range has its lower end first, and both are fp32 numbers");
  if (range.low > 0 || range.high < 0) return yaml_error(ends, "a range holds zero, which has to be one of the steps");
  rule.range = range;
  return {};
}

}  // namespace tegula::driver
