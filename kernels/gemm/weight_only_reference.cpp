#include "kernels/gemm/weight_only_reference.h"

#include <array>
#include <cmath>

#include "kernels/float16.h"

namespace tegula::kernels {
namespace {

using Index = std::array<int64_t, kMaxRank>;

/// Offset of the element at `index` of dst in a tensor that broadcasts to it; `skip`: a dimension of dst to leave out.
int64_t offset_in(const TensorView& view, const TensorView& dst, const Index& index, int skip = -1) {
  int64_t offset = 0;
  for (int d = 0; d < view.rank; ++d) {
    const int of_dst = d + dst.rank - view.rank;
    if (view.dims[d] != 1 && of_dst != skip) offset += index[static_cast<std::size_t>(of_dst)] * view.strides[d];
  }
  return offset;
}

float real_at(const TensorView& view, int64_t offset, float scale = 1, float zero_point = 0) {
  switch (view.dtype) {
    case DType::kU8: return (static_cast<float>(view.as<uint8_t>()[offset]) - zero_point) * scale;
    case DType::kS8: return (static_cast<float>(view.as<int8_t>()[offset]) - zero_point) * scale;
    case DType::kBF16: return f32_from_bf16(view.as<uint16_t>()[offset]);
    default: return view.as<float>()[offset];
  }
}

}  // namespace

void weight_only_matmul_reference(const WeightOnlyMatMul& p) {
  const TensorView& dst = p.dst;
  const int n_dim = dst.rank - 1;
  const int64_t depth = p.a.dims[p.a.rank - 1], a_step = p.a.strides[p.a.rank - 1];
  const int64_t b_n = p.b.strides[p.transpose_b ? 0 : 1], b_k = p.b.strides[p.transpose_b ? 1 : 0];
  Index index{};
  for (int64_t i = 0, count = dst.count(); i < count; ++i) {
    const int64_t n = index[static_cast<std::size_t>(n_dim)], a = offset_in(p.a, dst, index, n_dim);
    float x = 0;
    for (int64_t k = 0; k < depth; ++k)
      x = std::fma(real_at(p.a, a + k * a_step), static_cast<float>(p.b.as<int8_t>()[n * b_n + k * b_k]), x);
    x = x * p.scales[p.scale_per_channel ? n : 0];
    if (p.bias != nullptr) x = x + p.bias[n];
    std::size_t next = 0;
    for (const PostOpDesc& post_op : p.post_ops) {
      float operand = 0;
      if (post_op.operand != OperandKind::kNone) {
        const PostOpTensor& from = p.operands[next++];
        operand = real_at(from.view, offset_in(from.view, dst, index), from.scale, from.zero_point);
      }
      x = apply_post_ops({&post_op, 1}, x, {&operand, 1});
    }
    const int64_t to = offset_in(dst, dst, index);
    if (dst.dtype == DType::kBF16)
      dst.as<uint16_t>()[to] = bf16_from_f32(x);
    else
      dst.as<float>()[to] = x;
    for (int d = n_dim; d >= 0 && ++index[static_cast<std::size_t>(d)] == dst.dims[d]; --d)
      index[static_cast<std::size_t>(d)] = 0;
  }
}

}  // namespace tegula::kernels
