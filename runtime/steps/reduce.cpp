#include "kernels/reduce/reduce.h"

#include <algorithm>

#include "kernels/reduce/reduce_kernel.h"
#include "runtime/plan/kernel_library.h"
#include "runtime/steps/blocks.h"
#include "runtime/steps/operand_sizes.h"
#include "runtime/steps/plain_step.h"

namespace tegula::runtime {
namespace {

class ReduceStep final : public BoundStep {
 public:
  ReduceStep(const kernels::ReducePlan& plan, kernels::ReduceCodePtr code, std::string implementation,
             const BindContext& context)
      : plan_(plan),
        code_(std::move(code)),
        implementation_(std::move(implementation)),
        src_(context.inputs[0]),
        dst_(context.outputs[0]) {}

  int64_t blocks(int workers) const override { return blocks_of_bytes(plan_.units(), plan_.work() * 4, workers); }

  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte*) const override {
    const BlockRange range(plan_.units(), block, blocks);
    run_reduce(plan_, *code_, context.data<float>(src_), context.data<float>(dst_), range.begin, range.end);
  }

  std::string implementation() const override { return implementation_; }
  double flop() const override { return static_cast<double>(plan_.work()); }

 private:
  kernels::ReducePlan plan_;
  kernels::ReduceCodePtr code_;
  std::string implementation_;
  BoundTensor src_, dst_;
};

}  // namespace

Result<std::unique_ptr<BoundStep>> bind_reduce(const BindContext& context) {
  const schema::Reduce& table = *context.step.attributes_as_Reduce();
  kernels::ReduceDesc desc{static_cast<kernels::ReduceKind>(table.kind()), 0};
  if (table.axes() != nullptr)
    for (const uint32_t axis : *table.axes()) {
      if (axis >= kernels::kMaxRank) return context.invalid("axis ", axis);
      desc.axes |= 1u << axis;
    }
  const OperandSizes sizes(context);
  if (const Status status = check(desc, sizes.inputs, sizes.outputs); !status.ok())
    return context.invalid(status.error().message);

  const auto plan = plan_reduce(desc, sizes.inputs[0], sizes.outputs[0]);
  if (!context.features.avx2 || !plan) return make_plain_step(desc, &kernels::reduce, context);
  const kernels::ReduceCodeDesc code_desc{vector_isa_of(context.features), desc.kind, plan->rows};
  const auto code = context.kernels.cache<kernels::ReduceCodeDesc, kernels::ReduceCode>().get_or_build(
      code_desc, kernels::build_reduce);
  if (!code.ok()) return code.error();
  return std::unique_ptr<BoundStep>(std::make_unique<ReduceStep>(*plan, *code, code_desc.name(), context));
}

}  // namespace tegula::runtime
