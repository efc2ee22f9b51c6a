#pragma once
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "runtime/steps/operand_sizes.h"
#include "runtime/steps/step.h"

namespace tegula::runtime {

/// A step that runs on plain loops: a function over tensor views with a descriptor, on one thread. For operators
/// that are rare or only move a few bytes; those that matter have their own BoundStep with blocks.
/// `Function` is Status(const Desc&, span<const TensorView> inputs, span<const TensorView> outputs); absent tensors
/// have data == nullptr.
template <typename Desc, typename PlainFunction>
class PlainStep final : public BoundStep {
 public:
  static constexpr std::size_t kMaxOperands = 16;

  PlainStep(Desc desc, PlainFunction function, const BindContext& context)
      : desc_(std::move(desc)),
        function_(function),
        name_(context.name()),
        inputs_(context.inputs.begin(), context.inputs.end()),
        outputs_(context.outputs.begin(), context.outputs.end()) {}

  void run(const RunContext& context, int64_t, int64_t, std::byte*) const override {
    std::array<kernels::TensorView, kMaxOperands> inputs, outputs;
    for (std::size_t i = 0; i < inputs_.size(); ++i) inputs[i] = context.view(inputs_[i]);
    for (std::size_t i = 0; i < outputs_.size(); ++i) outputs[i] = context.view(outputs_[i]);
    const Status status = function_(desc_, std::span<const kernels::TensorView>(inputs.data(), inputs_.size()),
                                    std::span<const kernels::TensorView>(outputs.data(), outputs_.size()));
    if (!status.ok()) context.fail(status.error().code, concat(printable(name_), ": ", status.error().message));
  }

  std::string implementation() const override { return "plain"; }
  bool plain_loops() const override { return true; }

 private:
  Desc desc_;
  PlainFunction function_;
  std::string_view name_;  // of the step, in the program
  std::vector<BoundTensor> inputs_, outputs_;
};

/// kInvalidFile when the step has more operands than a plain step can hold.
template <typename Desc, typename PlainFunction>
Result<std::unique_ptr<BoundStep>> make_plain_step(Desc desc, PlainFunction function, const BindContext& context) {
  using Step = PlainStep<Desc, PlainFunction>;
  if (context.inputs.size() > Step::kMaxOperands || context.outputs.size() > Step::kMaxOperands)
    return context.invalid("more than ", Step::kMaxOperands, " operands");
  return std::unique_ptr<BoundStep>(std::make_unique<Step>(std::move(desc), function, context));
}

/// The same for a kernel of kernels/plain_loops.h, whose check(desc, inputs, outputs) must succeed: kInvalidFile
/// otherwise.
template <typename Desc, typename PlainFunction>
Result<std::unique_ptr<BoundStep>> bind_plain_step(Desc desc, PlainFunction function, const BindContext& context) {
  const OperandSizes sizes(context);
  if (const Status status = check(desc, sizes.inputs, sizes.outputs); !status.ok())
    return context.invalid(status.error().message);
  context.decline("generated code", "this operation has none");
  return make_plain_step(std::move(desc), function, context);
}

}  // namespace tegula::runtime
