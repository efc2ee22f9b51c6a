#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "kernels/tensor_view.h"
#include "runtime/generated_program.h"
#include "runtime/loader/read_tables.h"
#include "schema/base/dtype.h"
#include "schema/expressions.h"
#include "schema/file_layout.h"

namespace tegula::runtime {

/// A validated program: what the tables say, decoded once, with every index, number and order of steps checked.
/// Planning reads this; FlatBuffers are looked at only for a step's attributes. Strings and attributes point into
/// `tables`.
struct ProgramModel {
  /// Index of a row of `expressions`.
  using Expression = uint32_t;

  struct Symbol {
    std::string_view name;
    int64_t min = 0, max = 0;
  };

  struct Constraint {
    schema::ConstraintKind kind{};
    Expression a = 0, b = 0;
    std::string_view message;
  };

  struct Value {
    std::string_view name;
    DType dtype = DType::kF32;
    Storage storage = Storage::kArena;
    Packing packing = Packing::kPlain;
    int rank = 0;
    std::array<Expression, kernels::kMaxRank> dims{};
    uint32_t segment = 0;            // of constants
    uint64_t offset = 0, bytes = 0;  // of constants
    int32_t base = -1;               // of views: a value that is no view
    int32_t view_offset = -1;        // of views: expression; -1: 0
    bool has_strides = false;        // of views
    std::array<Expression, kernels::kMaxRank> strides{};
    int32_t port = -1;  // of inputs and outputs
    const schema::Quantization* quantization = nullptr;

    std::span<const Expression> shape() const { return {dims.data(), static_cast<std::size_t>(rank)}; }
  };

  struct Port {
    std::string_view name;
    uint32_t value = 0;
    std::vector<uint32_t> element_symbols;  // of inputs that feed shapes
  };

  struct Step {
    const schema::Step* table = nullptr;
    std::span<const int32_t>
        reads;  // every value that it reads: inputs, operands of post-ops, those that attributes name
    std::span<const int32_t> writes;  // every value that it writes
  };

  struct Segment {
    uint64_t offset = 0, bytes = 0, stored_bytes = 0, xxh3 = 0;
    bool compressed = false;
  };

  Tables tables;
  std::vector<Symbol> symbols;
  std::vector<ExprNode> expressions;
  std::vector<int64_t> constant_expressions;  // values of the expressions that depend on no symbol
  std::vector<bool> is_constant;              // which expressions those are
  std::vector<Constraint> constraints;
  std::vector<Value> values;
  std::vector<Port> inputs, outputs;
  std::vector<Segment> segments;
  std::vector<Step> steps;
  std::vector<int32_t> operands;  // what Step::reads and ::writes point into

  /// The value that owns the memory: the base of a view, otherwise the value itself.
  int32_t base_of(int32_t value) const {
    const int32_t base = values[static_cast<std::size_t>(value)].base;
    return base < 0 ? value : base;
  }
};

}  // namespace tegula::runtime
