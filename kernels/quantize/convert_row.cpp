#include "kernels/quantize/convert_row.h"

#include <cstring>

namespace tegula::kernels {

std::optional<EltwiseCodeDesc> RowConverter::code_desc(const jit::CpuFeatures& cpu) const {
  if (changes_nothing() || !cpu.avx2) return std::nullopt;
  EltwiseCodeDesc desc;
  desc.isa = cpu.avx512 ? jit::VectorIsa::kAvx512 : jit::VectorIsa::kAvx2;
  desc.inputs = {{from_, EltwisePattern::kVector}};
  desc.output = to_;
  EltwiseCodeDesc::Instruction instruction{.function = Function::k_cast, .to = to_};
  if (is_quantized(from_)) {
    instruction = {
        .function = Function::k_dequantize, .alpha = src_.scale, .beta = static_cast<float>(src_.zero_point)};
  } else if (is_quantized(to_)) {
    instruction = {.function = Function::k_requantize,
                   .alpha = dst_.scale_inverse,
                   .beta = static_cast<float>(dst_.zero_point),
                   .to = to_};
  }
  desc.instructions = {instruction};
  desc.converts_to_bf16 = to_ == DType::kBF16 && cpu.avx512 && cpu.avx512_bf16;
  return desc;
}

void RowConverter::operator()(const std::byte* from, std::byte* to, int64_t n) const {
  if (changes_nothing()) {
    std::memcpy(to, from, static_cast<std::size_t>(n) * size_of(to_));
    return;
  }
  if (code_ != nullptr) {
    EltwiseCall call;
    call.dst = to;
    call.rows = 1;
    call.n = n;
    call.inputs[0] = from;
    return (*code_)(call);
  }
  for (int64_t i = 0; i < n; ++i) store_real(to_, to, i, real_at(from_, from, i, src_), dst_);
}

}  // namespace tegula::kernels
