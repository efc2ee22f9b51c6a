#include "kernels/gemm/reference.h"

#include <cmath>
#include <vector>

namespace tegula::kernels {
namespace {

/// The last two dimensions swapped.
TensorView transposed(TensorView view) {
  std::swap(view.dims[view.rank - 1], view.dims[view.rank - 2]);
  std::swap(view.strides[view.rank - 1], view.strides[view.rank - 2]);
  return view;
}

/// Broadcast over the batch dimensions of dst; the matrix itself stays.
TensorView broadcast_batch(const TensorView& view, const TensorView& dst) {
  std::vector<int64_t> dims(dst.dims.begin(), dst.dims.begin() + dst.rank);
  for (int d = 1; d <= 2; ++d) dims[static_cast<std::size_t>(dst.rank - d)] = view.dims[view.rank - d];
  return view.broadcast_to(dims);
}

}  // namespace

void matmul_reference(const MatMulDesc& desc, float alpha, const TensorView& a, const TensorView& b,
                      const TensorView& bias, std::span<const TensorView> operands, const TensorView& dst) {
  const TensorView left = broadcast_batch(desc.transpose_a ? transposed(a) : a, dst);
  const TensorView right = broadcast_batch(desc.transpose_b ? transposed(b) : b, dst);
  const int m_dim = dst.rank - 2, n_dim = dst.rank - 1;
  const int64_t k = left.dims[n_dim];
  TEGULA_CHECK(right.dims[m_dim] == k && left.dims[m_dim] == dst.dims[m_dim] && right.dims[n_dim] == dst.dims[n_dim],
               "the shapes of a matrix product have been checked");

  std::vector<TensorView> broadcast;
  for (const TensorView& operand : operands) broadcast.push_back(operand.broadcast_to(dst.shape()));
  EpilogueArgs args;
  args.alpha = alpha;

  std::array<int64_t, kMaxRank> index{};
  for (int64_t i = 0, count = dst.count(); i < count; ++i) {
    int64_t a_offset = 0, b_offset = 0, dst_offset = 0;
    for (int d = 0; d < dst.rank; ++d) {
      if (d != n_dim) a_offset += index[d] * left.strides[d];
      if (d != m_dim) b_offset += index[d] * right.strides[d];
      dst_offset += index[d] * dst.strides[d];
    }
    float sum = 0;
    for (int64_t j = 0; j < k; ++j)
      sum = std::fma(left.as<float>()[a_offset + j * left.strides[n_dim]],
                     right.as<float>()[b_offset + j * right.strides[m_dim]], sum);

    if (desc.epilogue.bias) args.bias = bias.as<float>() + index[n_dim] * bias.strides[bias.rank - 1];
    for (std::size_t op = 0; op < broadcast.size(); ++op) {
      int64_t offset = 0;
      for (int d = 0; d < dst.rank; ++d) offset += index[d] * broadcast[op].strides[d];
      args.operands[op].data = broadcast[op].as<float>() + offset;
    }
    dst.as<float>()[dst_offset] = apply_epilogue(desc.epilogue, args, sum, 0, 0);

    for (int d = dst.rank - 1; d >= 0 && ++index[d] == dst.dims[d]; --d) index[d] = 0;
  }
}

}  // namespace tegula::kernels
