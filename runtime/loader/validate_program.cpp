#include "runtime/loader/validate_program.h"

#include <utility>

#include "runtime/loader/shared_bytes.h"

namespace tegula::runtime {

Result<ProgramModel> validate_program(Tables tables, uint64_t file_bytes) {
  const schema::Program& program = *tables.program;
  if (program.numerics_version() != kNumericsVersion)
    return invalid("is of numerics version ", program.numerics_version(), ", this runtime computes version ",
                   kNumericsVersion, "; compile the model with the aotc of this runtime");
  if (!vectors_are_apart(program, tables.bytes)) return invalid("the tables share their vectors");
  ProgramModel model;
  model.tables = std::move(tables);
  TEGULA_RETURN_IF_ERROR(validate_shapes(model));
  TEGULA_RETURN_IF_ERROR(validate_segments(model, file_bytes));
  TEGULA_RETURN_IF_ERROR(validate_values(model));
  TEGULA_RETURN_IF_ERROR(validate_steps(model));
  TEGULA_RETURN_IF_ERROR(validate_test_vectors(model));
  return model;
}

}  // namespace tegula::runtime
