#include "kernels/attention/attention.h"

#include <cmath>

#include "kernels/attention/attention_loops.h"

namespace tegula::kernels {
namespace {

Error error(std::string_view what) {
  return Error{ErrorCode::kInvalidArgument, concat("attention: ", what)};
}

const float* at(const TensorView& view, int64_t batch, int64_t row, int64_t column) {
  return reinterpret_cast<const float*>(view.data) + batch * view.strides[0] + row * view.strides[1] +
         column * view.strides[2];
}

}  // namespace

Status check(const AttentionDesc& desc, std::span<const TensorView> inputs, std::span<const TensorView> outputs) {
  if (inputs.size() < 3 || inputs.size() > 4 || outputs.size() != 1)
    return error("q, k, v, perhaps a mask, and one output");
  const TensorView &q = inputs[0], &k = inputs[1], &v = inputs[2], &dst = outputs[0];
  for (const TensorView* operand : {&q, &k, &v, &dst})
    if (operand->dtype != DType::kF32 || operand->rank != 3) return error("operands are f32 [batch, seq, heads * dim]");
  if (desc.heads < 1 || desc.kv_heads < 1 || desc.heads > (1 << 20) || desc.heads % desc.kv_heads != 0)
    return error(concat(desc.heads, " heads over ", desc.kv_heads, " of k and v"));
  if (q.dims[2] % desc.heads != 0 || k.dims[2] % desc.kv_heads != 0 || v.dims[2] % desc.kv_heads != 0)
    return error("the last dimensions are multiples of the heads");
  if (q.dims[2] / desc.heads != k.dims[2] / desc.kv_heads) return error("q and k differ in the size of a head");
  if (k.dims[0] != q.dims[0] || v.dims[0] != q.dims[0] || k.dims[1] != v.dims[1])
    return error("q, k and v differ in batch or length");
  if (dst.dims[0] != q.dims[0] || dst.dims[1] != q.dims[1] || dst.dims[2] != v.dims[2] / desc.kv_heads * desc.heads)
    return error("dst is [batch, seq_q, heads * value dim]");
  if (desc.causal && !(static_cast<float>(desc.scale) > 0)) return error("a causal mask needs a positive scale");
  if (inputs.size() < 4 || inputs[3].data == nullptr) return {};
  const TensorView& mask = inputs[3];
  const int64_t full[4] = {q.dims[0], desc.heads, q.dims[1], k.dims[1]};
  if (mask.dtype != DType::kF32 || mask.rank > 4)
    return error("the mask is f32 and broadcast to [batch, heads, seq_q, seq_kv]");
  for (int d = 0; d < mask.rank; ++d)
    if (mask.dims[d] != 1 && mask.dims[d] != full[d + 4 - mask.rank])
      return error("the mask does not broadcast to [batch, heads, seq_q, seq_kv]");
  return {};
}

Status attention(const AttentionDesc& desc, std::span<const TensorView> inputs, std::span<const TensorView> outputs) {
  const TensorView &q = inputs[0], &k = inputs[1], &v = inputs[2], &dst = outputs[0];
  const int64_t dim = q.dims[2] / desc.heads, value_dim = v.dims[2] / desc.kv_heads;
  const auto score = [&](const AttentionRow& row, int64_t j) {
    float acc = 0;
    for (int64_t d = 0; d < dim; ++d)
      acc = std::fma(*at(q, row.b, row.i, row.h * dim + d), *at(k, row.b, j, row.g * dim + d), acc);
    return acc;
  };
  return for_each_attention_row(desc, inputs, score, [&](const AttentionRow& row, std::span<const float> weights) {
    for (int64_t d = 0; d < value_dim; ++d) {
      float acc = 0;
      for (std::size_t j = 0; j < weights.size(); ++j)
        acc = std::fma(weights[j], *at(v, row.b, static_cast<int64_t>(j), row.g * value_dim + d), acc);
      *const_cast<float*>(at(dst, row.b, row.i, row.h * value_dim + d)) = acc;
    }
  });
}

}  // namespace tegula::kernels
