#pragma once
#include <cstdint>

#include "runtime/loader/program_model.h"
#include "runtime/printable.h"
#include "schema/base/result.h"

namespace tegula::runtime {

/// Checks what the verified tables mean, against a file of `file_bytes`: every index, enumeration and size; that
/// operands of expressions, bases of views and inputs of steps come earlier; that constants lie within their segment
/// with exactly the size that their dimensions and packing imply; that segments lie within the file, aligned and apart.
/// Takes time linear in the tables (n log n for names). kInvalidFile: what is wrong and where. Sizes that depend on
/// symbols are checked when they are bound.
Result<ProgramModel> validate_program(Tables tables, uint64_t file_bytes);

/// The parts of validate_program, in this order; each fills its fields of the model.
Status validate_shapes(ProgramModel& model);  // symbols, expressions, constraints
Status validate_segments(ProgramModel& model, uint64_t file_bytes);
Status validate_values(ProgramModel& model);  // values, inputs, outputs
Status validate_steps(ProgramModel& model);
Status validate_test_vectors(ProgramModel& model);

/// kInvalidFile with `parts` joined.
template <typename... Parts>
Error invalid(const Parts&... parts) {
  return Error{ErrorCode::kInvalidFile, concat(parts...)};
}

/// How many entries a vector of FlatBuffers has; an absent one has none.
template <typename Vector>
std::size_t size_of_vector(const Vector* vector) {
  return vector == nullptr ? 0 : vector->size();
}

}  // namespace tegula::runtime
