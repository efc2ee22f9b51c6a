#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/data/npy.h"

namespace tegula::data {

/// Reads every array of a .npz archive (np.savez, np.savez_compressed) in the archive's order. Members that are not
/// .npy files, encrypted or compressed by other methods, and names that appear twice, are errors. What a member claims
/// to inflate to must be within what deflate can reach from its bytes, so a small file cannot ask for a large
/// allocation.
Result<std::vector<NamedTensor>> read_npz(const std::filesystem::path& path);

/// The one array `name` of the archive; the others are not looked at, whatever they hold.
Result<Tensor> read_npz_array(const std::filesystem::path& path, std::string_view name);

struct NamedSpan {
  std::string name;
  TensorSpan tensor;
};

/// Writes the arrays, stored or deflated, under their names and in this order. The same tensors give the same bytes
/// whenever and wherever they are written. The file appears under `path` only when it is complete.
Status write_npz(const std::filesystem::path& path, const std::vector<NamedSpan>& arrays, bool deflate = false);

}  // namespace tegula::data
