#include <algorithm>

#include "kernels/attention/attention.h"
#include "kernels/attention/attention_kernel.h"
#include "kernels/scratch.h"
#include "runtime/plan/kernel_library.h"
#include "runtime/steps/attention_kernel_choice.h"
#include "runtime/steps/blocks.h"
#include "runtime/steps/narrow_pool.h"
#include "runtime/steps/narrow_rows.h"
#include "runtime/steps/operand_sizes.h"

namespace tegula::runtime {
namespace {

using kernels::AttentionKernel;
using kernels::RowConverter;
using kernels::TensorView;

kernels::AttentionDesc one_head(const kernels::AttentionDesc& desc) {
  return {1, 1, desc.scale, desc.causal};
}

/// Units are heads of batch entries: q, k and v of one become fp32 in scratch, go through the fp32 kernel as a single
/// head, and what comes out is converted into dst.
class NarrowAttentionStep final : public BoundStep {
 public:
  struct Part {
    BoundTensor tensor;
    RowConverter convert;
    int64_t columns;  ///< of one head
  };

  NarrowAttentionStep(const kernels::AttentionDesc& desc, std::optional<AttentionKernel> kernel, Part q, Part k, Part v,
                      Part dst, const BindContext& context)
      : desc_(desc),
        head_desc_(one_head(desc)),
        kernel_(std::move(kernel)),
        q_(std::move(q)),
        k_(std::move(k)),
        v_(std::move(v)),
        dst_(std::move(dst)) {
    if (context.inputs.size() > 3) mask_ = context.inputs[3];
    mask_dims_ = {q_.tensor.dims[0], desc.heads, q_.tensor.dims[1], k_.tensor.dims[1]};
    name_ = concat("attention_", name_of(q_.tensor.dtype), name_of(dst_.tensor.dtype), kernel_ ? "" : "_plain");
  }

  int64_t blocks(int workers) const override {
    const int64_t work = static_cast<int64_t>(flop() / (1 << 18));
    return workers <= 1
               ? 1
               : std::clamp<int64_t>(work, 1, std::min<int64_t>(std::max<int64_t>(units(), 1), int64_t{4} * workers));
  }

  std::size_t scratch_bytes() const override {
    const Layout layout(*this);
    return layout.kernel + (kernel_ ? kernel_->scratch_bytes(head_operands(nullptr)) : 0);
  }

  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte* scratch) const override {
    const BlockRange range(units(), block, blocks);
    const Layout layout(*this);
    AttentionKernel::Operands operands = head_operands(scratch);
    const TensorView mask = mask_.present() ? context.view(mask_).broadcast_to(mask_dims_) : TensorView();
    for (int64_t unit = range.begin; unit < range.end; ++unit) {
      const int64_t b = unit / desc_.heads, h = unit % desc_.heads, g = h * desc_.kv_heads / desc_.heads;
      load(context, q_, b, h, scratch + layout.q);
      load(context, k_, b, g, scratch + layout.k);
      load(context, v_, b, g, scratch + layout.v);
      if (mask_.present()) {
        operands.mask = mask;
        operands.mask.dims[0] = operands.mask.dims[1] = 1;
        operands.mask.data += (b * mask.strides[0] + h * mask.strides[1]) * static_cast<int64_t>(sizeof(float));
      }
      if (kernel_) {
        kernel_->run(operands, 0, 1, scratch + layout.kernel);
      } else {
        const TensorView inputs[] = {operands.q, operands.k, operands.v, operands.mask};
        TEGULA_CHECK(attention(head_desc_, inputs, {&operands.dst, 1}).ok(), "operands were checked");
      }
      const int64_t bytes = dst_.columns * static_cast<int64_t>(sizeof(float));
      for (int64_t row = 0; row < dst_.tensor.dims[1]; ++row)
        dst_.convert(scratch + layout.dst + static_cast<std::size_t>(row * bytes), address(context, dst_, b, row, h),
                     dst_.columns);
    }
  }

  std::string implementation() const override { return name_; }
  bool plain_loops() const override { return !kernel_; }
  double flop() const override {
    return 2.0 * static_cast<double>(units()) * static_cast<double>(q_.tensor.dims[1]) *
           static_cast<double>(k_.tensor.dims[1]) * static_cast<double>(q_.columns + v_.columns);
  }

 private:
  /// Parts of a worker's scratch, in bytes from its start.
  struct Layout {
    std::size_t q = 0, k, v, dst, kernel;

    explicit Layout(const NarrowAttentionStep& step) {
      const auto end_of = [](std::size_t begin, const Part& part) {
        return begin +
               kernels::whole_lines(static_cast<std::size_t>(part.tensor.dims[1] * part.columns) * sizeof(float));
      };
      k = end_of(q, step.q_);
      v = end_of(k, step.k_);
      dst = end_of(v, step.v_);
      kernel = end_of(dst, step.dst_);
    }
  };

  int64_t units() const { return q_.tensor.dims[0] * desc_.heads; }

  AttentionKernel::Operands head_operands(std::byte* scratch) const {
    const Layout layout(*this);
    const auto view = [&](const Part& part, std::size_t at) {
      const int64_t dims[] = {1, part.tensor.dims[1], part.columns};
      return TensorView::contiguous(DType::kF32, dims, static_cast<void*>(scratch == nullptr ? nullptr : scratch + at));
    };
    AttentionKernel::Operands operands;
    operands.q = view(q_, layout.q);
    operands.k = view(k_, layout.k);
    operands.v = view(v_, layout.v);
    operands.dst = view(dst_, layout.dst);
    return operands;
  }

  static std::byte* address(const RunContext& context, const Part& part, int64_t batch, int64_t row, int64_t head) {
    const BoundTensor& tensor = part.tensor;
    const int64_t offset = batch * tensor.strides[0] + row * tensor.strides[1] + head * part.columns;
    return context.address(tensor) + offset * static_cast<int64_t>(size_of(tensor.dtype));
  }

  static void load(const RunContext& context, const Part& part, int64_t batch, int64_t head, std::byte* to) {
    const int64_t bytes = part.columns * static_cast<int64_t>(sizeof(float));
    for (int64_t row = 0; row < part.tensor.dims[1]; ++row)
      part.convert(address(context, part, batch, row, head), to + row * bytes, part.columns);
  }

  kernels::AttentionDesc desc_, head_desc_;
  std::optional<AttentionKernel> kernel_;  // absent: plain loops
  Part q_, k_, v_, dst_;
  BoundTensor mask_;
  std::array<int64_t, 4> mask_dims_{};
  std::string name_;
};

}  // namespace

Result<std::unique_ptr<BoundStep>> bind_narrow_attention(const BindContext& context) {
  const schema::Attention& table = *context.step.attributes_as_Attention();
  TEGULA_ASSIGN_OR_RETURN(const kernels::AttentionDesc desc, read_attention(context));
  OperandSizes sizes(context);
  for (std::size_t i = 0; i < std::min<std::size_t>(3, sizes.inputs.size()); ++i) sizes.inputs[i].dtype = DType::kF32;
  sizes.outputs[0].dtype = DType::kF32;
  if (const Status status = check(desc, sizes.inputs, sizes.outputs); !status.ok())
    return context.invalid(status.error().message);
  for (const TensorView* view : {&sizes.inputs[0], &sizes.inputs[1], &sizes.inputs[2], &sizes.outputs[0]})
    if (view->strides[2] != 1 && view->dims[2] != 1)
      return context.unsupported("attention over rows that are not contiguous");

  kernels::QuantizedOperand q_ends, k_ends, v_ends;
  kernels::QuantizedResult dst_ends;
  read_ends(table.ends(), q_ends, dst_ends);
  if (table.ends() != nullptr) {
    k_ends = {table.ends()->second_scale(), table.ends()->second_zero_point()};
    v_ends = {table.ends()->third_scale(), table.ends()->third_zero_point()};
  }
  const BoundTensor &q = context.inputs[0], &k = context.inputs[1], &v = context.inputs[2], &dst = context.outputs[0];
  TEGULA_ASSIGN_OR_RETURN(RowConverter convert_q, converter_to_real(context, q, q_ends, "q"));
  TEGULA_ASSIGN_OR_RETURN(RowConverter convert_k, converter_to_real(context, k, k_ends, "k"));
  TEGULA_ASSIGN_OR_RETURN(RowConverter convert_v, converter_to_real(context, v, v_ends, "v"));
  TEGULA_ASSIGN_OR_RETURN(RowConverter convert_dst, converter_from_real(context, dst, dst_ends, "dst"));
  context.decline("products of narrow types", "heads are multiplied in fp32");
  std::optional<AttentionKernel> kernel;
  if (context.features.avx2) {
    TEGULA_ASSIGN_OR_RETURN(kernel, build_attention_kernel(context, one_head(desc), has_mask(sizes)));
  }
  using Part = NarrowAttentionStep::Part;
  return std::unique_ptr<BoundStep>(std::make_unique<NarrowAttentionStep>(
      desc, std::move(kernel), Part{q, std::move(convert_q), q.dims[2] / desc.heads},
      Part{k, std::move(convert_k), k.dims[2] / desc.kv_heads},
      Part{v, std::move(convert_v), v.dims[2] / desc.kv_heads},
      Part{dst, std::move(convert_dst), dst.dims[2] / desc.heads}, context));
}

}  // namespace tegula::runtime
