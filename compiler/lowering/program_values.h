#pragma once
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/graph/dim.h"
#include "compiler/lowering/constant_store.h"
#include "compiler/lowering/lower_context.h"
#include "compiler/lowering/view_plan.h"

namespace tegula::compiler {

/// The table of values of a program being written, with the table of expressions that their sizes are. Values get
/// their numbers in the order in which they are first asked for.
class ProgramValues final : public LowerContext {
 public:
  ProgramValues(const ViewPlan& views, ConstantStore& store) : views_(views), store_(store) {}

  uint32_t expression(const Dim& dim) override { return expressions_.add(dim); }
  int32_t value(const Value* value) override;
  int32_t packed_constant(std::string_view name, DType dtype, const Dims& dims, Packing packing,
                          std::vector<std::byte> bytes) override;

  /// Storage of a value that owns its memory, when it is not the arena; before value() is first called for it.
  void set_storage(const Value* value, Storage storage) { storage_[value] = storage; }
  /// A value that the graph does not have, with memory of its own.
  int32_t add_value(std::string_view name, DType dtype, const Shape& shape, Storage storage);
  /// A value that the graph does not have: a view of `place`.
  int32_t add_view(std::string_view name, DType dtype, const Shape& shape, const ViewPlan::Place& place);
  /// A contiguous view of all of value `base`, under another shape.
  int32_t add_reshaped(std::string_view name, DType dtype, const Shape& shape, int32_t base);
  /// From now on, `value` is known under this number.
  void set_number(const Value* value, int32_t number) { numbers_[value] = number; }

  ExpressionTable& expression_table() { return expressions_; }
  std::vector<std::unique_ptr<schema::ValueT>>& rows() { return rows_; }
  std::vector<int32_t>& contents() { return contents_; }
  /// The first failure to store a constant.
  const Status& status() const { return status_; }

 private:
  int32_t add_row(std::string_view name, DType dtype, const Shape& shape, Storage storage);
  void set_content(int32_t row, uint32_t content);
  std::string unique_name(std::string_view base);

  const ViewPlan& views_;
  ConstantStore& store_;
  ExpressionTable expressions_;
  std::vector<std::unique_ptr<schema::ValueT>> rows_;
  std::vector<int32_t> contents_;
  std::unordered_map<const Value*, int32_t> numbers_;
  std::unordered_map<const Value*, Storage> storage_;
  std::set<std::string, std::less<>> names_;
  std::map<std::string, int32_t> packed_;  // by what makes two packed constants the same
  Status status_;
};

}  // namespace tegula::compiler
