#include "kernels/softmax/softmax.h"
#include "kernels/softmax/softmax_kernel.h"
#include "runtime/plan/kernel_library.h"
#include "runtime/steps/blocks.h"
#include "runtime/steps/narrow_pool.h"
#include "runtime/steps/narrow_rows.h"
#include "runtime/steps/operand_sizes.h"

namespace tegula::runtime {
namespace {

using kernels::TensorView;

/// Rows along the innermost dimension, contiguous; the dimensions before it number them.
class NarrowSoftmaxStep final : public BoundStep {
 public:
  NarrowSoftmaxStep(const kernels::SoftmaxDesc& desc, kernels::SoftmaxCodePtr code, kernels::RowConverter to_real,
                    kernels::RowConverter from_real, const BindContext& context)
      : desc_(desc),
        code_(std::move(code)),
        to_real_(std::move(to_real)),
        from_real_(std::move(from_real)),
        src_(context.inputs[0]),
        dst_(context.outputs[0]) {
    if (context.inputs.size() > 1) mask_ = context.inputs[1];
    desc_.axis = 0;  // of one row
    row_ = src_.dims[static_cast<std::size_t>(src_.rank - 1)];
    rows_ = row_ == 0 ? 0 : src_.count() / row_;
    name_ = concat("softmax_", name_of(src_.dtype), name_of(dst_.dtype), code_ ? "" : "_plain");
  }

  int64_t blocks(int workers) const override { return blocks_of_bytes(rows_, src_.count() * 16, workers); }
  std::size_t scratch_bytes() const override { return static_cast<std::size_t>(row_) * sizeof(float); }

  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte* scratch) const override {
    const BlockRange range(rows_, block, blocks);
    const TensorView src = context.view(src_), dst = context.view(dst_);
    const TensorView mask = mask_.present() ? context.view(mask_).broadcast_to(src_.shape()) : TensorView();
    auto* row_data = reinterpret_cast<float*>(scratch);
    for (int64_t row = range.begin; row < range.end; ++row) {
      int64_t rest = row, src_at = 0, dst_at = 0, mask_at = 0;
      for (int d = src.rank - 2; d >= 0; --d) {
        const int64_t index = rest % src.dims[d];
        rest /= src.dims[d];
        src_at += index * src.strides[d];
        dst_at += index * dst.strides[d];
        mask_at += index * mask.strides[d];
      }
      to_real_(src.data + src_at * static_cast<int64_t>(size_of(src.dtype)), scratch, row_);
      const auto* mask_row = mask_.present() ? reinterpret_cast<const float*>(mask.data) + mask_at : nullptr;
      if (code_ != nullptr) {
        (*code_)({row_data, mask_row, row_data, row_, desc_.scale});
      } else {
        const int64_t dims[] = {row_};
        const TensorView view = TensorView::contiguous(DType::kF32, dims, static_cast<void*>(row_data));
        const TensorView inputs[] = {view,
                                     TensorView::contiguous(DType::kF32, dims, static_cast<const void*>(mask_row))};
        TEGULA_CHECK(softmax(desc_, inputs, {&view, 1}).ok(), "operands were checked");
      }
      from_real_(scratch, dst.data + dst_at * static_cast<int64_t>(size_of(dst.dtype)), row_);
    }
  }

  std::string implementation() const override { return name_; }
  bool plain_loops() const override { return code_ == nullptr; }

 private:
  kernels::SoftmaxDesc desc_;
  kernels::SoftmaxCodePtr code_;  // nullptr: plain loops
  kernels::RowConverter to_real_, from_real_;
  BoundTensor src_, mask_, dst_;
  int64_t row_ = 0, rows_ = 0;
  std::string name_;
};

bool rows_are_contiguous(const TensorView& view) {
  const auto last = static_cast<std::size_t>(view.rank - 1);
  return view.strides[last] == 1 || view.dims[last] == 1;
}

}  // namespace

Result<std::unique_ptr<BoundStep>> bind_narrow_softmax(const BindContext& context) {
  const schema::Softmax& table = *context.step.attributes_as_Softmax();
  if (table.axis() >= kernels::kMaxRank) return context.invalid("axis ", table.axis());
  const kernels::SoftmaxDesc desc{static_cast<int>(table.axis()), table.log(), table.scale()};
  // Sizes and the mask are those of any softmax.
  OperandSizes sizes(context);
  sizes.inputs[0].dtype = sizes.outputs[0].dtype = DType::kF32;
  if (const Status status = check(desc, sizes.inputs, sizes.outputs); !status.ok())
    return context.invalid(status.error().message);
  kernels::QuantizedOperand src;
  kernels::QuantizedResult dst;
  read_ends(table.ends(), src, dst);
  TEGULA_ASSIGN_OR_RETURN(kernels::RowConverter to_real, converter_to_real(context, context.inputs[0], src, "src"));
  TEGULA_ASSIGN_OR_RETURN(kernels::RowConverter from_real,
                          converter_from_real(context, context.outputs[0], dst, "dst"));
  const bool has_mask = sizes.inputs.size() > 1 && sizes.inputs[1].data != nullptr;
  const TensorView& view = sizes.inputs[0];
  if (desc.axis != view.rank - 1 || !rows_are_contiguous(view) || !rows_are_contiguous(sizes.outputs[0]) ||
      (has_mask && !rows_are_contiguous(sizes.inputs[1].broadcast_to(view.shape()))))
    return context.unsupported("a softmax of ", name_of(context.inputs[0].dtype), " to ",
                               name_of(context.outputs[0].dtype), " along other than contiguous rows");
  kernels::SoftmaxCodePtr code;
  if (context.features.avx2) {
    const kernels::SoftmaxCodeDesc code_desc{vector_isa_of(context), desc.log, has_mask};
    TEGULA_ASSIGN_OR_RETURN(code, (context.kernels.cache<kernels::SoftmaxCodeDesc, kernels::SoftmaxCode>().get_or_build(
                                      code_desc, kernels::build_softmax)));
  }
  return std::unique_ptr<BoundStep>(
      std::make_unique<NarrowSoftmaxStep>(desc, std::move(code), std::move(to_real), std::move(from_real), context));
}

}  // namespace tegula::runtime
