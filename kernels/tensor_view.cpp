#include "kernels/tensor_view.h"

namespace tegula::kernels {

TensorView TensorView::contiguous(DType dtype, std::span<const int64_t> dims, void* data) {
  TEGULA_CHECK(dims.size() <= kMaxRank, "ranks are checked where tensors come in");
  TensorView view;
  view.dtype = dtype;
  view.rank = static_cast<int>(dims.size());
  view.data = static_cast<std::byte*>(data);
  int64_t stride = 1;
  for (int d = view.rank - 1; d >= 0; --d) {
    view.dims[d] = dims[static_cast<std::size_t>(d)];
    view.strides[d] = stride;
    stride *= view.dims[d];
  }
  return view;
}

TensorView TensorView::contiguous(DType dtype, std::span<const int64_t> dims, const void* data) {
  return contiguous(dtype, dims, const_cast<void*>(data));
}

bool TensorView::is_contiguous() const {
  if (count() == 0) return true;
  int64_t stride = 1;
  for (int d = rank - 1; d >= 0; --d) {
    if (dims[d] != 1 && strides[d] != stride) return false;
    stride *= dims[d];
  }
  return true;
}

TensorView TensorView::broadcast_to(std::span<const int64_t> to) const {
  TEGULA_CHECK(to.size() >= static_cast<std::size_t>(rank) && to.size() <= kMaxRank, "broadcasting adds dimensions");
  TensorView view = *this;
  view.rank = static_cast<int>(to.size());
  const int added = view.rank - rank;
  for (int d = 0; d < view.rank; ++d) {
    view.dims[d] = to[static_cast<std::size_t>(d)];
    if (d < added) {
      view.strides[d] = 0;
      continue;
    }
    TEGULA_CHECK(dims[d - added] == 1 || dims[d - added] == view.dims[d], "shapes were checked for broadcasting");
    view.strides[d] = dims[d - added] == view.dims[d] ? strides[d - added] : 0;
  }
  return view;
}

TensorView TensorView::permuted(std::span<const int> perm) const {
  TensorView view = *this;
  for (std::size_t d = 0; d < perm.size(); ++d) {
    view.dims[d] = dims[static_cast<std::size_t>(perm[d])];
    view.strides[d] = strides[static_cast<std::size_t>(perm[d])];
  }
  return view;
}

}  // namespace tegula::kernels
