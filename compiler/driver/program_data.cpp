#include "compiler/driver/program_data.h"

#include <algorithm>

#include "compiler/driver/preprocessing_file.h"
#include "compiler/driver/program_io.h"

namespace tegula::driver {

bool rows_are_samples(std::span<const TensorInfo> inputs) {
  return !inputs.empty() && std::all_of(inputs.begin(), inputs.end(), [&](const TensorInfo& input) {
    if (input.dims.empty() || input.feeds_shapes || inputs[0].dims.empty()) return false;
    const Dimension &rows = input.dims[0], &first = inputs[0].dims[0];
    return rows.size == first.size && rows.symbol == first.symbol && (rows.size == 1 || rows.size < 0);
  });
}

Result<data::DataSet> open_data(const Program& program, const std::string& path, const std::string& preprocessing) {
  data::DataSetOptions how{input_names(program), output_names(program), {}, rows_are_samples(program.inputs())};
  if (!preprocessing.empty()) {
    TEGULA_ASSIGN_OR_RETURN(how.preprocessing, read_preprocessing(preprocessing));
  }
  return data::DataSet::open(path, how);
}

}  // namespace tegula::driver
