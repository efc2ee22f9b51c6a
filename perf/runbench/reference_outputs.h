#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compiler/data/tensor_data.h"
#include "schema/base/result.h"
#include "tegula/instance.h"
#include "tegula/program.h"

namespace tegula::runbench {

/// What a program's outputs are compared with, unless the samples bring it: another program that runs on the same
/// inputs (.tgl), or outputs that were stored (.npz, a row for each sample in the data's order).
class ReferenceOutputs {
 public:
  /// kInvalidArgument: neither of both, or nothing in it goes with the program's outputs or the number of samples.
  static Result<ReferenceOutputs> open(const std::string& path, const Program& program, int64_t samples, int threads);

  /// Expected outputs of samples [first, first + count) of the data, sample by sample: those that are known, under the
  /// names of the program's outputs. `inputs`: these samples' (and possibly more behind them), `joined` altogether.
  Result<std::vector<std::vector<data::NamedTensor>>> outputs(std::span<const data::NamedTensor> inputs, int64_t joined,
                                                              int64_t first, int64_t count);

 private:
  ReferenceOutputs() = default;
  std::string path_;
  std::vector<std::string> names_;  // of the program's outputs
  std::optional<Program> program_;
  std::optional<Instance> instance_;
  std::vector<data::NamedTensor> arrays_;  // stored ones, a fixed number of rows a sample
  int64_t samples_ = 0;
};

}  // namespace tegula::runbench
