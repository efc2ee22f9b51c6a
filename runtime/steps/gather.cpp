#include "kernels/gather/gather.h"

#include "runtime/steps/blocks.h"
#include "runtime/steps/gather_dequantize.h"
#include "runtime/steps/step.h"

namespace tegula::runtime {
namespace {

class GatherStep final : public BoundStep {
 public:
  GatherStep(int axis, const BoundTensor& src, const BoundTensor& indices, const BoundTensor& dst,
             std::string_view name)
      : plan_(axis, src.sizes(), indices.sizes(), dst.sizes()), src_(src), indices_(indices), dst_(dst), name_(name) {}

  int64_t blocks(int workers) const override { return blocks_of_bytes(plan_.units(), plan_.bytes(), workers); }

  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte*) const override {
    const BlockRange range(plan_.units(), block, blocks);
    const Status status =
        plan_.run(context.address(src_), context.address(indices_), context.address(dst_), range.begin, range.end);
    if (!status.ok()) context.fail(status.error().code, concat(printable(name_), ": ", status.error().message));
  }

  std::string implementation() const override { return "gather_rows"; }

 private:
  kernels::GatherPlan plan_;
  BoundTensor src_, indices_, dst_;
  std::string_view name_;  // of the step, in the program
};

}  // namespace

Result<std::unique_ptr<BoundStep>> bind_gather(const BindContext& context) {
  if (context.inputs.size() > 2) return bind_gather_dequantize(context);
  if (context.inputs.size() != 2 || context.outputs.size() != 1 || !context.inputs[0].present() ||
      !context.inputs[1].present() || !context.outputs[0].present())
    return context.invalid("gather takes a value and indices to one value");
  const BoundTensor &src = context.inputs[0], &indices = context.inputs[1], &dst = context.outputs[0];
  const uint32_t axis = context.step.attributes_as_Gather()->axis();
  if (axis >= static_cast<uint32_t>(src.rank)) return context.invalid("axis ", axis, " of rank ", src.rank);
  if (const Status status = kernels::check_gather(static_cast<int>(axis), src.sizes(), indices.sizes(), dst.sizes());
      !status.ok())
    return context.invalid(status.error().message);
  return std::unique_ptr<BoundStep>(
      std::make_unique<GatherStep>(static_cast<int>(axis), src, indices, dst, context.name()));
}

}  // namespace tegula::runtime
