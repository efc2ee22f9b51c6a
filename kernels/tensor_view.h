#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "schema/base/check.h"
#include "schema/base/dtype.h"
#include "schema/base/shape.h"

namespace tegula::kernels {

/// Ranks above this are refused by the importer and by the validator.
inline constexpr int kMaxRank = 8;

/// A tensor in somebody else's memory: any strides, in elements, 0 where a dimension is broadcast.
/// What plain-loop kernels take; owns nothing.
struct TensorView {
  DType dtype = DType::kF32;
  int rank = 0;
  std::array<int64_t, kMaxRank> dims{};
  std::array<int64_t, kMaxRank> strides{};
  std::byte* data = nullptr;

  /// Row-major and contiguous.
  static TensorView contiguous(DType dtype, std::span<const int64_t> dims, void* data);
  /// For operands that are only read; the caller promises not to write through the view.
  static TensorView contiguous(DType dtype, std::span<const int64_t> dims, const void* data);

  std::span<const int64_t> shape() const { return {dims.data(), static_cast<std::size_t>(rank)}; }
  int64_t count() const { return element_count(shape()); }
  bool is_contiguous() const;

  template <typename T>
  T* as() const {
    TEGULA_CHECK(sizeof(T) == size_of(dtype), "the view has elements of another size");
    return reinterpret_cast<T*>(data);
  }

  /// This view seen with the dimensions `to` (right-aligned, ONNX broadcasting): strides become 0
  /// where a dimension of 1 is repeated. The caller has checked that it can be.
  TensorView broadcast_to(std::span<const int64_t> to) const;
  /// Dimensions in the order perm[0], perm[1], ...
  TensorView permuted(std::span<const int> perm) const;
};

/// Walks all index tuples of `dims` in row-major order and keeps the element offsets of up to N
/// views in step. For plain loops: correct for any strides, not fast.
template <int N>
class OffsetWalk {
 public:
  OffsetWalk(std::span<const int64_t> dims, const std::array<const TensorView*, N>& views) : rank_(static_cast<int>(dims.size())) {
    count_ = element_count(dims);
    for (int d = 0; d < rank_; ++d) {
      dims_[d] = dims[static_cast<std::size_t>(d)];
      for (int v = 0; v < N; ++v) strides_[v][d] = views[v]->strides[d];
    }
  }

  int64_t count() const { return count_; }
  int64_t offset(int view) const { return offsets_[view]; }
  const std::array<int64_t, kMaxRank>& index() const { return index_; }

  void next() {
    for (int d = rank_ - 1; d >= 0; --d) {
      for (int v = 0; v < N; ++v) offsets_[v] += strides_[v][d];
      if (++index_[d] < dims_[d]) return;
      for (int v = 0; v < N; ++v) offsets_[v] -= strides_[v][d] * dims_[d];
      index_[d] = 0;
    }
  }

 private:
  int rank_;
  int64_t count_;
  std::array<int64_t, kMaxRank> dims_{}, index_{};
  std::array<std::array<int64_t, kMaxRank>, N> strides_{};
  std::array<int64_t, N> offsets_{};
};

}  // namespace tegula::kernels
