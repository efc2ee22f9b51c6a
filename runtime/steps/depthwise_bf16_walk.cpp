#include "runtime/steps/depthwise_bf16_walk.h"

#include <utility>

#include "kernels/depthwise/bf16_depthwise.h"
#include "runtime/plan/kernel_library.h"
#include "runtime/steps/blocks.h"
#include "runtime/steps/widened_filters.h"

namespace tegula::runtime {
namespace {

using kernels::Bf16DepthwiseArgs;
using kernels::Bf16DepthwiseDesc;

/// Units are rows of dst.
class DepthwiseBf16WalkStep final : public BoundStep {
 public:
  DepthwiseBf16WalkStep(kernels::Bf16DepthwiseKernelPtr kernel, const Bf16DepthwiseArgs& sizes, StepEpilogue epilogue,
                        WidenedFilters filters, const BindContext& context)
      : kernel_(std::move(kernel)),
        sizes_(sizes),
        epilogue_(std::move(epilogue)),
        filters_(std::move(filters)),
        src_(context.inputs[0]),
        dst_(context.outputs[0]) {
    sizes_.weights = filters_.data();
  }

  int64_t blocks(int workers) const override { return blocks_of_bytes(sizes_.rows(), dst_.count() * 16, workers); }

  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte*) const override {
    Bf16DepthwiseArgs args = sizes_;
    args.src = reinterpret_cast<const uint16_t*>(context.address(src_));
    args.dst = reinterpret_cast<uint16_t*>(context.address(dst_));
    args.bias = epilogue_.args(context).bias;
    const BlockRange range(sizes_.rows(), block, blocks);
    kernel_->run(args, range.begin, range.end);
  }

  std::string implementation() const override {
    const Bf16DepthwiseDesc& desc = kernel_->desc();
    return concat("depthwise_bf16_", desc.instructions ? "avx512_bf16" : name_of(desc.isa));
  }
  bool plain_loops() const override { return false; }
  double flop() const override {
    return 2.0 * static_cast<double>(dst_.count()) * static_cast<double>(kernel_->desc().taps());
  }

 private:
  kernels::Bf16DepthwiseKernelPtr kernel_;
  Bf16DepthwiseArgs sizes_;  // addresses of activations are filled in for each run
  StepEpilogue epilogue_;
  WidenedFilters filters_;
  BoundTensor src_, dst_;
};

}  // namespace

Result<std::unique_ptr<BoundStep>> bind_depthwise_bf16_walk(const BindContext& context,
                                                            const kernels::DepthwiseDesc& desc,
                                                            const kernels::DepthwiseArgs& sizes,
                                                            const StepEpilogue& epilogue,
                                                            const kernels::RowConverter& to_real) {
  std::unique_ptr<BoundStep> none;
  const bool flat = desc.kernel[0] == 1 && sizes.in[0] == 1 && desc.dilations[1] == 1 && desc.dilations[2] == 1;
  if (desc.isa == kernels::TileIsa::kPlain || !flat || context.outputs[0].dtype != DType::kBF16) return none;
  Bf16DepthwiseDesc walk;
  walk.isa = desc.isa == kernels::TileIsa::kAvx2 ? jit::VectorIsa::kAvx2 : jit::VectorIsa::kAvx512;
  walk.instructions = walk.isa == jit::VectorIsa::kAvx512 && context.features.avx512_bf16;
  walk.epilogue = desc.epilogue;
  Bf16DepthwiseArgs args;
  args.n = sizes.n;
  args.channels = sizes.channels;
  args.src_pixel_stride = sizes.src_pixel_stride;
  args.dst_pixel_stride = sizes.dst_pixel_stride;
  for (std::size_t i = 0; i < 2; ++i) {
    walk.kernel[i] = desc.kernel[i + 1];
    walk.strides[i] = desc.strides[i + 1];
    args.in[i] = sizes.in[i + 1];
    args.out[i] = sizes.out[i + 1];
    args.pads[i] = sizes.pads[i + 1];
  }
  if (const auto refusal = kernels::bf16_depthwise_refusal(walk, args.channels)) {
    context.decline("bf16 in one pass", *refusal);
    return none;
  }
  const auto kernel = context.kernels.cache<Bf16DepthwiseDesc, kernels::Bf16DepthwiseKernel>().get_or_build(
      walk, kernels::build_bf16_depthwise);
  if (!kernel.ok()) return context.unsupported(kernel.error().message);
  WidenedFilters filters(context.inputs[1], args.channels, walk.taps(), to_real);
  return std::unique_ptr<BoundStep>(
      std::make_unique<DepthwiseBf16WalkStep>(*kernel, args, epilogue, std::move(filters), context));
}

}  // namespace tegula::runtime
