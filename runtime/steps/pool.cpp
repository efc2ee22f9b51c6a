#include "kernels/pool/pool.h"

#include <algorithm>

#include "kernels/pool/pool_kernel.h"
#include "runtime/plan/kernel_library.h"
#include "runtime/steps/blocks.h"
#include "runtime/steps/narrow_pool.h"
#include "runtime/steps/operand_sizes.h"
#include "runtime/steps/plain_step.h"
#include "runtime/steps/step.h"

namespace tegula::runtime {
namespace {

using kernels::PoolDesc;

// Below this many multiply-adds or comparisons a block is not worth a thread.
constexpr int64_t kLeastBlockWork = 1 << 15;

/// f32 max and average over contiguous channels, by generated code.
class PoolStep final : public BoundStep {
 public:
  PoolStep(const PoolDesc& desc, kernels::PoolCodePtr code, std::string implementation, const BindContext& context)
      : desc_(desc),
        code_(std::move(code)),
        implementation_(std::move(implementation)),
        src_(context.inputs[0]),
        dst_(context.outputs[0]) {
    for (int d = 0; d <= desc_.rank; ++d) pixels_ *= dst_.dims[d];
  }

  int64_t blocks(int workers) const override {
    if (workers <= 1) return 1;
    const int64_t work = dst_.count() * desc_.taps();
    return std::clamp<int64_t>(work / kLeastBlockWork, 1,
                               std::max<int64_t>(1, std::min<int64_t>(pixels_, 4 * workers)));
  }
  std::size_t scratch_bytes() const override { return static_cast<std::size_t>(desc_.taps()) * sizeof(float*); }

  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte* scratch) const override {
    const BlockRange range(pixels_, block, blocks);
    run_pool(desc_, *code_, context.view(src_), context.view(dst_), range.begin, range.end,
             reinterpret_cast<const float**>(scratch));
  }

  std::string implementation() const override { return implementation_; }
  double flop() const override { return static_cast<double>(dst_.count() * desc_.taps()); }

 private:
  PoolDesc desc_;
  kernels::PoolCodePtr code_;
  std::string implementation_;
  BoundTensor src_, dst_;
  int64_t pixels_ = 1;
};

Result<PoolDesc> read_desc(const BindContext& context) {
  const schema::Pool& pool = *context.step.attributes_as_Pool();
  PoolDesc desc;
  desc.kind = static_cast<kernels::PoolKind>(pool.kind());
  if (desc.kind > kernels::PoolKind::kLp) return context.invalid("unknown kind");
  const auto rank = pool.kernel() ? pool.kernel()->size() : 0;
  if (rank < 1 || rank > kernels::kMaxPoolRank) return context.invalid("1 to 3 spatial dimensions");
  if (!pool.strides() || !pool.dilations() || !pool.pads_begin() || !pool.pads_end() ||
      pool.strides()->size() != rank || pool.dilations()->size() != rank || pool.pads_begin()->size() != rank ||
      pool.pads_end()->size() != rank)
    return context.invalid("kernel, strides, dilations and pads have one entry per spatial dimension");
  desc.rank = static_cast<int>(rank);
  for (uint32_t d = 0; d < rank; ++d) {
    desc.kernel[d] = static_cast<int64_t>(pool.kernel()->Get(d));
    desc.strides[d] = static_cast<int64_t>(pool.strides()->Get(d));
    desc.dilations[d] = static_cast<int64_t>(pool.dilations()->Get(d));
    desc.pads_begin[d] = context.expression(pool.pads_begin()->Get(d));
    desc.pads_end[d] = context.expression(pool.pads_end()->Get(d));
  }
  desc.count_include_pad = pool.count_include_pad();
  desc.column_major_indices = pool.column_major_indices();
  desc.p = pool.p();
  return desc;
}

/// Whether types of less than 32 bits are pooled, without positions of maxima.
bool is_narrow(const PoolDesc& desc, kernels::Views inputs, kernels::Views outputs) {
  if (inputs.size() != 1 || outputs.empty() || kernels::present(outputs, 1)) return false;
  const DType type = inputs[0].dtype;
  return desc.kind != kernels::PoolKind::kLp && (kernels::is_quantized(type) || type == DType::kBF16);
}

}  // namespace

Result<std::unique_ptr<BoundStep>> bind_pool(const BindContext& context) {
  TEGULA_ASSIGN_OR_RETURN(const PoolDesc desc, read_desc(context));
  const OperandSizes sizes(context);
  const auto &inputs = sizes.inputs, &outputs = sizes.outputs;
  if (is_narrow(desc, inputs, outputs)) {
    kernels::NarrowPoolDesc narrow{desc, {}, {}};
    read_ends(context.step.attributes_as_Pool()->ends(), narrow.src, narrow.dst);
    return bind_narrow_pool(context, narrow, inputs[0], outputs[0]);
  }
  if (const Status status = check(desc, inputs, outputs); !status.ok()) return context.invalid(status.error().message);

  const bool wants_indices = context.outputs.size() > 1 && context.outputs[1].present();
  const bool vector = context.features.avx2 && inputs[0].dtype == DType::kF32 && desc.kind != kernels::PoolKind::kLp &&
                      !wants_indices && inputs[0].strides[desc.rank + 1] == 1 && outputs[0].strides[desc.rank + 1] == 1;
  if (!vector) {
    decline_generated_code(context, "it is written for maxima and averages of f32 without positions, channels last");
    return make_plain_step(desc, &kernels::pool, context);
  }

  kernels::PoolCodeDesc code_desc{vector_isa_of(context), desc.kind};
  const auto code =
      context.kernels.cache<kernels::PoolCodeDesc, kernels::PoolCode>().get_or_build(code_desc, kernels::build_pool);
  if (!code.ok()) return code.error();
  return std::unique_ptr<BoundStep>(std::make_unique<PoolStep>(desc, *code, code_desc.name(), context));
}

}  // namespace tegula::runtime
