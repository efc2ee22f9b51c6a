#include "kernels/softmax/softmax.h"

#include "kernels/softmax/softmax_kernel.h"
#include "runtime/plan/kernel_library.h"
#include "runtime/steps/blocks.h"
#include "runtime/steps/narrow_rows.h"
#include "runtime/steps/operand_sizes.h"
#include "runtime/steps/plain_step.h"

namespace tegula::runtime {
namespace {

using kernels::TensorView;

/// f32 along contiguous rows, by generated code; every dimension but the last numbers the rows.
class SoftmaxStep final : public BoundStep {
 public:
  SoftmaxStep(const kernels::SoftmaxDesc& desc, kernels::SoftmaxCodePtr code, std::string implementation,
              const BindContext& context)
      : scale_(desc.scale),
        code_(std::move(code)),
        implementation_(std::move(implementation)),
        src_(context.inputs[0]),
        dst_(context.outputs[0]) {
    if (context.inputs.size() > 1) mask_ = context.inputs[1];
    row_ = src_.dims[static_cast<std::size_t>(src_.rank - 1)];
    rows_ = row_ == 0 ? 0 : src_.count() / row_;
  }

  int64_t blocks(int workers) const override { return blocks_of_bytes(rows_, src_.count() * 16, workers); }

  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte*) const override {
    const BlockRange range(rows_, block, blocks);
    const TensorView src = context.view(src_), dst = context.view(dst_);
    const TensorView mask = mask_.present() ? context.view(mask_).broadcast_to(src_.shape()) : TensorView();
    for (int64_t row = range.begin; row < range.end; ++row) {
      int64_t rest = row, src_at = 0, dst_at = 0, mask_at = 0;
      for (int d = src.rank - 2; d >= 0; --d) {
        const int64_t index = rest % src.dims[d];
        rest /= src.dims[d];
        src_at += index * src.strides[d];
        dst_at += index * dst.strides[d];
        mask_at += index * mask.strides[d];
      }
      (*code_)({reinterpret_cast<const float*>(src.data) + src_at,
                mask_.present() ? reinterpret_cast<const float*>(mask.data) + mask_at : nullptr,
                reinterpret_cast<float*>(dst.data) + dst_at, row_, scale_});
    }
  }

  std::string implementation() const override { return implementation_; }

 private:
  float scale_;
  kernels::SoftmaxCodePtr code_;
  std::string implementation_;
  BoundTensor src_, mask_, dst_;
  int64_t row_ = 0, rows_ = 0;
};

bool rows_are_contiguous(const TensorView& view) {
  const auto last = static_cast<std::size_t>(view.rank - 1);
  return view.strides[last] == 1 || view.dims[last] == 1;
}

}  // namespace

Result<std::unique_ptr<BoundStep>> bind_softmax(const BindContext& context) {
  if (!context.inputs.empty() && context.outputs.size() == 1 &&
      (is_narrow(context.inputs[0]) || is_narrow(context.outputs[0])))
    return bind_narrow_softmax(context);
  const schema::Softmax& table = *context.step.attributes_as_Softmax();
  if (table.axis() >= kernels::kMaxRank) return context.invalid("axis ", table.axis());
  const kernels::SoftmaxDesc desc{static_cast<int>(table.axis()), table.log(), table.scale()};
  const OperandSizes sizes(context);
  if (const Status status = check(desc, sizes.inputs, sizes.outputs); !status.ok())
    return context.invalid(status.error().message);

  const TensorView& src = sizes.inputs[0];
  const bool has_mask = sizes.inputs.size() > 1 && sizes.inputs[1].data != nullptr;
  bool generated = context.features.avx2 && src.dtype == DType::kF32 && desc.axis == src.rank - 1 &&
                   rows_are_contiguous(src) && rows_are_contiguous(sizes.outputs[0]);
  if (has_mask) {
    const TensorView mask = sizes.inputs[1].broadcast_to(src.shape());
    generated = generated && rows_are_contiguous(mask);
  }
  if (!generated) {
    decline_generated_code(context, "it is written for f32 along contiguous rows");
    return make_plain_step(desc, &kernels::softmax, context);
  }

  const kernels::SoftmaxCodeDesc code_desc{vector_isa_of(context), desc.log, has_mask};
  const auto code = context.kernels.cache<kernels::SoftmaxCodeDesc, kernels::SoftmaxCode>().get_or_build(
      code_desc, kernels::build_softmax);
  if (!code.ok()) return code.error();
  return std::unique_ptr<BoundStep>(std::make_unique<SoftmaxStep>(desc, *code, code_desc.name(), context));
}

}  // namespace tegula::runtime
