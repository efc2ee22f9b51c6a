#include "compiler/driver/batch.h"

#include <algorithm>
#include <cstring>

namespace tegula::driver {

using data::in_quotes;
using data::NamedTensor;
using data::Tensor;

namespace {

int64_t fixed_rows(const Program& program) {
  if (program.inputs().empty() || program.inputs()[0].dims.empty()) return -1;
  return program.inputs()[0].dims[0].size;
}

}  // namespace

bool is_batch_fixed(const Program& program) {
  return fixed_rows(program) >= 0;
}

int64_t samples_per_run(const Program& program, const std::vector<NamedTensor>& sample, int64_t wanted) {
  if (wanted > 0) return wanted;
  const int64_t rows = fixed_rows(program);
  const Dims& dims = sample.empty() ? Dims{} : sample[0].tensor.dims;
  if (rows <= 0 || dims.empty() || dims[0] <= 0 || rows % dims[0] != 0) return 1;
  return rows / dims[0];
}

Result<std::vector<NamedTensor>> join(std::span<const data::Sample> samples) {
  std::vector<NamedTensor> joined = samples[0].inputs;
  if (samples.size() == 1) return joined;
  for (std::size_t k = 0; k < joined.size(); ++k) {
    const Dims& first = samples[0].inputs[k].tensor.dims;
    Dims dims = first;
    for (const data::Sample& sample : samples.subspan(1)) {
      const Dims& other = sample.inputs[k].tensor.dims;
      if (first.empty() || other.size() != first.size() ||
          !std::equal(first.begin() + 1, first.end(), other.begin() + 1))
        return Error{
            ErrorCode::kInvalidArgument,
            concat(in_quotes(sample.name), ": input ", in_quotes(joined[k].name), " has dimensions ", to_string(other),
                   ", which do not join ", to_string(first), " of ", in_quotes(samples[0].name), " into a batch")};
      dims[0] += other[0];
    }
    TEGULA_ASSIGN_OR_RETURN(Tensor tensor, data::make_tensor(joined[k].tensor.dtype, dims));
    std::byte* at = tensor.bytes.data();
    for (const data::Sample& sample : samples) {
      const auto& bytes = sample.inputs[k].tensor.bytes;
      if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
      at += bytes.size();
    }
    joined[k].tensor = std::move(tensor);
  }
  return joined;
}

Result<std::vector<NamedTensor>> part_of(std::span<const NamedTensor> outputs, int64_t sample, int64_t count) {
  std::vector<NamedTensor> parts;
  for (const NamedTensor& output : outputs) {
    const Dims& dims = output.tensor.dims;
    if (count == 1) {
      parts.push_back(output);
      continue;
    }
    if (dims.empty() || dims[0] % count != 0)
      return Error{ErrorCode::kInvalidArgument,
                   concat("output ", in_quotes(output.name), " has dimensions ", to_string(dims), ", which ", count,
                          " samples cannot share; use --batch 1")};
    const int64_t rows = dims[0] / count;
    TEGULA_ASSIGN_OR_RETURN(Tensor tensor, data::slice_outermost(output.tensor, sample * rows, rows));
    parts.push_back({output.name, std::move(tensor)});
  }
  return parts;
}

}  // namespace tegula::driver
