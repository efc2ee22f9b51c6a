#pragma once
#include <optional>
#include <string_view>
#include <vector>

#include "compiler/ops/op_def.h"

namespace tegula::compiler {

// What infer functions have in common.

/// kInvalidArgument unless the node has at least `required` inputs, none of them absent, and at most `most` in all.
Status expect_inputs(const InferContext& context, std::size_t required, std::size_t most);

/// The integer attribute `name`, in 0 .. rank-1: importers have counted negative axes from the front.
Result<int> axis_attribute(const InferContext& context, std::string_view name, int rank);

/// The size that two dimensions share: the more telling of the two. Sizes that only binding can compare get a
/// constraint. `what` names the dimension in messages.
Result<Dim> same_size(InferContext& context, const Dim& a, const Dim& b, std::string_view what);

/// Asks for a >= b: an error when it certainly is not, a constraint when only binding can tell.
Status expect_at_least(InferContext& context, const Dim& a, const Dim& b, std::string_view what);

/// A constant, or contents that are all constant, as a literal.
std::optional<Literal> small_literal(const Value& value);

/// Contents of the output of a node that only moves elements, found by moving their numbers with the op's own
/// evaluate(). `data` are the inputs that are moved (all of one type) and need contents; the others must be constant.
std::optional<std::vector<Dim>> moved_contents(const InferContext& context, const std::vector<std::size_t>& data,
                                               const Shape& shape);

}  // namespace tegula::compiler
