#include "kernels/normalize/layer_norm.h"
#include "kernels/normalize/layer_norm_kernel.h"
#include "kernels/scratch.h"
#include "runtime/plan/kernel_library.h"
#include "runtime/steps/blocks.h"
#include "runtime/steps/narrow_pool.h"
#include "runtime/steps/narrow_rows.h"
#include "runtime/steps/operand_sizes.h"

namespace tegula::runtime {
namespace {

using kernels::RowConverter;
using kernels::TensorView;
using Operand = kernels::LayerNormOperand;

/// An operand with rows, and how they become fp32 or are made of it.
struct Rows {
  BoundTensor tensor;
  BoundTensor::Rows rows{};
  std::optional<RowConverter> convert;

  std::byte* at(const RunContext& context, int64_t row) const {
    return context.address(tensor) + row * rows.row_stride * static_cast<int64_t>(size_of(tensor.dtype));
  }
};

class NarrowLayerNormStep final : public BoundStep {
 public:
  NarrowLayerNormStep(const kernels::LayerNormDesc& desc, kernels::LayerNormCodePtr code, Rows src, Rows residual,
                      Rows dst, Rows sum, const BindContext& context)
      : desc_(desc),
        code_(std::move(code)),
        src_(std::move(src)),
        residual_(std::move(residual)),
        dst_(std::move(dst)),
        sum_(std::move(sum)) {
    desc_.axis = 0;  // of one row
    const auto operand = [](std::span<const BoundTensor> tensors, std::size_t i) {
      return i < tensors.size() ? tensors[i] : BoundTensor();
    };
    scale_ = operand(context.inputs, Operand::kScale);
    bias_ = operand(context.inputs, Operand::kBias);
    mean_ = operand(context.outputs, Operand::kMean);
    inverse_ = operand(context.outputs, Operand::kInverse);
    name_ = concat("layer_norm_", name_of(src_.tensor.dtype), name_of(dst_.tensor.dtype), code_ ? "" : "_plain");
  }

  int64_t blocks(int workers) const override {
    return blocks_of_bytes(src_.rows.rows, src_.tensor.count() * 16, workers);
  }
  /// Rows of src, residual, dst and the sum.
  std::size_t scratch_bytes() const override { return 4 * row_bytes(); }

  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte* scratch) const override {
    const BlockRange range(src_.rows.rows, block, blocks);
    const int64_t n = src_.rows.row_elements;
    const auto part = [&](std::size_t i) { return reinterpret_cast<float*>(scratch + i * row_bytes()); };
    float unwanted[2];
    kernels::LayerNormCall call;
    call.src = part(0);
    call.residual = residual_.convert ? part(1) : nullptr;
    call.scale = context.data<const float>(scale_);
    call.bias = context.data<const float>(bias_);
    call.dst = part(2);
    call.sum = part(3);
    call.n = n;
    call.count = static_cast<float>(n);
    call.epsilon = desc_.epsilon;
    for (int64_t row = range.begin; row < range.end; ++row) {
      (*src_.convert)(src_.at(context, row), scratch, n);
      if (residual_.convert) (*residual_.convert)(residual_.at(context, row), scratch + row_bytes(), n);
      call.mean = mean_.present() ? context.data<float>(mean_) + row : unwanted;
      call.inverse = inverse_.present() ? context.data<float>(inverse_) + row : unwanted + 1;
      code_ != nullptr ? (*code_)(call) : run_plain(call);
      (*dst_.convert)(scratch + 2 * row_bytes(), dst_.at(context, row), n);
      if (sum_.convert) (*sum_.convert)(scratch + (residual_.convert ? 3 : 0) * row_bytes(), sum_.at(context, row), n);
    }
  }

  std::string implementation() const override { return name_; }
  bool plain_loops() const override { return code_ == nullptr; }
  double flop() const override { return 8.0 * static_cast<double>(src_.tensor.count()); }

 private:
  std::size_t row_bytes() const {
    return kernels::whole_lines(static_cast<std::size_t>(src_.rows.row_elements) * sizeof(float));
  }

  /// One row through the plain loops.
  void run_plain(const kernels::LayerNormCall& call) const {
    const int64_t dims[] = {call.n}, one[] = {1};
    const auto in = [&](const float* data) {
      return TensorView::contiguous(DType::kF32, dims, static_cast<const void*>(data));
    };
    const auto out = [&](std::span<const int64_t> shape, float* data) {
      return TensorView::contiguous(DType::kF32, shape, static_cast<void*>(data));
    };
    const TensorView inputs[] = {in(call.src), in(call.scale), in(call.bias), in(call.residual)};
    const TensorView outputs[] = {out(dims, call.dst), out(one, call.mean), out(one, call.inverse),
                                  out(dims, call.sum)};
    TEGULA_CHECK(layer_norm(desc_, inputs, outputs).ok(), "operands were checked");
  }

  kernels::LayerNormDesc desc_;
  kernels::LayerNormCodePtr code_;  // nullptr: plain loops
  Rows src_, residual_, dst_, sum_;
  BoundTensor scale_, bias_, mean_, inverse_;
  std::string name_;
};

}  // namespace

Result<std::unique_ptr<BoundStep>> bind_narrow_layer_norm(const BindContext& context) {
  const schema::LayerNorm& table = *context.step.attributes_as_LayerNorm();
  if (table.axis() >= kernels::kMaxRank) return context.invalid("axis ", table.axis());
  const kernels::LayerNormDesc desc{static_cast<int>(table.axis()), table.epsilon(), table.rms()};
  // Sizes are those of any layer norm.
  OperandSizes sizes(context);
  for (const std::size_t i : {Operand::kSrc, Operand::kResidual})
    if (i < sizes.inputs.size()) sizes.inputs[i].dtype = DType::kF32;
  for (const std::size_t i : {Operand::kDst, Operand::kSum})
    if (i < sizes.outputs.size()) sizes.outputs[i].dtype = DType::kF32;
  if (const Status status = check(desc, sizes.inputs, sizes.outputs); !status.ok())
    return context.invalid(status.error().message);

  kernels::QuantizedOperand src_ends, residual_ends;
  kernels::QuantizedResult dst_ends;
  read_ends(table.ends(), src_ends, dst_ends);
  if (table.ends() != nullptr) residual_ends = {table.ends()->second_scale(), table.ends()->second_zero_point()};
  const int inner = context.inputs[0].rank - desc.axis;
  const auto rows_of = [&](std::span<const BoundTensor> tensors, std::size_t i, Rows& rows) -> Status {
    if (i >= tensors.size() || !tensors[i].present()) return {};
    const auto even = tensors[i].as_rows(inner);
    if (!even)
      return context.unsupported("a layer norm of ", name_of(tensors[i].dtype), " whose rows are not contiguous");
    rows.tensor = tensors[i];
    rows.rows = *even;
    return {};
  };
  Rows src, residual, dst, sum;
  TEGULA_RETURN_IF_ERROR(rows_of(context.inputs, Operand::kSrc, src));
  TEGULA_RETURN_IF_ERROR(rows_of(context.inputs, Operand::kResidual, residual));
  TEGULA_RETURN_IF_ERROR(rows_of(context.outputs, Operand::kDst, dst));
  TEGULA_RETURN_IF_ERROR(rows_of(context.outputs, Operand::kSum, sum));
  const auto contiguous = [](std::span<const BoundTensor> tensors, std::size_t i) {
    return i >= tensors.size() || !tensors[i].present() || tensors[i].is_contiguous();
  };
  if (!contiguous(context.inputs, Operand::kScale) || !contiguous(context.inputs, Operand::kBias) ||
      !contiguous(context.outputs, Operand::kMean) || !contiguous(context.outputs, Operand::kInverse))
    return context.unsupported("a layer norm whose scale, bias or statistics are not contiguous");
  TEGULA_ASSIGN_OR_RETURN(src.convert, converter_to_real(context, src.tensor, src_ends, "src"));
  TEGULA_ASSIGN_OR_RETURN(dst.convert, converter_from_real(context, dst.tensor, dst_ends, "dst"));
  if (residual.tensor.present()) {
    TEGULA_ASSIGN_OR_RETURN(residual.convert, converter_to_real(context, residual.tensor, residual_ends, "residual"));
  }
  if (sum.tensor.present()) {
    if (kernels::is_quantized(sum.tensor.dtype)) return context.invalid("the sum is ", name_of(sum.tensor.dtype));
    TEGULA_ASSIGN_OR_RETURN(sum.convert, converter_from_real(context, sum.tensor, {}, "the sum"));
  }
  kernels::LayerNormCodePtr code;
  if (context.features.avx2 && context.inputs[0].count() > 0) {
    const auto has = [&](std::size_t i) { return i < sizes.inputs.size() && sizes.inputs[i].data != nullptr; };
    const kernels::LayerNormCodeDesc code_desc{vector_isa_of(context), desc.rms, has(Operand::kScale),
                                               has(Operand::kBias), has(Operand::kResidual)};
    TEGULA_ASSIGN_OR_RETURN(code,
                            (context.kernels.cache<kernels::LayerNormCodeDesc, kernels::LayerNormCode>().get_or_build(
                                code_desc, kernels::build_layer_norm)));
  }
  return std::unique_ptr<BoundStep>(std::make_unique<NarrowLayerNormStep>(
      desc, std::move(code), std::move(src), std::move(residual), std::move(dst), std::move(sum), context));
}

}  // namespace tegula::runtime
