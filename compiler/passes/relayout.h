#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "compiler/graph/graph.h"
#include "compiler/ops/op_def.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// perm of a transpose: dimension i of the result is dimension perm[i] of the source.
using Permutation = std::vector<int64_t>;

Permutation inverse(const Permutation& perm);
/// First `first`, then `second`: result[i] = first[second[i]].
Permutation compose(const Permutation& first, const Permutation& second);
bool is_identity(const Permutation& perm);
/// n, c, spatial... -> n, spatial..., c.
Permutation channels_last_permutation(int rank);
Permutation channels_first_permutation(int rank);

template <typename T>
std::vector<T> permuted(const std::vector<T>& items, const Permutation& perm) {
  std::vector<T> result;
  result.reserve(perm.size());
  for (const int64_t source : perm) result.push_back(items[static_cast<std::size_t>(source)]);
  return result;
}
Literal permuted(const Literal& literal, const Permutation& perm);

/// Whether the permutation keeps the order of all dimensions that are not 1, so that a reshape does the same.
bool is_reshape(const Permutation& perm, const Shape& source);

/// What a value is a transpose of.
struct TransposedValue {
  Value* source = nullptr;
  Permutation perm;
};
std::optional<TransposedValue> as_transpose(const Value* value);

/// Like Builder::reshape and Builder::transpose, but they merge with reshapes and transposes above the value and work
/// on constants at once.
Result<Value*> make_reshape(Builder& build, Value* value, const Shape& shape);
Result<Value*> make_transpose(Builder& build, Value* value, const Permutation& perm);

/// Dimensions [source_begin, source_end) of a reshape's operand that hold the same elements in the same order as
/// [target_begin, target_end) of its result.
struct ReshapeGroup {
  std::size_t source_begin, source_end, target_begin, target_end;
};
/// The finest such partition of both shapes, in order; nullopt when none is known for all values of the symbols.
std::optional<std::vector<ReshapeGroup>> reshape_groups(const Shape& source, const Shape& target);

/// `value` with dimensions of 1 in front, so that it has `rank` of them.
Result<Value*> with_rank(Builder& build, Value* value, int rank);

}  // namespace tegula::compiler
