#pragma once
#include <yaml-cpp/yaml.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "schema/base/result.h"

namespace tegula::driver {

/// "line 3".
std::string yaml_place(const YAML::Node& node);
/// kInvalidArgument: "line 3: <what>".
Error yaml_error(const YAML::Node& node, std::string_view what);

/// What reads the value of a key.
using YamlReader = std::function<Status(const YAML::Node& value)>;
using YamlReaders = std::map<std::string, YamlReader>;

/// Gives each value of a map to the reader of its key. Keys without a reader, and keys that stand twice, are errors
/// with their line and the nearest of the keys that there are; `what` names the map.
Status read_yaml_map(const YAML::Node& map, std::string_view what, const YamlReaders& readers);

/// Gives each key and value of a map whose keys are free texts.
Status read_yaml_entries(const YAML::Node& map, std::string_view what,
                         const std::function<Status(const YAML::Node& key, const YAML::Node& value)>& reader);

/// A text; a list of one text counts as it. `key` is for messages.
Result<std::string> yaml_text(const YAML::Node& value, std::string_view key);
/// true or false.
Result<bool> yaml_flag(const YAML::Node& value, std::string_view key);

}  // namespace tegula::driver
