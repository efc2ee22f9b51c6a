#include "runtime/plan/lifetimes.h"

#include <algorithm>

namespace tegula::runtime {
namespace {

bool contains(const flatbuffers::Vector<int32_t>* values, int32_t value) {
  return values != nullptr && std::find(values->begin(), values->end(), value) != values->end();
}

/// Whether the step reads each element of the input before it writes the same element of its output, on the same
/// thread, and never reads it again: an input of the same dimensions and element size may then share the output's
/// memory. A kernel that writes an element twice (an overlapping last vector, say) must not be listed. Products read
/// the operands of their post-ops so, but not what they multiply.
bool works_in_place(const ProgramModel::Step& step, int32_t input) {
  switch (step.table->attributes_type()) {
    case schema::StepAttributes::Eltwise: return true;
    case schema::StepAttributes::Gemm:
    case schema::StepAttributes::MatMul:
    case schema::StepAttributes::Conv: {
      const auto* const post_ops = step.table->post_ops();
      return post_ops != nullptr && !contains(step.table->inputs(), input) &&
             std::any_of(post_ops->begin(), post_ops->end(),
                         [&](const schema::PostOp* row) { return row->operand() == input; });
    }
    default: return false;
  }
}

}  // namespace

std::vector<Lifetime> find_lifetimes(const ProgramModel& model) {
  std::vector<Lifetime> lifetimes(model.values.size());
  for (std::size_t s = 0; s < model.steps.size(); ++s) {
    const auto step = static_cast<int32_t>(s);
    const auto touch = [&](int32_t value) {
      Lifetime& lifetime = lifetimes[static_cast<std::size_t>(model.base_of(value))];
      lifetime.first = std::min(lifetime.first, step);
      lifetime.last = std::max(lifetime.last, step);
    };
    for (const int32_t value : model.steps[s].reads) touch(value);
    for (const int32_t value : model.steps[s].writes) touch(value);
  }
  return lifetimes;
}

std::vector<InPlaceCandidate> find_in_place_candidates(const ProgramModel& model,
                                                       const std::vector<Lifetime>& lifetimes) {
  std::vector<InPlaceCandidate> candidates;
  const auto value_of = [&](int32_t value) -> const ProgramModel::Value& {
    return model.values[static_cast<std::size_t>(value)];
  };
  for (std::size_t s = 0; s < model.steps.size(); ++s) {
    const ProgramModel::Step& step = model.steps[s];
    if (step.writes.size() != 1) continue;
    const int32_t output = step.writes[0];
    if (value_of(output).storage != Storage::kArena ||
        lifetimes[static_cast<std::size_t>(output)].first != static_cast<int32_t>(s))
      continue;
    for (const int32_t input : step.reads) {
      if (!works_in_place(step, input)) continue;
      const int32_t base = model.base_of(input);
      // Another view of the same memory would be read in another order.
      const bool read_only_so = std::all_of(step.reads.begin(), step.reads.end(), [&](int32_t other) {
        return other == input || model.base_of(other) != base;
      });
      if (read_only_so && base != output && value_of(base).storage == Storage::kArena &&
          lifetimes[static_cast<std::size_t>(base)].last == static_cast<int32_t>(s) &&
          size_of(value_of(input).dtype) == size_of(value_of(output).dtype))
        candidates.push_back({static_cast<int32_t>(s), input, output});
    }
  }
  return candidates;
}

}  // namespace tegula::runtime
