#include "kernels/normalize/layer_norm.h"

#include <algorithm>

#include "kernels/normalize/layer_norm_kernel.h"
#include "runtime/plan/kernel_library.h"
#include "runtime/steps/blocks.h"
#include "runtime/steps/narrow_rows.h"
#include "runtime/steps/operand_sizes.h"
#include "runtime/steps/plain_step.h"

namespace tegula::runtime {
namespace {

enum Operand : std::size_t { kSrc, kScale, kBias, kResidual, kDst, kMean, kInverse, kSum, kOperands };

/// f32 rows by generated code. Every operand that has rows is evenly strided.
class LayerNormStep final : public BoundStep {
 public:
  LayerNormStep(const kernels::LayerNormDesc& desc, kernels::LayerNormCodePtr code, std::string implementation,
                const BindContext& context)
      : epsilon_(desc.epsilon), code_(std::move(code)), implementation_(std::move(implementation)) {
    for (std::size_t i = 0; i < context.inputs.size(); ++i) operands_[kSrc + i] = context.inputs[i];
    for (std::size_t i = 0; i < context.outputs.size(); ++i) operands_[kDst + i] = context.outputs[i];
    const BoundTensor& src = operands_[kSrc];
    inner_ = src.rank - desc.axis;
    for (const Operand operand : {kSrc, kResidual, kDst, kSum})
      if (operands_[operand].present()) rows_[operand] = *operands_[operand].as_rows(inner_);
  }

  static bool can_run(const BindContext& context, int axis) {
    const int inner = context.inputs[0].rank - axis;
    const auto even = [&](std::span<const BoundTensor> tensors, std::size_t i) {
      return i >= tensors.size() || !tensors[i].present() || tensors[i].as_rows(inner).has_value();
    };
    const auto contiguous = [](std::span<const BoundTensor> tensors, std::size_t i) {
      return i >= tensors.size() || !tensors[i].present() || tensors[i].is_contiguous();
    };
    return even(context.inputs, 0) && contiguous(context.inputs, 1) && contiguous(context.inputs, 2) &&
           even(context.inputs, 3) && even(context.outputs, 0) && contiguous(context.outputs, 1) &&
           contiguous(context.outputs, 2) && even(context.outputs, 3);
  }

  int64_t blocks(int workers) const override {
    return blocks_of_bytes(rows_[kSrc].rows, operands_[kSrc].count() * 16, workers);
  }

  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte*) const override {
    const BlockRange range(rows_[kSrc].rows, block, blocks);
    std::array<float*, kOperands> data;
    for (std::size_t i = 0; i < kOperands; ++i) data[i] = context.data<float>(operands_[i]);
    float unwanted[2];
    kernels::LayerNormCall call;
    call.scale = data[kScale];
    call.bias = data[kBias];
    call.n = rows_[kSrc].row_elements;
    call.count = static_cast<float>(call.n);
    call.epsilon = epsilon_;
    for (int64_t row = range.begin; row < range.end; ++row) {
      call.src = data[kSrc] + row * rows_[kSrc].row_stride;
      if (data[kResidual] != nullptr) call.residual = data[kResidual] + row * rows_[kResidual].row_stride;
      call.dst = data[kDst] + row * rows_[kDst].row_stride;
      call.sum = data[kSum] != nullptr ? data[kSum] + row * rows_[kSum].row_stride : call.dst;
      call.mean = data[kMean] != nullptr ? data[kMean] + row : unwanted;
      call.inverse = data[kInverse] != nullptr ? data[kInverse] + row : unwanted + 1;
      (*code_)(call);
    }
  }

  std::string implementation() const override { return implementation_; }
  double flop() const override { return 8.0 * static_cast<double>(operands_[kSrc].count()); }

 private:
  float epsilon_;
  kernels::LayerNormCodePtr code_;
  std::string implementation_;
  int inner_ = 1;
  std::array<BoundTensor, kOperands> operands_;
  std::array<BoundTensor::Rows, kOperands> rows_{};
};

}  // namespace

Result<std::unique_ptr<BoundStep>> bind_layer_norm(const BindContext& context) {
  const auto narrow = [](std::span<const BoundTensor> tensors) {
    return std::any_of(tensors.begin(), tensors.end(), [](const BoundTensor& tensor) { return is_narrow(tensor); });
  };
  if (!context.inputs.empty() && !context.outputs.empty() && (narrow(context.inputs) || narrow(context.outputs)))
    return bind_narrow_layer_norm(context);
  const schema::LayerNorm& table = *context.step.attributes_as_LayerNorm();
  if (table.axis() >= kernels::kMaxRank) return context.invalid("axis ", table.axis());
  const kernels::LayerNormDesc desc{static_cast<int>(table.axis()), table.epsilon(), table.rms()};
  const OperandSizes sizes(context);
  if (const Status status = check(desc, sizes.inputs, sizes.outputs); !status.ok())
    return context.invalid(status.error().message);
  const auto present = [](const auto& tensors, std::size_t i) {
    return i < tensors.size() && tensors[i].data != nullptr;
  };
  // A wanted sum without a residual is a copy of src: plain loops do that rare thing.
  const bool copies = present(sizes.outputs, 3) && !present(sizes.inputs, 3);
  if (!context.features.avx2 || copies || context.inputs[0].count() == 0 ||
      !LayerNormStep::can_run(context, desc.axis)) {
    decline_generated_code(context, "its rows are not contiguous and evenly apart, or it only copies");
    return make_plain_step(desc, &kernels::layer_norm, context);
  }
  const kernels::LayerNormCodeDesc code_desc{vector_isa_of(context), desc.rms, present(sizes.inputs, 1),
                                             present(sizes.inputs, 2), present(sizes.inputs, 3)};
  const auto code = context.kernels.cache<kernels::LayerNormCodeDesc, kernels::LayerNormCode>().get_or_build(
      code_desc, kernels::build_layer_norm);
  if (!code.ok()) return code.error();
  return std::unique_ptr<BoundStep>(std::make_unique<LayerNormStep>(desc, *code, code_desc.name(), context));
}

}  // namespace tegula::runtime
