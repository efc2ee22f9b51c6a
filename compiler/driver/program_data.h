#pragma once
#include <span>
#include <string>

#include "compiler/data/data_set.h"
#include "schema/base/result.h"
#include "tegula/program.h"

namespace tegula::driver {

/// Whether the first dimension of every input counts samples: it is 1, or the same symbol for all.
bool rows_are_samples(std::span<const TensorInfo> inputs);

inline constexpr const char* kDataHelp =
    "Samples: an archive (.npz, .npy), each row one where the model's first dimension is 1 or a symbol, or where there "
    "is an array 'labels'; a folder of archives; test_data_set_N; images (README.md, \"Data\")";

/// The samples at `path` (data/data_set.h) for a program, images by `preprocessing` (read_preprocessing(); empty:
/// none). Shared by aotc and runbench.
Result<data::DataSet> open_data(const Program& program, const std::string& path, const std::string& preprocessing);

}  // namespace tegula::driver
