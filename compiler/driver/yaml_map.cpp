#include "compiler/driver/yaml_map.h"

#include <set>

#include "compiler/quantize/nearest_names.h"

namespace tegula::driver {

std::string yaml_place(const YAML::Node& node) {
  return concat("line ", node.Mark().line + 1);
}

Error yaml_error(const YAML::Node& node, std::string_view what) {
  return {ErrorCode::kInvalidArgument, concat(yaml_place(node), ": ", what)};
}

Status read_yaml_entries(const YAML::Node& map, std::string_view what,
                         const std::function<Status(const YAML::Node& key, const YAML::Node& value)>& reader) {
  if (!map.IsMap()) return yaml_error(map, concat(what, " is no map of names and values"));
  std::set<std::string> seen;
  for (const auto& entry : map) {
    if (!entry.first.IsScalar()) return yaml_error(entry.first, concat("a key of ", what, " is no name"));
    if (!seen.insert(entry.first.Scalar()).second)
      return yaml_error(entry.first, concat("'", entry.first.Scalar(), "' stands twice in ", what));
    TEGULA_RETURN_IF_ERROR(reader(entry.first, entry.second));
  }
  return {};
}

Status read_yaml_map(const YAML::Node& map, std::string_view what, const YamlReaders& readers) {
  return read_yaml_entries(map, what, [&](const YAML::Node& key, const YAML::Node& value) -> Status {
    const auto reader = readers.find(key.Scalar());
    if (reader != readers.end()) return reader->second(value);
    std::string list;
    std::set<std::string> names;
    for (const auto& [name, read] : readers) {
      list += concat(list.empty() ? "" : ", ", name);
      names.insert(name);
    }
    const std::string nearest = compiler::nearest_name(key.Scalar(), names);
    return yaml_error(key, concat(what, " has no '", key.Scalar(), "', the nearest is '", nearest, "'; it has ", list));
  });
}

Result<std::string> yaml_text(const YAML::Node& value, std::string_view key) {
  if (value.IsSequence() && value.size() == 1) return yaml_text(value[0], key);
  if (!value.IsScalar()) return yaml_error(value, concat(key, ": one word expected"));
  return value.Scalar();
}

Result<bool> yaml_flag(const YAML::Node& value, std::string_view key) {
  TEGULA_ASSIGN_OR_RETURN(const std::string text, yaml_text(value, key));
  if (text == "true") return true;
  if (text == "false") return false;
  return yaml_error(value, concat(key, ": true or false expected, not '", text, "'"));
}

}  // namespace tegula::driver
