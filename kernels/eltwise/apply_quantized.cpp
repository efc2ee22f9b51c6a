#include "kernels/eltwise/apply_block.h"
#include "kernels/math/scalar.h"
#include "schema/base/check.h"
// The templates find scalar.h's operations by the types of their arguments.
#include "kernels/math/quantized.h"

namespace tegula::kernels {
namespace {

using math::ScalarFloat;
using math::ScalarInt;

template <typename Visit>
void visit_quantized(DType type, const Visit& visit) {
  switch (type) {
    case DType::kU8: return visit(uint8_t{});
    case DType::kS8: return visit(int8_t{});
    case DType::kS32: return visit(int32_t{});
    default: break;
  }
  TEGULA_CHECK(false, "types were checked");
}

template <typename Q>
void quantize_typed(const FunctionInstruction& in, const BlockOperands& operands, std::byte* out, int64_t count) {
  const auto* x = reinterpret_cast<const float*>(operands.x);
  const auto* scales = reinterpret_cast<const float*>(operands.y);
  const auto* zero_points = reinterpret_cast<const Q*>(operands.z);
  auto* q = reinterpret_cast<Q*>(out);
  const math::QuantizedRange range = math::range_of(dtype_of<Q>::value);
  const ScalarFloat scale(in.alpha), zero_point(in.beta);
  for (int64_t i = 0; i < count; ++i) {
    const ScalarFloat value(x[i]);
    switch (in.function) {
      case Function::k_quantize: q[i] = static_cast<Q>(quantized(value, scale, zero_point, range).v); break;
      case Function::k_requantize: q[i] = static_cast<Q>(requantized(value, scale, zero_point, range).v); break;
      default: {
        const ScalarFloat own_zero_point(static_cast<float>(zero_points[i]));
        q[i] = static_cast<Q>(quantized(value, ScalarFloat(scales[i]), own_zero_point, range).v);
      }
    }
  }
}

template <typename Q>
void dequantize_typed(const FunctionInstruction& in, const BlockOperands& operands, std::byte* out, int64_t count) {
  const auto* q = reinterpret_cast<const Q*>(operands.x);
  const auto* scales = reinterpret_cast<const float*>(operands.y);
  const auto* zero_points = reinterpret_cast<const Q*>(operands.z);
  auto* x = reinterpret_cast<float*>(out);
  const bool by_operands = in.function == Function::k_dequantize_by;
  const ScalarInt zero_point = truncate_to_int(ScalarFloat(by_operands ? 0.0f : in.beta));
  for (int64_t i = 0; i < count; ++i) {
    const ScalarInt own_zero_point = by_operands ? ScalarInt(zero_points[i]) : zero_point;
    x[i] = dequantized(ScalarInt(q[i]), own_zero_point, ScalarFloat(by_operands ? scales[i] : in.alpha)).v;
  }
}

}  // namespace

void quantize_block(const FunctionInstruction& in, DType x_type, DType result_type, const BlockOperands& operands,
                    std::byte* out, int64_t count) {
  if (result_type == DType::kF32) {
    visit_quantized(x_type, [&](auto q) { dequantize_typed<decltype(q)>(in, operands, out, count); });
  } else {
    visit_quantized(result_type, [&](auto q) { quantize_typed<decltype(q)>(in, operands, out, count); });
  }
}

}  // namespace tegula::kernels
