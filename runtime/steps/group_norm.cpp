#include "kernels/normalize/group_norm.h"

#include <limits>

#include "kernels/normalize/group_norm_kernel.h"
#include "runtime/plan/kernel_library.h"
#include "runtime/steps/blocks.h"
#include "runtime/steps/operand_sizes.h"
#include "runtime/steps/plain_step.h"

namespace tegula::runtime {
namespace {

/// f32 with contiguous channels, by generated code.
class GroupNormStep final : public BoundStep {
 public:
  GroupNormStep(const BindContext& context, const kernels::GroupNormPlan& plan, kernels::GroupNormCodePtr code,
                std::string name)
      : src_(context.inputs[0]),
        scale_(context.inputs[1]),
        bias_(context.inputs[2]),
        dst_(context.outputs[0]),
        plan_(plan),
        code_(std::move(code)),
        name_(std::move(name)) {}

  int64_t blocks(int workers) const override { return blocks_of_bytes(plan_.units(), src_.count() * 16, workers); }
  std::size_t scratch_bytes() const override { return plan_.scratch_bytes(); }

  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte* scratch) const override {
    const BlockRange range(plan_.units(), block, blocks);
    run_group_norm(plan_, *code_, context.data<float>(src_), context.data<float>(scale_), context.data<float>(bias_),
                   context.data<float>(dst_), range.begin, range.end, scratch);
  }

  std::string implementation() const override { return name_; }
  double flop() const override { return 6.0 * static_cast<double>(src_.count()); }

 private:
  BoundTensor src_, scale_, bias_, dst_;
  kernels::GroupNormPlan plan_;
  kernels::GroupNormCodePtr code_;
  std::string name_;
};

}  // namespace

Result<std::unique_ptr<BoundStep>> bind_group_norm(const BindContext& context) {
  const schema::GroupNorm& table = *context.step.attributes_as_GroupNorm();
  if (table.groups() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
    return context.invalid(table.groups(), " groups");
  const kernels::GroupNormDesc desc{static_cast<int64_t>(table.groups()), table.epsilon()};
  const OperandSizes sizes(context);
  if (const Status status = check(desc, sizes.inputs, sizes.outputs); !status.ok())
    return context.invalid(status.error().message);

  const auto plan = kernels::plan_group_norm(desc, sizes.inputs, sizes.outputs);
  if (!plan || !context.features.avx2) {
    decline_generated_code(context, "its operands are not contiguous");
    return make_plain_step(desc, &kernels::group_norm, context);
  }
  const kernels::GroupNormCodeDesc code_desc{vector_isa_of(context)};
  TEGULA_ASSIGN_OR_RETURN(kernels::GroupNormCodePtr code,
                          context.kernels.cache<kernels::GroupNormCodeDesc, kernels::GroupNormCode>().get_or_build(
                              code_desc, kernels::build_group_norm));
  return std::unique_ptr<BoundStep>(std::make_unique<GroupNormStep>(context, *plan, std::move(code), code_desc.name()));
}

}  // namespace tegula::runtime
