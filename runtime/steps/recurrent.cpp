#include "kernels/recurrent/recurrent.h"

#include <algorithm>

#include "runtime/steps/blocks.h"
#include "runtime/steps/operand_sizes.h"
#include "runtime/steps/step.h"

namespace tegula::runtime {
namespace {

/// Sequences, each in one direction, are independent.
class RecurrentStep final : public BoundStep {
 public:
  RecurrentStep(const kernels::RecurrentDesc& desc, const BindContext& context)
      : desc_(desc),
        name_(context.name()),
        units_(kernels::recurrent_units(desc, context.inputs[0].sizes())),
        scratch_floats_(kernels::recurrent_scratch(desc, context.inputs[1].sizes())) {
    std::copy(context.inputs.begin(), context.inputs.end(), inputs_.begin());
    std::copy(context.outputs.begin(), context.outputs.end(), outputs_.begin());
    const BoundTensor &gates = context.inputs[0], &recurrence = context.inputs[1];
    flop_ = 2.0 * static_cast<double>(gates.count()) * static_cast<double>(recurrence.dims[1]);
  }

  int64_t blocks(int workers) const override { return std::clamp<int64_t>(units_, 1, int64_t{4} * workers); }
  std::size_t scratch_bytes() const override { return static_cast<std::size_t>(scratch_floats_) * sizeof(float); }

  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte* scratch) const override {
    std::array<kernels::TensorView, kernels::kRecurrentInputs> inputs;
    std::array<kernels::TensorView, kOutputs> outputs;
    for (std::size_t i = 0; i < inputs.size(); ++i) inputs[i] = context.view(inputs_[i]);
    for (std::size_t i = 0; i < outputs.size(); ++i) outputs[i] = context.view(outputs_[i]);
    const BlockRange range(units_, block, blocks);
    for (int64_t unit = range.begin; unit < range.end; ++unit) {
      const Status status = kernels::recurrent_unit(desc_, inputs, outputs, unit, reinterpret_cast<float*>(scratch));
      if (!status.ok())
        return context.fail(status.error().code, concat(printable(name_), ": ", status.error().message));
    }
  }

  std::string implementation() const override { return "plain"; }
  bool plain_loops() const override { return true; }
  double flop() const override { return flop_; }

 private:
  static constexpr std::size_t kOutputs = 3;

  kernels::RecurrentDesc desc_;
  std::string_view name_;  // of the step, in the program
  int64_t units_, scratch_floats_;
  double flop_ = 0;
  std::array<BoundTensor, kernels::kRecurrentInputs> inputs_;
  std::array<BoundTensor, kOutputs> outputs_;
};

}  // namespace

Result<std::unique_ptr<BoundStep>> bind_recurrent(const BindContext& context) {
  const schema::Recurrent& table = *context.step.attributes_as_Recurrent();
  kernels::RecurrentDesc desc{.kind = static_cast<kernels::RecurrentKind>(table.kind()),
                              .directions = static_cast<int>(std::min<uint32_t>(table.directions(), 3)),
                              .reverse = table.reverse(),
                              .linear_before_reset = table.linear_before_reset(),
                              .input_forget = table.input_forget(),
                              .clip = table.clip()};
  const uint32_t count = table.activations() == nullptr ? 0 : table.activations()->size();
  if (desc.directions < 1 || desc.directions > 2 ||
      count != static_cast<uint32_t>(desc.directions * desc.activations_per_direction()))
    return context.invalid(count, " activations of ", table.directions(), " directions");
  for (uint32_t i = 0; i < count; ++i) {
    const schema::GateActivation& row = *table.activations()->Get(i);
    desc.activations[i] = {static_cast<Function>(row.function()), row.alpha(), row.beta(), row.in_scale(),
                           row.out_scale()};
  }
  const OperandSizes sizes(context);
  if (const Status status = check(desc, sizes.inputs, sizes.outputs); !status.ok())
    return context.invalid(status.error().message);
  return std::unique_ptr<BoundStep>(std::make_unique<RecurrentStep>(desc, context));
}

}  // namespace tegula::runtime
