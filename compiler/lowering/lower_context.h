#pragma once
#include <cstdint>
#include <string>

#include "compiler/graph/graph.h"
#include "schema/file_layout.h"
#include "schema/program_generated.h"

namespace tegula::compiler {

/// What an op's lower() may ask of the program being written.
class LowerContext {
 public:
  virtual ~LowerContext() = default;

  /// Row of the table of expressions.
  virtual uint32_t expression(const Dim& dim) = 0;
  std::vector<uint32_t> expressions(const Shape& dims) {
    std::vector<uint32_t> rows;
    for (const Dim& dim : dims) rows.push_back(expression(dim));
    return rows;
  }

  /// Index of a value in the program's table; -1 for nullptr. Constants are written plain on first use.
  virtual int32_t value(const Value* value) = 0;

  /// Adds a constant in a packed layout. `dims` are what the step's contract says; `bytes` exactly what they and the
  /// packing imply. Equal content is stored once.
  virtual int32_t packed_constant(std::string_view name, DType dtype, const Dims& dims, Packing packing,
                                  std::vector<std::byte> bytes) = 0;
};

}  // namespace tegula::compiler
