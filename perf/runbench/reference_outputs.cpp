#include "perf/runbench/reference_outputs.h"

#include <algorithm>
#include <filesystem>

#include "compiler/data/npz.h"
#include "compiler/driver/batch.h"
#include "compiler/driver/program_io.h"

namespace tegula::runbench {
namespace {

using data::in_quotes;
using data::NamedTensor;

/// Gives tensors the program's names: those that have one of them keep it; when none has, they go by position.
std::vector<NamedTensor> named_after(const std::vector<std::string>& names, std::vector<NamedTensor> tensors) {
  std::vector<NamedTensor> known;
  for (const NamedTensor& tensor : tensors)
    if (std::find(names.begin(), names.end(), tensor.name) != names.end()) known.push_back(tensor);
  if (!known.empty() || tensors.size() != names.size()) return known;
  for (std::size_t i = 0; i < names.size(); ++i) tensors[i].name = names[i];
  return tensors;
}

}  // namespace

Result<ReferenceOutputs> ReferenceOutputs::open(const std::string& path, const Program& program, int64_t samples,
                                                int threads) {
  const auto invalid = [&](const auto&... parts) {
    return Error{ErrorCode::kInvalidArgument, concat(in_quotes(path), ": ", parts...)};
  };
  ReferenceOutputs reference;
  reference.path_ = path;
  reference.names_ = driver::output_names(program);
  reference.samples_ = samples;
  const std::string suffix = std::filesystem::path(path).extension().string();
  if (suffix == ".tgl") {
    TEGULA_ASSIGN_OR_RETURN(reference.program_, Program::open(path));
    TEGULA_ASSIGN_OR_RETURN(reference.instance_, Instance::create(*reference.program_, {.threads = threads}));
    return reference;
  }
  if (suffix != ".npz") return invalid("a reference is a program (.tgl) or stored outputs (.npz)");
  TEGULA_ASSIGN_OR_RETURN(std::vector<NamedTensor> arrays, data::read_npz(path));
  std::erase_if(arrays, [](const NamedTensor& array) { return array.name == "labels"; });
  reference.arrays_ = named_after(reference.names_, std::move(arrays));
  if (reference.arrays_.empty()) return invalid("no array is named after an output of the program");
  for (const NamedTensor& array : reference.arrays_)
    if (array.tensor.dims.empty() || samples == 0 || array.tensor.dims[0] % samples != 0 || array.tensor.dims[0] == 0)
      return invalid("array ", in_quotes(array.name), " has dimensions ", to_string(array.tensor.dims), " for ",
                     samples, " samples");
  return reference;
}

Result<std::vector<std::vector<NamedTensor>>> ReferenceOutputs::outputs(std::span<const NamedTensor> inputs,
                                                                        int64_t joined, int64_t first, int64_t count) {
  const auto of_file = [&](const Error& error) {
    return Error{error.code, concat(in_quotes(path_), ": ", error.message)};
  };
  std::vector<std::vector<NamedTensor>> samples(static_cast<std::size_t>(count));
  if (program_) {
    auto feeds = driver::match_inputs(*program_, {inputs.begin(), inputs.end()});
    if (!feeds.ok()) return of_file(feeds.error());
    auto outputs = driver::run_once(*program_, *instance_, *feeds);
    if (!outputs.ok()) return of_file(outputs.error());
    const std::vector<NamedTensor> named = named_after(names_, std::move(*outputs));
    for (int64_t i = 0; i < count; ++i) {
      TEGULA_ASSIGN_OR_RETURN(samples[static_cast<std::size_t>(i)], driver::part_of(named, i, joined));
    }
    return samples;
  }
  for (const NamedTensor& array : arrays_) {
    const int64_t rows = array.tensor.dims[0] / samples_;
    for (int64_t i = 0; i < count; ++i) {
      TEGULA_ASSIGN_OR_RETURN(data::Tensor tensor, data::slice_outermost(array.tensor, (first + i) * rows, rows));
      samples[static_cast<std::size_t>(i)].push_back({array.name, std::move(tensor)});
    }
  }
  return samples;
}

}  // namespace tegula::runbench
