#include "kernels/pad/pad.h"

#include "runtime/steps/blocks.h"
#include "runtime/steps/step.h"

namespace tegula::runtime {
namespace {

class PadStep final : public BoundStep {
 public:
  PadStep(const kernels::PadDesc& desc, const BoundTensor& src, const BoundTensor& fill, const BoundTensor& dst)
      : desc_(desc), src_(src), fill_(fill), dst_(dst), rows_(kernels::pad_row_count(dst.sizes())) {}

  int64_t blocks(int workers) const override {
    return blocks_of_bytes(rows_, dst_.count() * static_cast<int64_t>(size_of(dst_.dtype)), workers);
  }

  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte*) const override {
    const BlockRange range(rows_, block, blocks);
    kernels::pad_rows(desc_, context.view(src_), context.address(fill_), context.view(dst_), range.begin, range.end);
  }

  std::string implementation() const override { return "pad_rows"; }

 private:
  kernels::PadDesc desc_;
  BoundTensor src_, fill_, dst_;
  int64_t rows_;
};

}  // namespace

Result<std::unique_ptr<BoundStep>> bind_pad(const BindContext& context) {
  const std::size_t inputs = context.inputs.size();
  if (inputs < 1 || inputs > 2 || context.outputs.size() != 1 || !context.inputs[0].present() ||
      !context.outputs[0].present())
    return context.invalid("pad takes a value, and a fill value, to one value");
  const BoundTensor &src = context.inputs[0], &dst = context.outputs[0];
  const BoundTensor fill = inputs == 2 ? context.inputs[1] : BoundTensor();
  if (fill.present() && (fill.dtype != src.dtype || fill.count() != 1))
    return context.invalid("the fill value is not one element of the source's type");
  const schema::Pad& attributes = *context.step.attributes_as_Pad();
  if (attributes.mode() > schema::PadMode::MAX)
    return context.invalid("no mode has the number ", static_cast<int>(attributes.mode()));
  kernels::PadDesc desc{.mode = static_cast<kernels::PadMode>(attributes.mode()), .rank = src.rank};
  if ((attributes.begins() == nullptr ? 0 : attributes.begins()->size()) != static_cast<uint32_t>(src.rank))
    return context.invalid("begins do not have ", src.rank, " entries");
  for (int d = 0; d < desc.rank; ++d)
    desc.begins[d] = context.expression(attributes.begins()->Get(static_cast<uint32_t>(d)));
  if (const Status status = kernels::check_pad(desc, src.sizes(), dst.sizes()); !status.ok())
    return context.invalid(status.error().message);
  return std::unique_ptr<BoundStep>(std::make_unique<PadStep>(desc, src, fill, dst));
}

}  // namespace tegula::runtime
