#include <algorithm>
#include <array>
#include <cstdlib>
#include <numeric>
#include <utility>

#include "kernels/scratch.h"
#include "runtime/plan/bind_kernels.h"
#include "runtime/plan/bind_shapes.h"
#include "runtime/plan/bind_values.h"
#include "runtime/plan/plan.h"
#include "runtime/plan/plan_memory.h"
#include "runtime/printable.h"
#include "runtime/program_state.h"

namespace tegula::runtime {
namespace {

bool same_layout(const BoundTensor& a, const BoundTensor& b) {
  return std::equal(a.shape().begin(), a.shape().end(), b.shape().begin(), b.shape().end()) && a.is_contiguous() &&
         b.is_contiguous();
}

// Values that share one buffer because a step works in place: each value's buffer, and the buffers.
struct Buffers {
  std::vector<std::size_t> of_value;
  std::vector<Buffer> buffers;
};

Buffers collect_buffers(const ProgramState& program, const std::vector<BoundTensor>& values) {
  Buffers result;
  result.of_value.resize(values.size());
  std::iota(result.of_value.begin(), result.of_value.end(), 0);
  result.buffers.resize(values.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    if (program.model().values[i].storage == Storage::kArena)
      result.buffers[i] = {bytes_of(values[i]), program.lifetimes()[i]};

  // Steps come in order, so a chain of them hands one buffer on from each to the next.
  for (const InPlaceCandidate& candidate : program.in_place_candidates()) {
    const auto base = static_cast<std::size_t>(program.model().base_of(candidate.input));
    const auto output = static_cast<std::size_t>(candidate.output);
    const BoundTensor& input = values[static_cast<std::size_t>(candidate.input)];
    const std::size_t from = result.of_value[base], to = result.of_value[output];
    if (to != output || input.count() != values[base].count() || !same_layout(input, values[output])) continue;
    result.of_value[output] = from;
    result.buffers[from].lifetime.last =
        std::max(result.buffers[from].lifetime.last, result.buffers[output].lifetime.last);
    result.buffers[output] = {};
  }
  return result;
}

Status check_total(std::span<const Buffer> buffers, uint64_t outputs) {
  uint64_t total = outputs;
  for (const Buffer& buffer : buffers) total += std::min<uint64_t>(buffer.bytes, kLargestBytes);
  if (total <= static_cast<uint64_t>(kLargestBytes)) return {};
  return Error{ErrorCode::kInvalidArgument, "these input shapes need more memory than any machine has"};
}

// Adds to each value's location, relative to its base, where the base lies in the arena.
void place_values(const ProgramState& program, const Buffers& buffers, const MemoryPlan& memory,
                  std::vector<BoundTensor>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i].location.memory != Location::Memory::kArena) continue;
    const auto base = static_cast<std::size_t>(program.model().base_of(static_cast<int32_t>(i)));
    values[i].location.offset += static_cast<int64_t>(memory.offsets[buffers.of_value[base]]);
  }
}

// A step may not write one element twice: threads would race for it.
bool has_distinct_elements(const BoundTensor& tensor) {
  if (tensor.count() <= 1) return true;
  std::array<std::pair<int64_t, int64_t>, kernels::kMaxRank> by_stride;  // stride, dim; insertion keeps it sorted
  int n = 0;
  for (int d = 0; d < tensor.rank; ++d) {
    if (tensor.dims[d] <= 1) continue;
    const std::pair<int64_t, int64_t> entry(std::abs(tensor.strides[d]), tensor.dims[d]);
    int at = n++;
    for (; at > 0 && by_stride[at - 1] > entry; --at) by_stride[at] = by_stride[at - 1];
    by_stride[at] = entry;
  }
  int64_t extent = 0;  // of the dimensions so far, from their first to their last element
  for (int i = 0; i < n; ++i) {
    if (by_stride[i].first <= extent) return false;
    extent += by_stride[i].first * (by_stride[i].second - 1);
  }
  return true;
}

// Views that steps write must have distinct elements, and those of one base must cover it before it counts as written.
Status check_written_views(const ProgramState& program, const std::vector<BoundTensor>& values) {
  const ProgramModel& model = program.model();
  for (const int32_t view : program.written_views())
    if (const BoundTensor& tensor = values[static_cast<std::size_t>(view)]; !has_distinct_elements(tensor))
      return Error{ErrorCode::kInvalidFile,
                   concat("value ", quoted(tensor.name), ": a step writes elements that overlap")};
  std::vector<uint64_t> covered;
  for (const int32_t view : program.written_views()) {
    if (covered.empty()) covered.resize(values.size(), 0);
    covered[static_cast<std::size_t>(model.base_of(view))] +=
        static_cast<uint64_t>(values[static_cast<std::size_t>(view)].count());
  }
  for (const int32_t view : program.written_views()) {
    const auto base = static_cast<std::size_t>(model.base_of(view));
    if (covered[base] != static_cast<uint64_t>(values[base].count()))
      return Error{ErrorCode::kInvalidFile, concat("value ", quoted(values[base].name), ": steps write ", covered[base],
                                                   " of its ", values[base].count(), " elements")};
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<const Plan>> make_plan(const ProgramState& program, std::span<const int64_t> key) {
  const ProgramModel& model = program.model();
  TEGULA_ASSIGN_OR_RETURN(const std::vector<int64_t> expressions, bind_shapes(model, program.key_layout(), key));
  auto plan = std::make_shared<Plan>();
  TEGULA_ASSIGN_OR_RETURN(plan->values, bind_values(model, program.prototypes(), expressions));
  TEGULA_RETURN_IF_ERROR(check_written_views(program, plan->values));

  uint64_t output_bytes = 0;
  for (const ProgramModel::Port& port : model.outputs) {
    const BoundTensor& tensor = plan->values[port.value];
    plan->output_dims.emplace_back(tensor.shape().begin(), tensor.shape().end());
    plan->spare_offsets.push_back(output_bytes);
    output_bytes = std::min(output_bytes + kernels::whole_lines(bytes_of(tensor)), uint64_t{2} * kLargestBytes);
  }
  const Buffers buffers = collect_buffers(program, plan->values);
  TEGULA_RETURN_IF_ERROR(check_total(buffers.buffers, output_bytes));
  const auto hint = program.placement_hint();
  const MemoryPlan memory = plan_memory(buffers.buffers, hint ? *hint : std::vector<uint32_t>());
  if (!hint) program.keep_placement_hint(memory.order);
#ifndef NDEBUG
  TEGULA_RETURN_IF_ERROR(check_memory_plan(buffers.buffers, memory));
#endif
  plan->arena_bytes = memory.arena_bytes;
  plan->largest_live_bytes = memory.largest_live_bytes;
  plan->memory_bytes = memory.arena_bytes + output_bytes;
  for (uint64_t& offset : plan->spare_offsets) offset += memory.arena_bytes;
  place_values(program, buffers, memory, plan->values);

  TEGULA_ASSIGN_OR_RETURN(plan->steps,
                          bind_kernels(model, plan->values, expressions, program.features(), program.kernels()));
  for (const auto& step : plan->steps)
    plan->scratch_bytes = std::max<uint64_t>(plan->scratch_bytes, kernels::whole_lines(step->scratch_bytes()));
  return std::shared_ptr<const Plan>(std::move(plan));
}

}  // namespace tegula::runtime
