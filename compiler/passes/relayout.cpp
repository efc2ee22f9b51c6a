#include "compiler/passes/relayout.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "compiler/passes/rewrite.h"
#include "kernels/tensor_view.h"

namespace tegula::compiler {

Permutation inverse(const Permutation& perm) {
  Permutation result(perm.size());
  for (std::size_t i = 0; i < perm.size(); ++i) result[static_cast<std::size_t>(perm[i])] = static_cast<int64_t>(i);
  return result;
}

Permutation compose(const Permutation& first, const Permutation& second) {
  return permuted(first, second);
}

bool is_identity(const Permutation& perm) {
  return std::is_sorted(perm.begin(), perm.end());
}

Permutation channels_last_permutation(int rank) {
  Permutation perm = {0};
  for (int d = 2; d < rank; ++d) perm.push_back(d);
  perm.push_back(1);
  return perm;
}

Permutation channels_first_permutation(int rank) {
  return inverse(channels_last_permutation(rank));
}

Literal permuted(const Literal& literal, const Permutation& perm) {
  const Dims dims = permuted(literal.dims(), perm);
  const std::size_t size = size_of(literal.dtype());
  const std::vector<int> order(perm.begin(), perm.end());
  const kernels::TensorView source = literal.view().permuted(order);
  return Literal::make(literal.dtype(), dims, [&](const kernels::TensorView& target) {
    kernels::OffsetWalk<1> walk(dims, {&source});
    for (int64_t i = 0; i < walk.count(); ++i, walk.next())
      std::memcpy(target.data + static_cast<std::size_t>(i) * size,
                  source.data + static_cast<std::size_t>(walk.offset(0)) * size, size);
  });
}

bool is_reshape(const Permutation& perm, const Shape& source) {
  int64_t last = -1;
  for (const int64_t dim : perm) {
    if (source[static_cast<std::size_t>(dim)].is(1)) continue;
    if (dim < last) return false;
    last = dim;
  }
  return true;
}

std::optional<TransposedValue> as_transpose(const Value* value) {
  if (value == nullptr || !is_op(value->producer, "transpose")) return std::nullopt;
  return TransposedValue{value->producer->input(0), value->producer->attributes.ints("perm")};
}

Result<Value*> make_reshape(Builder& build, Value* value, const Shape& shape) {
  while (is_op(value->producer, "reshape")) value = value->producer->input(0);
  if (value->shape == shape) return value;
  const std::optional<std::vector<int64_t>> dims = constant_dims(shape);
  if (value->is_constant() && dims) return build.constant(value->literal->reshaped(*dims), value->name);
  return build.reshape(value, shape);
}

Result<Value*> make_transpose(Builder& build, Value* value, const Permutation& perm) {
  Permutation total = perm;
  while (const std::optional<TransposedValue> above = as_transpose(value)) {
    total = compose(above->perm, total);
    value = above->source;
  }
  if (is_identity(total)) return value;
  if (value->is_constant()) return build.constant(permuted(*value->literal, total), value->name);
  return build.transpose(value, total);
}

std::optional<std::vector<ReshapeGroup>> reshape_groups(const Shape& source, const Shape& target) {
  const auto has_zero = [](const Shape& shape) {
    return std::any_of(shape.begin(), shape.end(), [](const Dim& dim) { return dim.is(0); });
  };
  if (has_zero(source) || has_zero(target)) return std::nullopt;
  const auto products = [](const Shape& shape) {
    Shape result = {Dim(1)};
    for (const Dim& dim : shape) result.push_back(result.back() * dim);
    return result;
  };
  const Shape above = products(source), below = products(target);
  std::vector<ReshapeGroup> groups;
  std::size_t i = 0, j = 0;
  while (i < source.size() && j < target.size()) {
    std::size_t next_i = i + 1, next_j = target.size() + 1;
    for (; next_i <= source.size(); ++next_i) {
      const auto found = std::find(below.begin() + static_cast<std::ptrdiff_t>(j) + 1, below.end(), above[next_i]);
      if (found == below.end()) continue;
      next_j = static_cast<std::size_t>(found - below.begin());
      break;
    }
    if (next_i > source.size()) return std::nullopt;
    groups.push_back({i, next_i, j, next_j});
    i = next_i;
    j = next_j;
  }
  if (groups.empty()) return std::nullopt;
  const auto all_one = [](const Shape& shape, std::size_t from) {
    return std::all_of(shape.begin() + static_cast<std::ptrdiff_t>(from), shape.end(),
                       [](const Dim& dim) { return dim.is(1); });
  };
  if (!all_one(source, i) || !all_one(target, j)) return std::nullopt;
  groups.back().source_end = source.size();
  groups.back().target_end = target.size();
  return groups;
}

Result<Value*> with_rank(Builder& build, Value* value, int rank) {
  if (value->rank() >= rank) return value;
  Shape shape(static_cast<std::size_t>(rank - value->rank()), Dim(1));
  shape.insert(shape.end(), value->shape.begin(), value->shape.end());
  return make_reshape(build, value, shape);
}

}  // namespace tegula::compiler
