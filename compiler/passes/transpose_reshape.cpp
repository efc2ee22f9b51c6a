#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "compiler/passes/rewrite.h"
#include "compiler/passes/transpose_rules.h"

namespace tegula::compiler {
namespace {

/// The order, under `perm`, of the dimensions [begin, end) of the transposed shape that are not 1, as positions of the
/// source; of all of them when all are 1.
std::vector<int64_t> source_positions(const Shape& shape, const Permutation& perm, std::size_t begin, std::size_t end) {
  std::vector<int64_t> real, all;
  for (std::size_t d = begin; d < end; ++d) {
    all.push_back(perm[d]);
    if (!shape[d].is(1)) real.push_back(perm[d]);
  }
  return real.empty() ? std::vector<int64_t>(all.begin(), all.begin() + 1) : real;
}

/// Whether `positions`, sorted, have no other dimension of `source` between them that is not 1.
bool are_neighbours(std::vector<int64_t> positions, const Shape& source) {
  std::sort(positions.begin(), positions.end());
  for (std::size_t i = 1; i < positions.size(); ++i)
    for (int64_t between = positions[i - 1] + 1; between < positions[i]; ++between)
      if (!source[static_cast<std::size_t>(between)].is(1)) return false;
  return true;
}

/// A reshape of a transpose, in parts that belong together.
struct ReshapedTranspose {
  TransposedValue x;
  std::vector<ReshapeGroup> groups;
  std::vector<std::vector<int64_t>> positions;  ///< of each group's dimensions in x.source
};

std::optional<ReshapedTranspose> reshaped_transpose(const Value* value) {
  if (!is_op(value->producer, "reshape")) return std::nullopt;
  const Value* above = value->producer->input(0);
  std::optional<TransposedValue> x = as_transpose(above);
  if (!x) return std::nullopt;
  std::optional<std::vector<ReshapeGroup>> groups = reshape_groups(above->shape, value->shape);
  if (!groups) return std::nullopt;
  ReshapedTranspose result{*std::move(x), *std::move(groups), {}};
  for (const ReshapeGroup& group : result.groups)
    result.positions.push_back(source_positions(above->shape, result.x.perm, group.source_begin, group.source_end));
  return result;
}

}  // namespace

Result<Sunk> sink_through_reshape(Builder& build, Node& node) {
  Value* result = node.output();
  const std::optional<ReshapedTranspose> found = reshaped_transpose(result);
  if (!found) return Sunk();
  for (const std::vector<int64_t>& positions : found->positions) {
    const bool in_order = std::is_sorted(positions.begin(), positions.end());
    if (!in_order || !are_neighbours(positions, found->x.source->shape)) return Sunk();
  }
  // The groups in the order of the source; where each dimension of the result ends up.
  std::vector<std::size_t> order(found->groups.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {  // no two groups share a position
    return found->positions[a].front() < found->positions[b].front();
  });
  Shape shape;
  Permutation perm(result->shape.size());
  for (const std::size_t g : order) {
    for (std::size_t d = found->groups[g].target_begin; d < found->groups[g].target_end; ++d) {
      perm[d] = static_cast<int64_t>(shape.size());
      shape.push_back(result->shape[d]);
    }
  }
  TEGULA_ASSIGN_OR_RETURN(Value * value, make_reshape(build, found->x.source, shape));
  return Sunk(TransposedValue{value, perm});
}

Result<Value*> hoist_above_reshape(Builder& build, Node& node) {
  Value* middle = node.input(0);
  if (!is_op(middle->producer, "reshape") || !is_read_once(middle)) return nullptr;
  Value* above = middle->producer->input(0);
  if (!as_transpose(above)) return nullptr;
  const std::optional<std::vector<ReshapeGroup>> groups = reshape_groups(above->shape, middle->shape);
  if (!groups) return nullptr;
  const Permutation perm = node.attributes.ints("perm");
  // Each group's dimensions of the middle shape must follow each other in the result.
  Permutation hoisted;
  for (std::size_t d = 0; d < perm.size();) {
    const auto first = static_cast<std::size_t>(perm[d]);
    const auto group = std::find_if(groups->begin(), groups->end(), [&](const ReshapeGroup& g) {
      return g.target_begin <= first && first < g.target_end;
    });
    for (std::size_t t = group->target_begin; t < group->target_end; ++t, ++d)
      if (d >= perm.size() || perm[d] != static_cast<int64_t>(t)) return nullptr;
    for (std::size_t s = group->source_begin; s < group->source_end; ++s) hoisted.push_back(static_cast<int64_t>(s));
  }
  if (hoisted.size() != above->shape.size()) return nullptr;
  TEGULA_ASSIGN_OR_RETURN(Value * transposed, make_transpose(build, above, hoisted));
  return make_reshape(build, transposed, node.output()->shape);
}

Result<Value*> hoist_above_flatten(Builder& build, Node& node) {
  std::vector<Value*> inputs = node.inputs;
  Value** reshaped = nullptr;
  for (Value*& value : inputs) {
    const bool is_number =
        std::all_of(value->shape.begin(), value->shape.end(), [](const Dim& dim) { return dim.is(1); });
    if (is_number) continue;
    if (reshaped != nullptr) return nullptr;
    reshaped = &value;
  }
  if (reshaped == nullptr || only_user(*reshaped) != &node || (*reshaped)->shape != node.output()->shape)
    return nullptr;
  const std::optional<ReshapedTranspose> found = reshaped_transpose(*reshaped);
  if (!found) return nullptr;
  const Shape shape = (*reshaped)->producer->input(0)->shape;
  for (const Value* value : inputs)
    if (value->shape.size() > shape.size()) return nullptr;  // numbers of a higher rank
  *reshaped = found->x.source;
  TEGULA_ASSIGN_OR_RETURN(Value * value, build.add("eltwise", std::move(inputs), node.attributes));
  TEGULA_ASSIGN_OR_RETURN(Value * transposed, build.transpose(value, found->x.perm));
  return build.reshape(transposed, node.output()->shape);
}

Result<std::optional<MatmulOperands>> permute_matmul_rows(Builder& build, Node& node) {
  Value* a = node.input(0);
  Value* b = node.input(1);
  const std::optional<MatmulOperands> no;
  if (node.attributes.flag("transpose_a") || !b->is_constant() || b->rank() != 2) return no;
  const std::optional<ReshapedTranspose> found = reshaped_transpose(a);
  if (!found) return no;
  // All groups but the last hold their order and stand first; the last is the row, whose dimensions may change places.
  std::vector<int64_t> positions;
  for (const std::vector<int64_t>& group : found->positions)
    positions.insert(positions.end(), group.begin(), group.end());
  const std::vector<int64_t>& row = found->positions.back();
  const auto row_begin = positions.end() - static_cast<std::ptrdiff_t>(row.size());
  if (!std::is_sorted(positions.begin(), row_begin)) return no;
  const int64_t first_of_row = *std::min_element(row.begin(), row.end());
  if (row_begin != positions.begin() && *(row_begin - 1) > first_of_row) return no;
  const ReshapeGroup& last = found->groups.back();
  if (last.target_begin + 1 != last.target_end) return no;

  Dims dims;  // of the row, as the weights have it
  for (const int64_t position : row) {
    const Dim& dim = found->x.source->shape[static_cast<std::size_t>(position)];
    if (!dim.is_constant()) return no;
    dims.push_back(dim.value());
  }
  Permutation order(row.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  std::sort(order.begin(), order.end(),
            [&](int64_t i, int64_t j) { return row[static_cast<std::size_t>(i)] < row[static_cast<std::size_t>(j)]; });
  const bool transposed = node.attributes.flag("transpose_b");
  const int64_t columns = b->literal->dims()[transposed ? 0 : 1];
  if (transposed) {
    dims.insert(dims.begin(), columns);
    for (int64_t& position : order) ++position;
    order.insert(order.begin(), 0);
  } else {
    order.push_back(static_cast<int64_t>(dims.size()));
    dims.push_back(columns);
  }
  MatmulOperands operands;
  operands.b = build.constant(permuted(b->literal->reshaped(dims), order).reshaped(b->literal->dims()), b->name);
  TEGULA_ASSIGN_OR_RETURN(operands.a, make_reshape(build, found->x.source, a->shape));
  return std::optional(operands);
}

}  // namespace tegula::compiler
