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

std::string quoted(std::string_view name) {
  constexpr std::size_t kLongest = 80;
  std::string text = "\"";
  for (const char c : name.substr(0, kLongest)) {
    constexpr char kHex[] = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      text += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      text += c;
    }
  }
  return text + (name.size() > kLongest ? "...\"" : "\"");
}

}  // namespace tegula::runtime
