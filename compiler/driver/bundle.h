#pragma once
#include <cstdint>
#include <filesystem>
#include <vector>

#include "compiler/data/data_set.h"
#include "compiler/driver/reference_model.h"
#include "schema/base/result.h"
#include "tegula/program.h"

namespace tegula::driver {

/// Adds test vectors to a program file: inputs, the reference's outputs, and the deviation of the program from it as
/// measured now. The file is replaced. `samples`: the inputs, in the program's types.
Status add_test_vectors(const std::filesystem::path& program, const ReferenceModel& model,
                        const std::vector<std::vector<data::NamedTensor>>& samples, bool compress);

}  // namespace tegula::driver
