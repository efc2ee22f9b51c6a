#include "perf/runbench/selftest.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "compiler/driver/compare.h"
#include "compiler/driver/program_io.h"

namespace tegula::runbench {
namespace {

using data::NamedTensor;

Result<std::vector<NamedTensor>> copies_of(std::span<const NamedConstTensor> stored) {
  std::vector<NamedTensor> tensors;
  for (const NamedConstTensor& named : stored) {
    TEGULA_ASSIGN_OR_RETURN(data::Tensor tensor, data::make_tensor(named.tensor.dtype, named.tensor.dims));
    if (!tensor.bytes.empty()) std::memcpy(tensor.bytes.data(), named.tensor.data, tensor.bytes.size());
    tensors.push_back({std::string(named.name), std::move(tensor)});
  }
  return tensors;
}

}  // namespace

Result<SelftestResult> selftest(const std::string& path, int threads) {
  TEGULA_ASSIGN_OR_RETURN(const Program program, Program::open(path));
  TEGULA_ASSIGN_OR_RETURN(Instance instance, Instance::create(program, {.threads = threads}));
  const std::vector<TestVector> vectors = program.test_vectors();
  if (vectors.empty())
    return Error{ErrorCode::kInvalidArgument,
                 concat(path, ": it holds no test vectors; compile it with aotc compile --bundle 2")};
  SelftestResult result;
  for (const TestVector& vector : vectors) {
    TEGULA_ASSIGN_OR_RETURN(std::vector<NamedTensor> stored, copies_of(vector.inputs));
    TEGULA_ASSIGN_OR_RETURN(const std::vector<NamedTensor> inputs, driver::match_inputs(program, std::move(stored)));
    TEGULA_ASSIGN_OR_RETURN(const std::vector<NamedTensor> want, copies_of(vector.outputs));
    TEGULA_ASSIGN_OR_RETURN(const std::vector<NamedTensor> got, driver::run_once(program, instance, inputs));
    const double allowed = 2 * vector.deviation;
    for (const NamedTensor& output : got) {
      const data::Tensor* expected = data::find_tensor(want, output.name);
      if (expected == nullptr) continue;
      const driver::Difference difference = driver::compare(output.tensor, *expected);
      if (!difference.within(allowed) && result.failure.empty())
        result.failure = concat("test vector ", result.vectors, ", output ", data::in_quotes(output.name), ": ",
                                difference.to_string(), "; allowed is ", allowed);
      result.worst_deviation = std::max(result.worst_deviation, difference.relative());
    }
    result.allowed = std::max(result.allowed, allowed);
    ++result.vectors;
  }
  return result;
}

}  // namespace tegula::runbench
