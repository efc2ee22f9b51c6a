#include "kernels/gemm/quantized_reference.h"

#include <vector>

#include "kernels/float16.h"
#include "kernels/quantize/requantize.h"

namespace tegula::kernels {
namespace {

using Index = std::array<int64_t, kMaxRank>;

/// Offset of the element at `index` of dst in a tensor that broadcasts to it.
int64_t offset_in(const TensorView& view, const TensorView& dst, const Index& index) {
  int64_t offset = 0;
  for (int d = 0; d < view.rank; ++d)
    if (view.dims[d] != 1) offset += index[static_cast<std::size_t>(d + dst.rank - view.rank)] * view.strides[d];
  return offset;
}

float value_of(const PostOpTensor& operand, int64_t offset) {
  const TensorView& view = operand.view;
  switch (view.dtype) {
    case DType::kU8: return (static_cast<float>(view.as<uint8_t>()[offset]) - operand.zero_point) * operand.scale;
    case DType::kS8: return (static_cast<float>(view.as<int8_t>()[offset]) - operand.zero_point) * operand.scale;
    case DType::kBF16: return f32_from_bf16(view.as<uint16_t>()[offset]);
    default: return view.as<float>()[offset];
  }
}

/// A matrix of a batch, wherever its rows and columns lie.
struct Matrix {
  int64_t offset = 0, row = 0, column = 0;

  Matrix(const TensorView& view, bool transposed, const TensorView& dst, const Index& index) {
    row = view.strides[view.rank - (transposed ? 1 : 2)];
    column = view.strides[view.rank - (transposed ? 2 : 1)];
    for (int d = 0; d < view.rank - 2; ++d)
      if (view.dims[d] != 1) offset += index[static_cast<std::size_t>(d + dst.rank - view.rank)] * view.strides[d];
  }
  int64_t at(int64_t i, int64_t j) const { return offset + i * row + j * column; }
};

}  // namespace

void quantized_matmul_reference(const QuantizedMatMul& p) {
  const TensorView& dst = p.dst;
  const int64_t depth = p.a.dims[p.a.rank - (p.transpose_a ? 2 : 1)];
  const auto m_dim = static_cast<std::size_t>(dst.rank - 2), n_dim = static_cast<std::size_t>(dst.rank - 1);
  Index index{};
  for (int64_t i = 0, count = dst.count(); i < count; ++i) {
    const int64_t m = index[m_dim], n = index[n_dim], row = i / dst.dims[dst.rank - 1];
    const Matrix a(p.a, p.transpose_a, dst, index), b(p.b, p.transpose_b, dst, index);
    const int32_t a_zero = p.src_zero_points == nullptr ? 0 : p.src_zero_points[p.zero_point_per_row ? row : 0];
    const bool unsigned_b = p.b.dtype == DType::kU8;
    const int32_t b_zero = unsigned_b ? p.b_zero_point : p.weight_zero_points == nullptr ? 0 : p.weight_zero_points[n];
    auto acc = p.bias == nullptr ? 0 : static_cast<uint32_t>(p.bias[n]);
    for (int64_t k = 0; k < depth; ++k) {
      const int64_t at = b.at(k, n);
      const int32_t q_b = unsigned_b ? int32_t{p.b.as<uint8_t>()[at]} : int32_t{p.b.as<int8_t>()[at]};
      acc += static_cast<uint32_t>(p.a.as<uint8_t>()[a.at(m, k)] - a_zero) * static_cast<uint32_t>(q_b - b_zero);
    }

    const int64_t to = offset_in(dst, dst, index);
    if (dst.dtype == DType::kS32) {
      dst.as<int32_t>()[to] = static_cast<int32_t>(acc);
    } else {
      float multiplier = p.multipliers[p.multiplier_per_channel ? n : 0];
      if (p.src_scales != nullptr) multiplier *= p.src_scales[p.scale_per_row ? row : 0];
      float f = static_cast<float>(static_cast<int32_t>(acc)) * multiplier;
      std::size_t next = 0;
      for (const PostOpDesc& post_op : p.post_ops) {
        float operand = 0;
        if (post_op.operand != OperandKind::kNone) {
          const PostOpTensor& from = p.operands[next++];
          operand = value_of(from, offset_in(from.view, dst, index));
        }
        f = apply_post_ops({&post_op, 1}, f, {&operand, 1});
      }
      switch (dst.dtype) {
        case DType::kU8: dst.as<uint8_t>()[to] = requantize<uint8_t>(f, p.dst_scale_inverse, p.dst_zero_point); break;
        case DType::kS8: dst.as<int8_t>()[to] = requantize<int8_t>(f, p.dst_scale_inverse, p.dst_zero_point); break;
        case DType::kBF16: dst.as<uint16_t>()[to] = bf16_from_f32(f); break;
        default: dst.as<float>()[to] = f;
      }
    }
    for (int d = dst.rank - 1; d >= 0 && ++index[static_cast<std::size_t>(d)] == dst.dims[d]; --d)
      index[static_cast<std::size_t>(d)] = 0;
  }
}

}  // namespace tegula::kernels
