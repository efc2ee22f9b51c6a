#include "compiler/driver/configuration.h"

#include <yaml-cpp/yaml.h>

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
  return read_yaml_map(
      root, "the configuration",
      {{"bf16", [&](const YAML::Node& section) { return read_bf16(section, configuration.bf16); }},
       {"int8", [&](const YAML::Node& section) { return read_int8_section(section, configuration.int8); }}});
}

}  // namespace

Result<Configuration> read_configuration(const std::filesystem::path& path) {
  const auto in_file = [&](std::string_view what) {
    return Error{ErrorCode::kInvalidArgument, concat("configuration '", path.native(), "': ", what)};
  };
  Configuration configuration;
  try {
    TEGULA_ASSIGN_OR_RETURN(const std::string text, data::read_file(path, kLargest));
    const YAML::Node root = YAML::Load(text);
    const Status status = read_sections(root, configuration);
    if (!status.ok()) return in_file(status.error().message);
  } catch (const YAML::Exception& e) {
    return in_file(concat("line ", e.mark.line + 1, ": ", e.msg));
  }
  const auto name_file = [&](std::string& place) { place = in_file(place).message; };
  for (compiler::QuantizationRule& rule : configuration.int8.rules) name_file(rule.place);
  for (compiler::TensorRule& rule : configuration.int8.tensors) name_file(rule.place);
  return configuration;
}

}  // namespace tegula::driver
