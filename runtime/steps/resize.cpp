#include "kernels/resize/resize.h"

#include <algorithm>
#include <bit>

#include "kernels/resize/resize_plan.h"
#include "runtime/plan/kernel_library.h"
#include "runtime/steps/blocks.h"
#include "runtime/steps/operand_sizes.h"
#include "runtime/steps/step.h"

namespace tegula::runtime {
namespace {

class PlainResizeStep final : public BoundStep {
 public:
  PlainResizeStep(kernels::ResizeDesc desc, const BoundTensor& src, const BoundTensor& dst)
      : desc_(std::move(desc)),
        taps_(kernels::make_resize_taps(desc_, src.sizes(), dst.sizes())),
        pixels_(kernels::resize_pixels(desc_, dst.sizes())),
        src_(src),
        dst_(dst) {}

  int64_t blocks(int workers) const override {
    return blocks_of_bytes(pixels_, dst_.count() * static_cast<int64_t>(size_of(dst_.dtype)), workers);
  }

  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte*) const override {
    const BlockRange range(pixels_, block, blocks);
    kernels::resize_range(desc_, taps_, context.view(src_), context.view(dst_), range.begin, range.end);
  }

  std::string implementation() const override { return "resize_pixels"; }
  bool plain_loops() const override { return true; }

 private:
  kernels::ResizeDesc desc_;
  std::vector<kernels::ResizeTaps> taps_;
  int64_t pixels_;
  BoundTensor src_, dst_;
};

/// By rows; code is nullptr for those that are copied.
class ResizeStep final : public BoundStep {
 public:
  ResizeStep(kernels::ResizePlan plan, kernels::ResizeCodePtr code, std::string implementation,
             const BindContext& context)
      : plan_(std::move(plan)),
        code_(std::move(code)),
        implementation_(std::move(implementation)),
        src_(context.inputs[0]),
        dst_(context.outputs[0]) {}

  int64_t blocks(int workers) const override {
    return blocks_of_bytes(plan_.units(), dst_.count() * static_cast<int64_t>(size_of(dst_.dtype)), workers);
  }
  std::size_t scratch_bytes() const override { return plan_.scratch_bytes(); }

  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte* scratch) const override {
    const BlockRange range(plan_.units(), block, blocks);
    plan_.run(code_.get(), context.address(src_), context.address(dst_), range.begin, range.end, scratch);
  }

  std::string implementation() const override { return implementation_; }

 private:
  kernels::ResizePlan plan_;
  kernels::ResizeCodePtr code_;
  std::string implementation_;
  BoundTensor src_, dst_;
};

}  // namespace

Result<std::unique_ptr<BoundStep>> bind_resize(const BindContext& context) {
  const schema::Resize& attributes = *context.step.attributes_as_Resize();
  kernels::ResizeDesc desc{.mode = static_cast<kernels::ResizeMode>(attributes.mode()),
                           .coordinates = static_cast<kernels::CoordinateMode>(attributes.coordinates()),
                           .nearest = static_cast<kernels::NearestMode>(attributes.nearest()),
                           .antialias = attributes.antialias(),
                           .exclude_outside = attributes.exclude_outside(),
                           .cubic_a = attributes.cubic_a(),
                           .extrapolation = attributes.extrapolation(),
                           .axes = {}};
  const auto size = [](const flatbuffers::Vector<uint32_t>* list) { return list == nullptr ? 0 : list->size(); };
  const uint32_t axes = size(attributes.axes());
  const bool crops = desc.coordinates == kernels::CoordinateMode::kTfCropAndResize;
  if (size(attributes.scales()) != axes || size(attributes.roi()) != (crops ? 2 * axes : 0) || axes > kernels::kMaxRank)
    return context.invalid("scales and roi must have entries for each of the axes");
  const auto real = [&](uint32_t expression) { return std::bit_cast<double>(context.expression(expression)); };
  for (uint32_t i = 0; i < axes; ++i) {
    if (attributes.axes()->Get(i) >= kernels::kMaxRank) return context.invalid("axis ", attributes.axes()->Get(i));
    kernels::ResizeAxis axis{.axis = static_cast<int>(attributes.axes()->Get(i)),
                             .scale = real(attributes.scales()->Get(i))};
    if (crops) {
      axis.roi_begin = real(attributes.roi()->Get(i));
      axis.roi_end = real(attributes.roi()->Get(axes + i));
    }
    desc.axes.push_back(axis);
  }
  const OperandSizes sizes(context);
  if (const Status status = check(desc, sizes.inputs, sizes.outputs); !status.ok())
    return context.invalid(status.error().message);
  std::optional<kernels::ResizePlan> plan;
  if (context.features.avx2)
    plan = kernels::ResizePlan::make(desc, sizes.inputs[0], sizes.outputs[0], vector_isa_of(context.features));
  if (!plan) {
    decline_generated_code(context, "it is written for f32 with channels last");
    return std::unique_ptr<BoundStep>(
        std::make_unique<PlainResizeStep>(std::move(desc), context.inputs[0], context.outputs[0]));
  }
  if (!plan->needs_code())
    return std::unique_ptr<BoundStep>(std::make_unique<ResizeStep>(std::move(*plan), nullptr, "copy_pixels", context));
  const kernels::ResizeCodeDesc code_desc{vector_isa_of(context)};
  TEGULA_ASSIGN_OR_RETURN(auto code,
                          (context.kernels.cache<kernels::ResizeCodeDesc, kernels::ResizeCode>().get_or_build(
                              code_desc, kernels::build_resize)));
  return std::unique_ptr<BoundStep>(
      std::make_unique<ResizeStep>(std::move(*plan), std::move(code), code_desc.name(), context));
}

}  // namespace tegula::runtime
