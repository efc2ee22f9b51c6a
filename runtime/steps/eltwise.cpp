#include "kernels/eltwise/eltwise.h"

#include "kernels/eltwise/eltwise_kernel.h"
#include "runtime/plan/kernel_library.h"
#include "runtime/steps/blocks.h"
#include "runtime/steps/operand_sizes.h"

namespace tegula::runtime {
namespace {

/// Bytes of all operands, a measure of the work.
int64_t bytes_of(const OperandSizes& sizes) {
  int64_t bytes_per_element = 0;
  for (const kernels::TensorView& input : sizes.inputs) bytes_per_element += static_cast<int64_t>(size_of(input.dtype));
  return sizes.outputs[0].count() * (bytes_per_element + static_cast<int64_t>(size_of(sizes.outputs[0].dtype)));
}

/// Operands of one step, and their addresses in one run.
class EltwiseOperands {
 public:
  explicit EltwiseOperands(const BindContext& context)
      : inputs_(context.inputs.begin(), context.inputs.end()), dst_(context.outputs[0]) {}

  std::size_t count() const { return inputs_.size(); }
  const BoundTensor& input(std::size_t i) const { return inputs_[i]; }
  const BoundTensor& dst() const { return dst_; }

 private:
  std::vector<BoundTensor> inputs_;
  BoundTensor dst_;
};

class GeneratedEltwise final : public BoundStep {
 public:
  GeneratedEltwise(const BindContext& context, const OperandSizes& sizes, kernels::EltwiseCodePtr code,
                   std::string name)
      : operands_(context),
        plan_(sizes.inputs, sizes.outputs[0]),
        bytes_(bytes_of(sizes)),
        code_(std::move(code)),
        name_(std::move(name)) {}

  int64_t blocks(int workers) const override { return blocks_of_bytes(plan_.units(), bytes_, workers); }

  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte*) const override {
    std::array<const std::byte*, kernels::kMaxEltwiseInputs> inputs{};
    for (std::size_t i = 0; i < operands_.count(); ++i) inputs[i] = context.address(operands_.input(i));
    const BlockRange range(plan_.units(), block, blocks);
    plan_.run(*code_, std::span(inputs).first(operands_.count()), context.address(operands_.dst()), range.begin,
              range.end);
  }

  std::string implementation() const override { return name_; }

 private:
  EltwiseOperands operands_;
  kernels::EltwisePlan plan_;
  int64_t bytes_;
  kernels::EltwiseCodePtr code_;
  std::string name_;
};

class PlainEltwiseStep final : public BoundStep {
 public:
  PlainEltwiseStep(const BindContext& context, const OperandSizes& sizes, kernels::PlainEltwise plain)
      : operands_(context), count_(sizes.outputs[0].count()), bytes_(bytes_of(sizes)), plain_(std::move(plain)) {}

  int64_t blocks(int workers) const override { return blocks_of_bytes(count_, bytes_, workers); }
  std::size_t scratch_bytes() const override { return plain_.scratch_bytes(); }

  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte* scratch) const override {
    std::array<kernels::TensorView, kernels::kMaxEltwiseInputs> inputs;
    for (std::size_t i = 0; i < operands_.count(); ++i) inputs[i] = context.view(operands_.input(i));
    plain_.run(std::span(inputs).first(operands_.count()), context.view(operands_.dst()), block, blocks, scratch);
  }

  std::string implementation() const override { return "plain"; }
  bool plain_loops() const override { return true; }

 private:
  EltwiseOperands operands_;
  int64_t count_, bytes_;
  kernels::PlainEltwise plain_;
};

Result<FunctionProgram> program_of(const BindContext& context) {
  FunctionProgram program{static_cast<uint16_t>(context.inputs.size()), {}};
  const auto* rows = context.step.attributes_as_Eltwise()->instructions();
  if (rows == nullptr) return context.invalid("no instructions");
  for (const schema::FunctionInstruction* row : *rows)
    program.instructions.push_back({static_cast<Function>(row->function()), row->a(), row->b(), row->c(), row->alpha(),
                                    row->beta(), static_cast<DType>(row->to())});
  return program;
}

}  // namespace

Result<std::unique_ptr<BoundStep>> bind_eltwise(const BindContext& context) {
  if (context.outputs.size() != 1 || !context.outputs[0].present()) return context.invalid("one output expected");
  if (context.inputs.size() > kernels::kMaxEltwiseInputs)
    return context.invalid(context.inputs.size(), " inputs, more than ", kernels::kMaxEltwiseInputs);
  for (const BoundTensor& input : context.inputs)
    if (!input.present()) return context.invalid("an input is absent");
  TEGULA_ASSIGN_OR_RETURN(FunctionProgram program, program_of(context));
  const OperandSizes sizes(context);
  const kernels::TensorView& dst = sizes.outputs[0];
  if (const Status status = check_eltwise(program, sizes.inputs, dst); !status.ok())
    return context.invalid(status.error().message);

  const auto desc = kernels::describe_eltwise(program, sizes.inputs, dst, context.features);
  if (desc.ok()) {
    decline_wider_code(context);
    auto& cache = context.kernels.cache<kernels::EltwiseCodeDesc, kernels::EltwiseCode>();
    TEGULA_ASSIGN_OR_RETURN(kernels::EltwiseCodePtr code, cache.get_or_build(*desc, kernels::build_eltwise));
    return std::unique_ptr<BoundStep>(
        std::make_unique<GeneratedEltwise>(context, sizes, std::move(code), desc->name()));
  }
  decline_generated_code(context, desc.error().message);
  std::vector<DType> types;
  for (const kernels::TensorView& input : sizes.inputs) types.push_back(input.dtype);
  TEGULA_ASSIGN_OR_RETURN(kernels::PlainEltwise plain, kernels::PlainEltwise::make(std::move(program), types));
  return std::unique_ptr<BoundStep>(std::make_unique<PlainEltwiseStep>(context, sizes, std::move(plain)));
}

}  // namespace tegula::runtime
