#include "runtime/steps/gather_dequantize.h"

#include <algorithm>

#include "kernels/eltwise/eltwise_kernel.h"
#include "kernels/plain_loops.h"
#include "kernels/quantize/quantized_ends.h"
#include "runtime/plan/kernel_library.h"
#include "runtime/steps/blocks.h"
#include "runtime/steps/operand_sizes.h"

namespace tegula::runtime {
namespace {

using kernels::TensorView;

/// One dst row per index; scale and zero point belong to the whole of src or to each of its rows.
class GatherDequantizeStep final : public BoundStep {
 public:
  GatherDequantizeStep(kernels::EltwiseCodePtr code, const BindContext& context)
      : code_(std::move(code)),
        src_(context.inputs[0]),
        indices_(context.inputs[1]),
        scales_(context.inputs[2]),
        dst_(context.outputs[0]),
        name_(context.name()) {
    if (context.inputs.size() > 3) zero_points_ = context.inputs[3];
    rows_ = indices_.count();
    row_ = rows_ == 0 ? 0 : dst_.count() / rows_;
    const auto lines = *dst_.as_rows(dst_.is_contiguous() ? dst_.rank : 1);
    line_ = std::max<int64_t>(lines.row_elements, 1);
    line_stride_ = lines.row_stride;
  }

  int64_t blocks(int workers) const override { return blocks_of_bytes(rows_, dst_.count() * 5, workers); }

  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte*) const override {
    const BlockRange range(rows_, block, blocks);
    const TensorView indices = context.view(indices_);
    const std::byte* src = context.address(src_);
    std::byte* dst = context.address(dst_);
    for (int64_t i = range.begin; i < range.end; ++i) {
      const int64_t index = kernels::index_at(indices, offset_of(indices, i));
      const auto row = kernels::wrap_index(index, src_.dims[0]);
      if (!row) {
        const Error error = kernels::index_error("gather", index, src_.dims[0]);
        return context.fail(error.code, concat(name_.substr(0, 120), ": ", error.message));
      }
      for (int64_t done = 0; done < row_; done += std::min(row_, line_)) {
        const int64_t element = i * row_ + done, to = element / line_ * line_stride_ + element % line_;
        dequantize(context, src + *row * row_ + done, *row, dst + to * static_cast<int64_t>(size_of(dst_.dtype)));
      }
    }
  }

  std::string implementation() const override {
    return concat("gather_", name_of(src_.dtype), name_of(dst_.dtype), code_ ? "" : "_plain");
  }
  bool plain_loops() const override { return code_ == nullptr; }

 private:
  /// Of element `i`, row-major: indices may be a column of a table of them.
  static int64_t offset_of(const TensorView& indices, int64_t i) {
    int64_t offset = 0;
    for (int d = indices.rank - 1; d >= 0; --d) {
      const auto at = static_cast<std::size_t>(d);
      offset += i % indices.dims[at] * indices.strides[at];
      i /= indices.dims[at];
    }
    return offset;
  }

  void dequantize(const RunContext& context, const std::byte* from, int64_t row, std::byte* to) const {
    static constexpr std::byte kZero{0};
    const float* scale = context.data<const float>(scales_) + (scales_.count() > 1 ? row : 0);
    const std::byte* zero_point =
        zero_points_.present() ? context.address(zero_points_) + (zero_points_.count() > 1 ? row : 0) : &kZero;
    if (code_ != nullptr) {
      kernels::EltwiseCall call;
      call.dst = to;
      call.rows = 1;
      call.n = std::min(row_, line_);
      call.inputs[0] = from;
      call.inputs[1] = reinterpret_cast<const std::byte*>(scale);
      call.inputs[2] = zero_point;
      return (*code_)(call);
    }
    const int32_t zero = src_.dtype == DType::kU8 ? int32_t{static_cast<uint8_t>(*zero_point)}
                                                  : int32_t{static_cast<int8_t>(*zero_point)};
    for (int64_t c = 0; c < std::min(row_, line_); ++c)
      kernels::store_real(dst_.dtype, to, c, kernels::real_at(src_.dtype, from, c, {*scale, zero}), {});
  }

  kernels::EltwiseCodePtr code_;  // nullptr: plain loops
  BoundTensor src_, indices_, scales_, zero_points_, dst_;
  std::string_view name_;  // of the step, in the program
  int64_t rows_ = 0, row_ = 0;
  int64_t line_ = 1, line_stride_ = 1;  // contiguous elements of dst, and from one such line to the next
};

kernels::EltwiseCodeDesc dequantizing_code(const jit::CpuFeatures& cpu, DType src, DType dst) {
  using kernels::EltwisePattern;
  kernels::EltwiseCodeDesc desc;
  desc.isa = vector_isa_of(cpu);
  desc.inputs = {
      {src, EltwisePattern::kVector}, {DType::kF32, EltwisePattern::kBroadcast}, {src, EltwisePattern::kBroadcast}};
  desc.instructions = {{.function = Function::k_dequantize_by, .a = 0, .b = 1, .c = 2}};
  if (dst == DType::kBF16) {
    desc.instructions.push_back({.function = Function::k_cast, .a = 3, .to = DType::kBF16});
    desc.converts_to_bf16 = cpu.avx512 && cpu.avx512_bf16;
  }
  desc.output = dst;
  return desc;
}

}  // namespace

Result<std::unique_ptr<BoundStep>> bind_gather_dequantize(const BindContext& context) {
  if (context.inputs.size() < 3 || context.inputs.size() > 4 || context.outputs.size() != 1 ||
      !context.inputs[0].present() || !context.inputs[1].present() || !context.inputs[2].present() ||
      !context.outputs[0].present())
    return context.invalid("gather takes a value, indices, scales and perhaps zero points to one value");
  const BoundTensor &src = context.inputs[0], &indices = context.inputs[1], &scales = context.inputs[2],
                    &dst = context.outputs[0];
  const BoundTensor zero_points = context.inputs.size() > 3 ? context.inputs[3] : BoundTensor();
  if (!kernels::is_quantized(src.dtype) || (dst.dtype != DType::kF32 && dst.dtype != DType::kBF16) ||
      !kernels::is_index_type(indices.dtype) || context.step.attributes_as_Gather()->axis() != 0 || src.rank < 1)
    return context.invalid("a gather of ", name_of(src.dtype), " to ", name_of(dst.dtype), " by ",
                           name_of(indices.dtype), " with scales");
  bool fits = dst.rank == indices.rank + src.rank - 1;
  for (int d = 0; fits && d < dst.rank; ++d)
    fits = dst.dims[d] == (d < indices.rank ? indices.dims[d] : src.dims[d - indices.rank + 1]);
  if (!fits)
    return context.invalid("rows of ", to_string(src.shape()), " by indices ", to_string(indices.shape()), " to ",
                           to_string(dst.shape()));
  const auto one_or_each = [&](const BoundTensor& tensor) {
    return (tensor.count() == 1 || tensor.count() == src.dims[0]) && tensor.is_contiguous();
  };
  if (scales.dtype != DType::kF32 || !one_or_each(scales) ||
      (zero_points.present() && (zero_points.dtype != src.dtype || !one_or_each(zero_points))))
    return context.invalid("scales of ", name_of(scales.dtype), to_string(scales.shape()), " and zero points of ",
                           to_string(zero_points.shape()), " for ", src.dims[0], " rows");
  if (!src.is_contiguous() || !dst.as_rows(dst.rank > 0 ? 1 : 0))
    return context.unsupported("a gather with scales of values that are not contiguous");
  kernels::EltwiseCodePtr code;
  if (context.features.avx2) {
    TEGULA_ASSIGN_OR_RETURN(code,
                            (context.kernels.cache<kernels::EltwiseCodeDesc, kernels::EltwiseCode>().get_or_build(
                                dequantizing_code(context.features, src.dtype, dst.dtype), kernels::build_eltwise)));
  }
  return std::unique_ptr<BoundStep>(std::make_unique<GatherDequantizeStep>(std::move(code), context));
}

}  // namespace tegula::runtime
