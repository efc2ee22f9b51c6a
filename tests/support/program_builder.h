#pragma once
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/generated_program.h"
#include "schema/base/dtype.h"
#include "schema/base/shape.h"
#include "schema/expressions.h"
#include "schema/file_layout.h"

namespace tegula::test {

/// Writes program files by hand, through FlatBuffers' object API: no compiler involved.
///
///   ProgramBuilder b;
///   const auto batch = b.symbol("batch", 1, 64);
///   const int32_t x = b.input("x", DType::kF32, {batch, 3}), y = b.output("y", DType::kF32, {3, batch});
///   schema::TransposeT transpose;
///   transpose.perm = {1, 0};
///   b.step(transpose, {x}, {y});
///   Program::open(b.file());   // the bytes must outlive the program
class ProgramBuilder {
 public:
  /// A row of the table of expressions.
  struct Expression {
    uint32_t index;
  };

  /// A dimension: a number or an expression.
  struct Dimension {
    Dimension(int64_t value) : number(value) {}
    Dimension(Expression e) : expression(e), is_expression(true) {}

    int64_t number = 0;
    Expression expression{0};
    bool is_expression = false;
  };
  using Shape = std::vector<Dimension>;

  ProgramBuilder();

  Expression number(int64_t value);
  Expression symbol(const std::string& name, int64_t min = 0, int64_t max = INT64_MAX);
  Expression expression(ExprOp op, Dimension a, Dimension b = 0, Dimension c = 0, double scale = 0);
  void constraint(schema::ConstraintKind kind, Dimension a, Dimension b, const std::string& message);

  // Values; each returns its index.
  int32_t input(const std::string& name, DType dtype, const Shape& shape);
  int32_t output(const std::string& name, DType dtype, const Shape& shape);
  int32_t arena(const std::string& name, DType dtype, const Shape& shape);
  int32_t view(const std::string& name, int32_t base, const Shape& shape, Dimension offset = 0,
               const Shape& strides = {});
  /// An input whose elements are read into symbols when shapes are bound.
  int32_t shape_input(const std::string& name, DType dtype, const Dims& dims, const std::vector<Expression>& symbols);
  int32_t constant(const std::string& name, DType dtype, const Dims& dims, std::span<const std::byte> bytes,
                   Packing packing = Packing::kPlain);
  template <typename T>
  int32_t constant(const std::string& name, const Dims& dims, const std::vector<T>& elements) {
    return constant(name, dtype_of<T>::value, dims, std::as_bytes(std::span<const T>(elements)));
  }

  /// The step stays editable until file(). Its name is its number.
  template <typename Attributes>
  schema::StepT& step(Attributes attributes, std::vector<int32_t> inputs, std::vector<int32_t> outputs) {
    schema::StepT& step = add_step(std::move(inputs), std::move(outputs));
    step.attributes.Set(std::move(attributes));
    return step;
  }

  /// The tables as they stand, to damage them or to set what has no function here. Segments are added by file().
  schema::ProgramT& tables() { return tables_; }

  /// Compress the segment of constants.
  void compress() { compress_ = true; }

  std::vector<std::byte> file() const;

 private:
  uint32_t index_of(const Dimension& dimension);
  std::vector<uint32_t> indices_of(const Shape& shape);
  int32_t add_value(const std::string& name, DType dtype, const Shape& shape, Storage storage);
  schema::StepT& add_step(std::vector<int32_t> inputs, std::vector<int32_t> outputs);

  schema::ProgramT tables_;
  std::vector<std::byte> constants_;
  bool compress_ = false;
};

/// A whole file out of tables and the bytes behind them (which begin at the next multiple of 4096): header with right
/// sizes and checksums.
std::vector<std::byte> assemble_file(std::span<const std::byte> tables, std::span<const std::byte> segments);

/// Corrects the checksums of a file whose header or tables were changed, so that a reader gets to see the change.
void correct_checksums(std::span<std::byte> file);

}  // namespace tegula::test
