#pragma once
#include <unordered_map>
#include <unordered_set>

#include "compiler/graph/graph.h"

namespace tegula::compiler {

/// Which values are views of others, so that reshaping, joining and cutting cost nothing.
///
/// * reshape: its result is the operand's memory. A graph output owns the memory instead, and what it reshapes becomes
///   the view, so that no copy is needed.
/// * concat: operands become columns of the result (along other axes than the last: or one block each), where their
///   producers write strided rows and their readers read such. Operands that cannot are copied in; when most cannot, it
///   stays a step.
/// * slice with steps of 1: its result is part of the operand, when its readers read such strides, themselves or behind
///   a reshape that drops or adds dimensions of 1.
///
/// Decided for the whole graph before any step is written, because every reader of a value must agree.
class ViewPlan {
 public:
  explicit ViewPlan(const Graph& graph);

  /// Where a value's elements lie: element [i...] is element offset + sum(i * strides) of `root`, which owns its
  /// memory.
  struct Place {
    const Value* root = nullptr;
    Dim offset;
    bool contiguous = true;
    Shape strides;  ///< one per dimension; of contiguous places too
  };
  Place place_of(const Value* value) const;

  /// No step: the outputs are views, or the operands of a concat are (or get a copy, see is_part_of).
  bool is_free(const Node& node) const { return free_.contains(&node); }
  /// Whether `value` lies within the result of `concat`, rather than having to be copied there. Of free concats.
  bool is_part_of(const Value* value, const Node& concat) const;
  /// The place within the result of a free concat where operand `index` belongs.
  Place place_of_operand(const Node& concat, std::size_t index) const;

 private:
  struct Link {
    const Value* parent = nullptr;
    bool same_elements = false;  // reshape: all of the parent, row-major
    std::vector<Dim> starts;     // otherwise: the first element within the parent
  };

  void own_by_outputs(const Graph& graph);
  void join(const Node& concat);
  bool can_be_part(const Value* value, const Node& concat, bool contiguous) const;
  void cut(const Node& slice);
  void alias(const Node& reshape);
  Place part(const Place& whole, const Value& shape_of, const std::vector<Dim>& starts) const;
  bool readers_take_rows(const Value* value, const Node* except) const;
  bool readers_take_strides(const Value* value, const Shape& strides) const;

  std::unordered_map<const Value*, Link> links_;
  std::unordered_set<const Node*> free_;
};

/// Row-major strides of a shape.
Shape contiguous_strides(const Shape& shape);

}  // namespace tegula::compiler
