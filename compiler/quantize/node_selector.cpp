#include "compiler/quantize/node_selector.h"

#include <algorithm>
#include <set>

#include "compiler/quantize/nearest_names.h"
#include "compiler/quantize/operator_types.h"
#include "schema/base/check.h"

namespace tegula::compiler {
namespace {

constexpr std::string_view kTypeWord = "type:", kNameWord = "name:", kRegexWord = "regex:";

bool is_operator_type(std::string_view type) {
  return all_operator_types().contains(std::string(type));
}

}  // namespace

Result<NodeSelector> NodeSelector::type(std::string_view type) {
  if (!is_operator_type(type))
    return Error{ErrorCode::kInvalidArgument,
                 concat("there is no operator type '", type, "'; types are ONNX's, and the nearest is '",
                        nearest_name(type, all_operator_types()), "'")};
  return NodeSelector(Kind::kType, type);
}

NodeSelector NodeSelector::name(std::string_view name) {
  return {Kind::kName, name};
}

Result<NodeSelector> NodeSelector::regex(std::string_view expression) {
  NodeSelector selector(Kind::kRegex, expression);
  try {
    selector.expression_.assign(selector.text_, std::regex::ECMAScript | std::regex::optimize);
  } catch (const std::regex_error& error) {
    return Error{ErrorCode::kInvalidArgument, concat("'", expression, "' is no regular expression: ", error.what())};
  }
  return selector;
}

Result<NodeSelector> NodeSelector::parse(std::string_view text) {
  if (text.starts_with(kTypeWord)) return type(text.substr(kTypeWord.size()));
  if (text.starts_with(kNameWord)) return name(text.substr(kNameWord.size()));
  if (text.starts_with(kRegexWord)) return regex(text.substr(kRegexWord.size()));
  return is_operator_type(text) ? type(text) : name(text);
}

bool NodeSelector::selects(const Node& node) const {
  switch (kind_) {
    case Kind::kType: {
      const std::vector<std::string> types = operator_types(node);
      return std::find(types.begin(), types.end(), text_) != types.end();
    }
    case Kind::kName: return std::find(node.origins.begin(), node.origins.end(), text_) != node.origins.end();
    case Kind::kRegex:
      return std::any_of(node.origins.begin(), node.origins.end(),
                         [&](const std::string& origin) { return std::regex_match(origin, expression_); });
  }
  TEGULA_CHECK(false, "all kinds are above");
}

Result<std::vector<Node*>> NodeSelector::select(const Graph& graph) const {
  std::vector<Node*> selected;
  std::set<std::string> names, types;
  for (const auto& node : graph.nodes()) {
    if (selects(*node)) selected.push_back(node.get());
    names.insert(node->origins.begin(), node->origins.end());
    types.merge([&] {
      const std::vector<std::string> all = operator_types(*node);
      return std::set<std::string>(all.begin(), all.end());
    }());
  }
  if (!selected.empty()) return selected;
  const std::string near = nearest_names(text_, kind_ == Kind::kType ? types : names);
  return Error{ErrorCode::kInvalidArgument,
               concat(place, place.empty() ? "" : ": ", description(), kind_ == Kind::kRegex ? " match" : " matches",
                      " nothing in the compiled model", near.empty() ? "" : "; it has ", near)};
}

std::string NodeSelector::description() const {
  switch (kind_) {
    case Kind::kType: return concat("operator type ", text_);
    case Kind::kName: return concat("node '", text_, "'");
    case Kind::kRegex: return concat("nodes like '", text_, "'");
  }
  TEGULA_CHECK(false, "all kinds are above");
}

}  // namespace tegula::compiler
