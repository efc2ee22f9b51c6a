#include "compiler/driver/configuration.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <string>

#include "compiler/data/files.h"
#include "compiler/driver/int8_section.h"
#include "compiler/driver/yaml_map.h"

namespace tegula::driver {
namespace {

constexpr uint64_t kLargest = 16 << 20;  // bytes of a configuration

/// A selector, or a list of them.
Status read_selectors(const YAML::Node& value, std::vector<compiler::NodeSelector>& selectors) {
  if (value.IsSequence()) {
    for (const YAML::Node& item : value) {
      if (!item.IsScalar()) return yaml_error(item, "operations are selected by texts, such as type:Softmax");
      TEGULA_RETURN_IF_ERROR(read_selectors(item, selectors));
    }
    return {};
  }
  if (!value.IsScalar()) return yaml_error(value, "operations are selected by a list of texts, such as [type:Softmax]");
  auto selector = compiler::NodeSelector::parse(value.Scalar());
  if (!selector.ok()) return yaml_error(value, selector.error().message);
  selector->place = yaml_place(value);
  selectors.push_back(std::move(*selector));
  return {};
}

Status read_bf16(const YAML::Node& section, compiler::Bf16Options& options) {
  return read_yaml_map(section, "bf16",
                       {{"allow", [&](const YAML::Node& value) { return read_selectors(value, options.allow); }},
                        {"deny", [&](const YAML::Node& value) { return read_selectors(value, options.deny); }}});
}

Status read_sections(const YAML::Node& root, Configuration& configuration) {
  if (!root.IsDefined() || root.IsNull()) return {};
  return read_yaml_map(root, "the configuration",
                       {{"bf16", [&](const YAML::Node& section) { return read_bf16(section, configuration.bf16); }},
                        {"int8", [&](const YAML::Node& section) {
                           configuration.int8_place = yaml_place(section);
                           return read_int8_section(section, configuration.int8);
                         }}});
}

/// What to do where the line that YAML stumbles over, or the one before, begins with a tab.
std::string tab_note(std::string_view text, int line) {
  int number = 0;
  for (std::size_t begin = 0; begin <= text.size() && number <= line; ++number) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view content = text.substr(begin, end - begin);
    if (number >= line - 1 && content.substr(0, content.find_first_not_of(" \t")).find('\t') != std::string_view::npos)
      return concat("; line ", number + 1, " is indented with a tab: YAML takes spaces");
    begin = end + 1;
  }
  return "";
}

}  // namespace

Result<Configuration> read_configuration(const std::filesystem::path& path) {
  const auto in_file = [&](std::string_view what) {
    return Error{ErrorCode::kInvalidArgument, concat("configuration '", path.native(), "': ", what)};
  };
  Configuration configuration;
  TEGULA_ASSIGN_OR_RETURN(const std::string text, data::read_file(path, kLargest));
  try {
    const YAML::Node root = YAML::Load(text);
    const Status status = read_sections(root, configuration);
    if (!status.ok()) return in_file(status.error().message);
  } catch (const YAML::Exception& e) {
    return in_file(concat("line ", e.mark.line + 1, ": ", e.msg, tab_note(text, e.mark.line)));
  }
  const auto name_file = [&](std::string& place) {
    if (!place.empty()) place = in_file(place).message;
  };
  name_file(configuration.int8_place);
  name_file(configuration.int8.collector_place);
  for (auto* rules : {&configuration.bf16.allow, &configuration.bf16.deny})
    for (compiler::NodeSelector& selector : *rules) name_file(selector.place);
  for (compiler::QuantizationRule& rule : configuration.int8.rules) {
    name_file(rule.place);
    name_file(rule.collector_place);
  }
  for (compiler::TensorRule& rule : configuration.int8.tensors) {
    name_file(rule.place);
    name_file(rule.collector_place);
  }
  return configuration;
}

}  // namespace tegula::driver
