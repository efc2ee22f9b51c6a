#pragma once
#include <memory>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Which nodes of a graph a rule speaks of: those of an ONNX operator type, the one that computes the ONNX node of a
/// name, or those that compute a node whose whole name a regular expression (ECMAScript) matches.
class NodeSelector {
 public:
  enum class Kind : uint8_t { kType, kName, kRegex };

  /// kInvalidArgument: an operator type that no operation has, or a text that is no regular expression.
  static Result<NodeSelector> type(std::string_view type);
  static NodeSelector name(std::string_view name);
  static Result<NodeSelector> regex(std::string_view expression);

  /// As users write it in one word: `type:Softmax`, `name:/encoder/MatMul_3`, `regex:.*\/attention\/.*`; without the
  /// word before the colon a type where the word is one, else a name.
  static Result<NodeSelector> parse(std::string_view text);

  std::string place = {};  ///< where it is written, for messages; may be empty

  bool selects(const Node& node) const;

  /// What it selects, in the graph's order. kInvalidArgument when that is nothing, with the names that come closest.
  Result<std::vector<Node*>> select(const Graph& graph) const;

  Kind kind() const { return kind_; }
  const std::string& text() const { return text_; }
  /// For reasons and messages: "operator type Softmax", "node '/encoder/MatMul_3'", "nodes like '.*attention.*'".
  std::string description() const;

 private:
  NodeSelector(Kind kind, std::string_view text) : kind_(kind), text_(text) {}

  Kind kind_;
  std::string text_;
  std::regex expression_;  ///< of kRegex
};

}  // namespace tegula::compiler
