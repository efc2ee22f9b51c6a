#include "kernels/quantize/dynamic_quantize.h"

#include "kernels/eltwise/eltwise_kernel.h"
#include "kernels/quantize/range_kernel.h"
#include "runtime/plan/kernel_library.h"
#include "runtime/steps/blocks.h"
#include "runtime/steps/plain_step.h"

namespace tegula::runtime {
namespace {

using kernels::ScaleAndZeroPoint;

/// Contiguous tensors: one pass for the range of a part (the tensor or a row), one that quantizes. Parts that
/// several blocks share are looked at by each of them, so that no block waits for another.
class DynamicQuantizeStep final : public BoundStep {
 public:
  DynamicQuantizeStep(int64_t parts, kernels::RangeCodePtr range, kernels::EltwiseCodePtr quantize,
                      std::string implementation, const BindContext& context)
      : parts_(parts),
        range_(std::move(range)),
        quantize_(std::move(quantize)),
        implementation_(std::move(implementation)),
        src_(context.inputs[0]),
        dst_(context.outputs[0]),
        scale_(context.outputs[1]) {
    if (context.outputs.size() > 2) zero_point_ = context.outputs[2];
    part_ = parts_ == 0 ? 0 : src_.count() / parts_;
    units_per_part_ = std::max<int64_t>((part_ + kUnit - 1) / kUnit, 1);  // an empty part has parameters, too
  }

  int64_t blocks(int workers) const override { return blocks_of_bytes(units(), src_.count() * 6, workers); }

  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte*) const override {
    const BlockRange range(units(), block, blocks);
    const auto element = static_cast<int64_t>(size_of(src_.dtype));
    const std::byte* const src = context.address(src_);
    std::byte* const dst = context.address(dst_);
    for (int64_t unit = range.begin; unit < range.end;) {
      const int64_t part = unit / units_per_part_, first = unit % units_per_part_;
      const int64_t count = std::min(units_per_part_ - first, range.end - unit);
      const ScaleAndZeroPoint parameters = parameters_of(src + part * part_ * element);
      if (first == 0) store(context, parameters, part);
      const int64_t begin = part * part_ + first * kUnit;
      const int64_t end = part * part_ + std::min((first + count) * kUnit, part_);
      quantize(parameters, src + begin * element, dst + begin, end - begin);
      unit += count;
    }
  }

  std::string implementation() const override { return implementation_; }

 private:
  static constexpr int64_t kUnit = 4096;  // elements

  ScaleAndZeroPoint parameters_of(const std::byte* src) const {
    kernels::ValueRange range;
    (*range_)(src, part_, range);
    return kernels::quantization_of(range, dst_.dtype);
  }

  void store(const RunContext& context, const ScaleAndZeroPoint& parameters, int64_t at) const {
    context.data<float>(scale_)[at] = parameters.scale;
    if (!zero_point_.present()) return;
    if (zero_point_.dtype == DType::kU8) {
      context.data<uint8_t>(zero_point_)[at] = static_cast<uint8_t>(parameters.zero_point);
    } else {
      context.data<int32_t>(zero_point_)[at] = parameters.zero_point;
    }
  }

  void quantize(const ScaleAndZeroPoint& parameters, const std::byte* src, std::byte* dst, int64_t n) const {
    if (n <= 0) return;
    const auto zero_point = static_cast<uint8_t>(parameters.zero_point);  // of s8 it is 0
    kernels::EltwiseCall call;
    call.dst = dst;
    call.rows = 1;
    call.n = n;
    call.inputs[0] = src;
    call.inputs[1] = reinterpret_cast<const std::byte*>(&parameters.scale);
    call.inputs[2] = reinterpret_cast<const std::byte*>(&zero_point);
    (*quantize_)(call);
  }

  int64_t units() const { return parts_ * units_per_part_; }

  int64_t parts_;
  kernels::RangeCodePtr range_;
  kernels::EltwiseCodePtr quantize_;
  std::string implementation_;
  BoundTensor src_, dst_, scale_, zero_point_;
  int64_t part_ = 0;  // elements
  int64_t units_per_part_ = 1;
};

/// dst = quantize_by(src, scale, zero_point) along a row.
kernels::EltwiseCodeDesc quantizing_code(jit::VectorIsa isa, DType src, DType dst) {
  using kernels::EltwisePattern;
  kernels::EltwiseCodeDesc desc;
  desc.isa = isa;
  desc.inputs = {
      {src, EltwisePattern::kVector}, {DType::kF32, EltwisePattern::kBroadcast}, {dst, EltwisePattern::kBroadcast}};
  uint16_t real = 0;
  if (src != DType::kF32) {
    desc.instructions.push_back({.function = Function::k_cast, .a = 0, .to = DType::kF32});
    real = 3;
  }
  desc.instructions.push_back({.function = Function::k_quantize_by, .a = real, .b = 1, .c = 2});
  desc.output = dst;
  return desc;
}

}  // namespace

Result<std::unique_ptr<BoundStep>> bind_dynamic_quantize(const BindContext& context) {
  const kernels::DynamicQuantizeDesc desc{context.step.attributes_as_DynamicQuantize()->per_row()};
  const OperandSizes sizes(context);
  if (const Status status = check(desc, sizes.inputs, sizes.outputs); !status.ok())
    return context.invalid(status.error().message);
  const BoundTensor &src = context.inputs[0], &dst = context.outputs[0];
  if (!context.features.avx2 || !src.is_contiguous() || !dst.is_contiguous()) {
    decline_generated_code(context, "its operands are not contiguous");
    return make_plain_step(desc, &kernels::dynamic_quantize, context);
  }
  const jit::VectorIsa isa = vector_isa_of(context);
  const kernels::RangeCodeDesc range{isa, src.dtype};
  const kernels::EltwiseCodeDesc quantize = quantizing_code(isa, src.dtype, dst.dtype);
  TEGULA_ASSIGN_OR_RETURN(
      kernels::RangeCodePtr range_code,
      (context.kernels.cache<kernels::RangeCodeDesc, kernels::RangeCode>().get_or_build(range, kernels::build_range)));
  TEGULA_ASSIGN_OR_RETURN(kernels::EltwiseCodePtr quantize_code,
                          (context.kernels.cache<kernels::EltwiseCodeDesc, kernels::EltwiseCode>().get_or_build(
                              quantize, kernels::build_eltwise)));
  return std::unique_ptr<BoundStep>(std::make_unique<DynamicQuantizeStep>(
      desc.per_row ? context.outputs[1].count() : 1, std::move(range_code), std::move(quantize_code),
      concat("dynamic_quantize_", name_of(src.dtype), name_of(dst.dtype), "_", jit::name_of(isa)), context));
}

}  // namespace tegula::runtime
