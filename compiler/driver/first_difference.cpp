#include "compiler/driver/first_difference.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>

#include "compiler/driver/program_io.h"
#include "kernels/tensor_view.h"

namespace tegula::driver {
namespace {

using data::NamedTensor;
using data::Tensor;

/// What one ONNX node computed: `order` grows along the execution.
struct NodeResult {
  int64_t order = 0;
  std::vector<NamedTensor> outputs;
};
using NodeResults = std::map<std::string, NodeResult, std::less<>>;

Result<NodeResults> reference_results(const ReferenceModel& model, std::span<const NamedTensor> inputs) {
  NodeResults results;
  int64_t order = 0;
  const auto see = [&](std::span<const std::string> onnx_nodes, std::string_view value, Tensor tensor) -> Status {
    ++order;
    if (onnx_nodes.empty()) return {};
    NodeResult& result = results[onnx_nodes.front()];
    // Several outputs of one node of the graph follow each other; a later node of the graph ends the same ONNX node.
    if (result.order != order - 1) result.outputs.clear();
    result.order = order;
    result.outputs.push_back({std::string(value), std::move(tensor)});
    return {};
  };
  auto outputs = model.run(inputs, see);
  if (!outputs.ok()) return std::move(outputs).error();
  return results;
}

/// [n, c, ...] as [n, ..., c].
Result<Tensor> channels_last(const Tensor& tensor) {
  std::vector<int> perm(tensor.dims.size());
  std::iota(perm.begin(), perm.end(), 0);
  std::rotate(perm.begin() + 1, perm.begin() + 2, perm.end());
  Dims dims;
  for (const int p : perm) dims.push_back(tensor.dims[static_cast<std::size_t>(p)]);
  TEGULA_ASSIGN_OR_RETURN(Tensor result, data::make_tensor(tensor.dtype, dims));
  const auto from =
      kernels::TensorView::contiguous(tensor.dtype, tensor.dims, static_cast<const void*>(tensor.bytes.data()))
          .permuted(perm);
  const std::size_t size = size_of(tensor.dtype);
  kernels::OffsetWalk<1> walk(dims, {&from});
  for (int64_t i = 0; i < walk.count(); ++i, walk.next())
    std::memcpy(result.bytes.data() + static_cast<std::size_t>(i) * size,
                tensor.bytes.data() + static_cast<std::size_t>(walk.offset(0)) * size, size);
  return result;
}

/// The smaller of the differences as the tensors stand and with the reference channels last; nullopt: the dimensions
/// fit neither way.
Result<std::optional<Difference>> compare_layouts(const Tensor& got, const Tensor& want) {
  std::optional<Difference> best;
  if (got.dtype != want.dtype) return best;
  if (got.dims == want.dims) best = compare(got, want);
  if (want.dims.size() >= 3 && got.dims.size() == want.dims.size()) {
    TEGULA_ASSIGN_OR_RETURN(const Tensor relaid, channels_last(want));
    if (got.dims == relaid.dims) {
      const Difference other = compare(got, relaid);
      if (!best || other.relative() < best->relative()) best = other;
    }
  }
  return best;
}

Tensor copy_of(const ConstTensorRef& tensor) {
  Tensor copy{tensor.dtype, tensor.dims, {}};
  copy.bytes.resize(static_cast<std::size_t>(copy.count()) * size_of(copy.dtype));
  if (!copy.bytes.empty()) std::memcpy(copy.bytes.data(), tensor.data, copy.bytes.size());
  return copy;
}

/// What the step's result should be: of the nodes that end with this step, the one that the model computes last.
const NodeResult* expected_result(const NodeResults& results, std::span<const std::string> nodes,
                                  const std::map<std::string, int64_t, std::less<>>& last_step, int64_t step) {
  const NodeResult* latest = nullptr;
  for (const std::string& node : nodes) {
    const auto result = results.find(node);
    if (result == results.end() || last_step.find(node)->second != step) continue;
    if (latest == nullptr || result->second.order > latest->order) latest = &result->second;
  }
  return latest;
}

Result<std::optional<Difference>> difference_of(std::string_view value, const Tensor& got, const NodeResult& expected) {
  const Tensor* named = data::find_tensor(expected.outputs, value);
  if (named == nullptr && expected.outputs.size() == 1) named = &expected.outputs.front().tensor;
  if (named == nullptr) return std::optional<Difference>();
  return compare_layouts(got, *named);
}

}  // namespace

Result<FirstDifference> find_first_difference(Instance& instance, std::span<const NamedTensor> inputs,
                                              const ReferenceModel& model, double tolerance) {
  TEGULA_ASSIGN_OR_RETURN(const NodeResults results, reference_results(model, inputs));

  // Which step is the last that works on each ONNX node: its result is the node's.
  std::map<std::string, int64_t, std::less<>> last_step;
  int64_t step = 0;
  Observer observer;
  observer.wants = [](std::string_view) { return true; };
  observer.see = [&](std::string_view, const ConstTensorRef&, std::span<const std::string> nodes) {
    for (const std::string& node : nodes) last_step[node] = step;
    ++step;
  };
  TEGULA_RETURN_IF_ERROR(instance.run_observed(references(inputs), {}, observer));

  FirstDifference first;
  Status status;
  step = 0;
  observer.see = [&](std::string_view value, const ConstTensorRef& tensor, std::span<const std::string> nodes) {
    const int64_t this_step = step++;
    if (first.step || !status.ok()) return;
    const NodeResult* expected = expected_result(results, nodes, last_step, this_step);
    if (expected == nullptr) return;
    auto difference = difference_of(value, copy_of(tensor), *expected);
    if (!difference.ok()) {
      status = std::move(difference).error();
      return;
    }
    if (!*difference) return;
    ++first.compared;
    if (!(*difference)->within(tolerance))
      first.step = StepDifference{std::string(value), {nodes.begin(), nodes.end()}, **difference};
  };
  TEGULA_RETURN_IF_ERROR(instance.run_observed(references(inputs), {}, observer));
  if (!status.ok()) return std::move(status).error();
  return first;
}

}  // namespace tegula::driver
