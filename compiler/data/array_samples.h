#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "compiler/data/data_set.h"

namespace tegula::data {

/// Samples out of named arrays: one archive (.npz), one folder of .npy, or one .npy.
struct ArraySamples {
  std::vector<std::function<Result<Sample>()>> samples;
  bool has_labels = false;
  std::string description;  ///< "100 samples, the rows of 'x' (f32[100,3,32,32]); 'id' (s64[100]) is not used"
};

/// How the arrays are read; called again when the last archive that was read is another one, so that a folder of many
/// stays out of memory.
using ReadArrays = std::function<Result<std::vector<NamedTensor>>()>;

/// Keeps one archive of several samples in memory, the last that was asked for, for all of a data set.
class LastArchive;
std::shared_ptr<LastArchive> make_last_archive();

/// `path` is where `read` reads, for messages and as the archive's name. Which arrays are inputs, outputs and labels,
/// and whether rows are samples: DataSetOptions. kInvalidArgument: an input is missing, or a name that the
/// preprocessing gives; kInvalidFile: rows do not agree.
Result<ArraySamples> array_samples(const std::filesystem::path& path, ReadArrays read, const DataSetOptions& options,
                                   std::shared_ptr<LastArchive> last);

}  // namespace tegula::data
