#include "kernels/attention/quantized_attention.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "kernels/attention/attention_loops.h"

namespace tegula::kernels {
namespace {

Error error(std::string_view what) {
  return Error{ErrorCode::kInvalidArgument, concat("quantized attention: ", what)};
}

int32_t at(const TensorView& view, int64_t batch, int64_t row, int64_t column) {
  return view.as<uint8_t>()[batch * view.strides[0] + row * view.strides[1] + column * view.strides[2]];
}

/// Of a product of two u8 less their zero points.
constexpr double kLargestProduct = 255.0 * 255.0;

/// The largest magnitude of a sum over the probabilities of a row. They add up to 1 before they are rounded, each by
/// half a step at most; zero points take part in every product.
double largest_value_sum(const QuantizedAttentionDesc& desc, int64_t seq_kv) {
  const auto count = static_cast<double>(seq_kv);
  if (desc.probability.zero_point != 0) return count * kLargestProduct;
  return std::min(count * 255.0, static_cast<double>(desc.probability.scale_inverse) + count) * 255.0;
}

}  // namespace

QuantizedAttentionDesc quantized_attention_desc(const AttentionDesc& real, const QuantizedOperand& q,
                                                const QuantizedOperand& k, const QuantizedOperand& v,
                                                const QuantizedOperand& p, const QuantizedResult& dst) {
  QuantizedAttentionDesc desc;
  desc.heads = real.heads;
  desc.kv_heads = real.kv_heads;
  desc.causal = real.causal;
  desc.q_zero_point = q.zero_point;
  desc.k_zero_point = k.zero_point;
  desc.v_zero_point = v.zero_point;
  desc.score_scale = q.scale * k.scale * real.scale;
  desc.probability = {1.0f / p.scale, p.zero_point};
  desc.value_scale = p.scale * v.scale;
  desc.dst = dst;
  return desc;
}

Status check(const QuantizedAttentionDesc& desc, std::span<const TensorView> inputs,
             std::span<const TensorView> outputs) {
  if (inputs.size() < 3 || inputs.size() > 4 || outputs.size() != 1)
    return error("q, k, v, perhaps a mask, and one output");
  TensorView real[4], real_dst = outputs[0];
  for (std::size_t i = 0; i < inputs.size(); ++i) real[i] = inputs[i];
  for (std::size_t i = 0; i < 3; ++i) {
    if (real[i].dtype != DType::kU8) return error("q, k and v are u8");
    real[i].dtype = DType::kF32;
  }
  if (!is_real_or_quantized(real_dst.dtype)) return error(concat("a result of type ", name_of(real_dst.dtype)));
  real_dst.dtype = DType::kF32;
  const AttentionDesc of_reals{desc.heads, desc.kv_heads, desc.score_scale, desc.causal};
  TEGULA_RETURN_IF_ERROR(check(of_reals, std::span<const TensorView>(real, inputs.size()), {&real_dst, 1}));
  for (const int32_t zero_point : {desc.q_zero_point, desc.k_zero_point, desc.v_zero_point})
    if (zero_point < 0 || zero_point > 255) return error(concat("zero point ", zero_point, " of u8"));
  if (!fits(desc.probability.scale_inverse, desc.probability.zero_point, DType::kU8) ||
      !fits(desc.dst.scale_inverse, desc.dst.zero_point, outputs[0].dtype) || !fits(desc.score_scale, 0, DType::kU8) ||
      !fits(desc.value_scale, 0, DType::kU8))
    return error("a scale is not finite or a zero point out of range");
  constexpr double kLargestSum = std::numeric_limits<int32_t>::max();
  if (static_cast<double>(inputs[0].dims[2] / desc.heads) * kLargestProduct > kLargestSum ||
      largest_value_sum(desc, inputs[1].dims[1]) > kLargestSum)
    return error("its sums could leave the range of s32");
  return {};
}

Status quantized_attention(const QuantizedAttentionDesc& desc, std::span<const TensorView> inputs,
                           std::span<const TensorView> outputs) {
  const TensorView &q = inputs[0], &k = inputs[1], &v = inputs[2], &dst = outputs[0];
  const int64_t dim = q.dims[2] / desc.heads, value_dim = v.dims[2] / desc.kv_heads;
  const auto score = [&](const AttentionRow& row, int64_t j) {
    int32_t acc = 0;
    for (int64_t d = 0; d < dim; ++d)
      acc += (at(q, row.b, row.i, row.h * dim + d) - desc.q_zero_point) *
             (at(k, row.b, j, row.g * dim + d) - desc.k_zero_point);
    return static_cast<float>(acc) * desc.score_scale;
  };
  std::vector<int32_t> probabilities(static_cast<std::size_t>(k.dims[1]));  // less their zero point
  const auto values = [&](const AttentionRow& row, std::span<const float> weights) {
    const auto [scale_inverse, zero_point] = desc.probability;
    for (std::size_t j = 0; j < weights.size(); ++j)
      probabilities[j] = requantize<uint8_t>(weights[j], scale_inverse, zero_point) - zero_point;
    for (int64_t d = 0; d < value_dim; ++d) {
      int32_t acc = 0;
      for (std::size_t j = 0; j < weights.size(); ++j)
        acc += probabilities[j] * (at(v, row.b, static_cast<int64_t>(j), row.g * value_dim + d) - desc.v_zero_point);
      const int64_t to = row.b * dst.strides[0] + row.i * dst.strides[1] + (row.h * value_dim + d) * dst.strides[2];
      store_real(dst.dtype, dst.data, to, static_cast<float>(acc) * desc.value_scale, desc.dst);
    }
  };
  return for_each_attention_row({desc.heads, desc.kv_heads, 1.0f, desc.causal}, inputs, score, values);
}

}  // namespace tegula::kernels
