#include "runtime/steps/narrow_pool.h"

#include <algorithm>

#include "kernels/pool/narrow_pool_kernel.h"
#include "runtime/plan/kernel_library.h"
#include "runtime/steps/blocks.h"
#include "runtime/steps/operand_sizes.h"

namespace tegula::runtime {
namespace {

using kernels::NarrowPoolDesc;
using kernels::TensorView;

// Below this many additions or comparisons a block is not worth a thread.
constexpr int64_t kLeastBlockWork = 1 << 16;

class NarrowPoolStep final : public BoundStep {
 public:
  NarrowPoolStep(const NarrowPoolDesc& desc, kernels::NarrowPoolCodePtr code, std::string implementation,
                 const TensorView& src, const TensorView& dst, const BindContext& context)
      : desc_(desc),
        code_(std::move(code)),
        implementation_(std::move(implementation)),
        src_view_(src),
        dst_view_(dst),
        src_(context.inputs[0]),
        dst_(context.outputs[0]) {
    for (int d = 0; d + 1 < dst.rank; ++d) pixels_ *= dst.dims[d];
  }

  int64_t blocks(int workers) const override {
    if (workers <= 1) return 1;
    const int64_t most = std::max<int64_t>(1, std::min<int64_t>(pixels_, int64_t{4} * workers));
    return std::clamp<int64_t>(static_cast<int64_t>(flop() / kLeastBlockWork), 1, most);
  }
  std::size_t scratch_bytes() const override {
    return static_cast<std::size_t>(desc_.window.taps()) * sizeof(const std::byte*);
  }

  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte* scratch) const override {
    const BlockRange range(pixels_, block, blocks);
    TensorView src = src_view_, dst = dst_view_;
    src.data = context.address(src_);
    dst.data = context.address(dst_);
    run_narrow_pool(desc_, code_.get(), src, dst, range.begin, range.end, reinterpret_cast<const std::byte**>(scratch));
  }

  std::string implementation() const override { return implementation_; }
  bool plain_loops() const override { return code_ == nullptr; }
  double flop() const override {
    return static_cast<double>(dst_view_.count()) * static_cast<double>(desc_.window.taps());
  }

 private:
  NarrowPoolDesc desc_;
  kernels::NarrowPoolCodePtr code_;  // nullptr: plain loops
  std::string implementation_;
  TensorView src_view_, dst_view_;
  BoundTensor src_, dst_;
  int64_t pixels_ = 1;
};

}  // namespace

void read_ends(const schema::QuantizedEnds* table, kernels::QuantizedOperand& src, kernels::QuantizedResult& dst) {
  if (table == nullptr) return;
  src = {table->src_scale(), table->src_zero_point()};
  dst = {table->dst_scale_inverse(), table->dst_zero_point()};
}

Result<std::unique_ptr<BoundStep>> bind_narrow_pool(const BindContext& context, const NarrowPoolDesc& desc,
                                                    const TensorView& src, const TensorView& dst) {
  static std::byte present;
  TensorView from = src, to = dst;
  from.data = to.data = &present;
  if (const Status status = check(desc, {&from, 1}, {&to, 1}); !status.ok())
    return context.invalid(status.error().message);
  const auto channels = static_cast<std::size_t>(src.rank - 1);
  const bool contiguous = src.strides[channels] == 1 && dst.strides[channels] == 1;
  kernels::NarrowPoolCodePtr code;
  std::string name = concat("pool_", name_of(src.dtype), name_of(dst.dtype), "_plain");
  if (context.features.avx2 && contiguous) {
    const bool stores_bf16 = dst.dtype == DType::kBF16;
    const kernels::NarrowPoolCodeDesc code_desc{vector_isa_of(context), desc.window.kind, src.dtype, dst.dtype,
                                                stores_bf16 && context.features.avx512_bf16};
    TEGULA_ASSIGN_OR_RETURN(code,
                            (context.kernels.cache<kernels::NarrowPoolCodeDesc, kernels::NarrowPoolCode>().get_or_build(
                                code_desc, kernels::build_narrow_pool)));
    name = code_desc.name();
  }
  return std::unique_ptr<BoundStep>(
      std::make_unique<NarrowPoolStep>(desc, std::move(code), std::move(name), src, dst, context));
}

}  // namespace tegula::runtime
