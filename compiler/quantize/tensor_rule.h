#pragma once
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "compiler/graph/graph.h"
#include "compiler/quantize/choose_range.h"
#include "compiler/quantize/scale_groups.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// How the range of some tensors follows, whatever the products say that read them.
class TensorRule {
 public:
  /// The tensor of this name, which is ONNX's.
  static TensorRule name(std::string_view name);
  /// All whose whole name the expression (ECMAScript) matches. kInvalidArgument: it is none.
  static Result<TensorRule> regex(std::string_view expression);

  std::string place = {};                     ///< where it is written, for messages; may be empty
  std::optional<Range> range = std::nullopt;  ///< this one: nothing else below counts
  std::optional<RangeAlgorithm> algorithm = std::nullopt;
  std::optional<double> percentile = std::nullopt;
  std::optional<std::string> collector = std::nullopt;
  std::string collector_place = {};  ///< where its name is written

  bool selects(std::string_view tensor) const;
  const std::string& text() const { return text_; }
  /// "tensor 'a'", "tensors like 'a.*'".
  std::string description() const;

 private:
  explicit TensorRule(std::string_view text) : text_(text) {}

  std::string text_;
  std::optional<std::regex> expression_;
};

/// The rules of a graph's tensors. What shares one scale has one range, so a rule for one of a group is for all of it,
/// and the last rule wins.
class TensorRules {
 public:
  /// kInvalidArgument, with the rule's place: a rule matches no real tensor, or none that a quantized operation could
  /// read. `rules` have to stay.
  static Result<TensorRules> match(const Graph& graph, const ScaleGroups& groups, const std::vector<TensorRule>& rules);

  /// nullptr: no rule speaks of the group of `value`.
  const TensorRule* of(const ScaleGroups& groups, const Value* value) const;

 private:
  std::unordered_map<const Value*, const TensorRule*> rules_;  // by the first value of a group
};

}  // namespace tegula::compiler
