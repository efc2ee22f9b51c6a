#include "compiler/driver/configuration.h"

#include <yaml-cpp/yaml.h>

#include <functional>
#include <map>
#include <set>
#include <string>

#include "compiler/data/files.h"

namespace tegula::driver {
namespace {

constexpr uint64_t kLargest = 16 << 20;  // bytes of a configuration

/// What reads the value of a key.
using Reader = std::function<Status(const YAML::Node& value)>;
using Readers = std::map<std::string, Reader>;

Error at(const YAML::Node& node, std::string_view what) {
  const YAML::Mark mark = node.Mark();
  return {ErrorCode::kInvalidArgument, concat("line ", mark.line + 1, ": ", what)};
}

/// Gives each value of a map to the reader of its key.
Status read_map(const YAML::Node& map, std::string_view what, const Readers& readers) {
  if (!map.IsMap()) return at(map, concat(what, " is no map of names and values"));
  std::set<std::string> seen;
  for (const auto& entry : map) {
    if (!entry.first.IsScalar()) return at(entry.first, concat("a key of ", what, " is no name"));
    const std::string key = entry.first.Scalar();
    const auto reader = readers.find(key);
    if (reader == readers.end()) {
      std::string names;
      for (const auto& [name, read] : readers) names += concat(names.empty() ? "" : ", ", name);
      return at(entry.first, concat(what, " has no '", key, "'; it has ", names));
    }
    if (!seen.insert(key).second) return at(entry.first, concat("'", key, "' stands twice in ", what));
    TEGULA_RETURN_IF_ERROR(reader->second(entry.second));
  }
  return {};
}

/// A selector, or a list of them.
Status read_selectors(const YAML::Node& value, std::vector<compiler::NodeSelector>& selectors) {
  if (value.IsSequence()) {
    for (const YAML::Node& item : value) {
      if (!item.IsScalar()) return at(item, "operations are selected by texts, such as type:Softmax");
      TEGULA_RETURN_IF_ERROR(read_selectors(item, selectors));
    }
    return {};
  }
  if (!value.IsScalar()) return at(value, "operations are selected by a list of texts, such as [type:Softmax]");
  auto selector = compiler::NodeSelector::parse(value.Scalar());
  if (!selector.ok()) return at(value, selector.error().message);
  selectors.push_back(std::move(*selector));
  return {};
}

Status read_bf16(const YAML::Node& section, compiler::Bf16Options& options) {
  return read_map(section, "bf16",
                  {{"allow", [&](const YAML::Node& value) { return read_selectors(value, options.allow); }},
                   {"deny", [&](const YAML::Node& value) { return read_selectors(value, options.deny); }}});
}

Status read_sections(const YAML::Node& root, Configuration& configuration) {
  if (!root.IsDefined() || root.IsNull()) return {};
  return read_map(root, "the configuration",
                  {{"bf16", [&](const YAML::Node& section) { return read_bf16(section, configuration.bf16); }}});
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
  return configuration;
}

}  // namespace tegula::driver
