#include "compiler/quantize/node_selector.h"

#include <algorithm>
#include <set>

#include "compiler/quantize/operator_types.h"
#include "schema/base/check.h"

namespace tegula::compiler {
namespace {

constexpr std::string_view kTypeWord = "type:", kNameWord = "name:", kRegexWord = "regex:";

/// Insertions, deletions and exchanges of letters that make one text of the other (Levenshtein's distance).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t exchanged = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, exchanged});
    }
  }
  return row.back();
}

/// The two of `names` that are most like `text`, as ", such as 'a' or 'b'"; empty without names.
std::string like(std::string_view text, const std::set<std::string>& names) {
  constexpr std::size_t kLongest = 200;  // of a name that is compared: the work grows with the square
  std::vector<std::pair<std::size_t, std::string_view>> nearest;
  for (const std::string& name : names)
    nearest.emplace_back(distance(text.substr(0, kLongest), std::string_view(name).substr(0, kLongest)), name);
  std::sort(nearest.begin(), nearest.end());
  if (nearest.empty()) return "";
  if (nearest.size() == 1) return concat("; it has '", nearest[0].second, "'");
  return concat("; it has '", nearest[0].second, "' and '", nearest[1].second, "'");
}

}  // namespace

Result<NodeSelector> NodeSelector::type(std::string_view type) {
  if (!is_operator_type(type))
    return Error{ErrorCode::kInvalidArgument,
                 concat("there is no operator type '", type, "'; types are ONNX's, as Conv")};
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
  return Error{ErrorCode::kInvalidArgument,
               concat(description(), kind_ == Kind::kRegex ? " match" : " matches", " nothing in the compiled model",
                      like(text_, kind_ == Kind::kType ? types : names))};
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
