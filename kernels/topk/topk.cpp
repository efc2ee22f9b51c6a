#include "kernels/topk/topk.h"

#include <utility>

namespace tegula::kernels {
namespace {

constexpr std::string_view kName = "topk";

/// The k best elements of one row as a heap in the output itself, the worst of them on top: nothing is allocated.
template <typename T>
class BestRow {
 public:
  BestRow(T* values, int64_t value_stride, int64_t* indices, int64_t index_stride, int64_t k, bool largest)
      : values_(values),
        indices_(indices),
        value_stride_(value_stride),
        index_stride_(index_stride),
        k_(k),
        largest_(largest) {}

  /// Offers elements in ascending order of `index`, each once.
  void offer(T value, int64_t index) {
    if (size_ < k_) {
      set(size_, value, index);
      rise(size_++);
    } else if (better(value, values_[0])) {  // an equal one loses: it comes later
      set(0, value, index);
      sink(0, k_);
    }
  }

  void sort() {
    for (int64_t last = k_ - 1; last > 0; --last) {
      exchange(0, last);
      sink(0, last);
    }
  }

 private:
  bool better(T a, T b) const { return largest_ ? orders_before(b, a) : orders_before(a, b); }
  T& value(int64_t i) const { return values_[i * value_stride_]; }
  /// Whether element i of the heap is worse than element j.
  bool worse(int64_t i, int64_t j) const {
    if (better(value(j), value(i))) return true;
    if (better(value(i), value(j)) || indices_ == nullptr) return false;
    return indices_[i * index_stride_] > indices_[j * index_stride_];
  }
  void set(int64_t i, T v, int64_t index) {
    value(i) = v;
    if (indices_ != nullptr) indices_[i * index_stride_] = index;
  }
  void exchange(int64_t i, int64_t j) {
    std::swap(value(i), value(j));
    if (indices_ != nullptr) std::swap(indices_[i * index_stride_], indices_[j * index_stride_]);
  }
  void rise(int64_t i) {
    for (; i > 0 && worse(i, (i - 1) / 2); i = (i - 1) / 2) exchange(i, (i - 1) / 2);
  }
  void sink(int64_t i, int64_t size) {
    while (true) {
      int64_t worst = i;
      for (const int64_t child : {2 * i + 1, 2 * i + 2})
        if (child < size && worse(child, worst)) worst = child;
      if (worst == i) return;
      exchange(i, worst);
      i = worst;
    }
  }

  T* values_;
  int64_t* indices_;
  int64_t value_stride_, index_stride_, k_, size_ = 0;
  bool largest_;
};

}  // namespace

Status check(const TopKDesc& desc, Views inputs, Views outputs) {
  TEGULA_RETURN_IF_ERROR(check_counts(kName, inputs, 1, 1, outputs, 1, 2));
  const TensorView &src = inputs[0], &dst = outputs[0];
  if (desc.axis < 0 || desc.axis >= src.rank) return plain_error(kName, "the axis is out of range");
  if (!is_numeric(src.dtype)) return plain_error(kName, concat("no order of ", name_of(src.dtype)));
  if (src.dtype != dst.dtype || src.rank != dst.rank) return plain_error(kName, "src and dst differ in type or rank");
  for (int d = 0; d < src.rank; ++d) {
    if (d == desc.axis ? dst.dims[d] > src.dims[d] : dst.dims[d] != src.dims[d])
      return plain_error(kName, concat("dst of ", to_string(dst.shape()), " for src of ", to_string(src.shape()),
                                       " along axis ", desc.axis));
  }
  if (present(outputs, 1) && (outputs[1].dtype != DType::kS64 || !same_dims(outputs[1], dst)))
    return plain_error(kName, "indices must be s64 and have the dimensions of dst");
  return {};
}

Status topk(const TopKDesc& desc, Views inputs, Views outputs) {
  const TensorView &src = inputs[0], &dst = outputs[0];
  const bool with_indices = present(outputs, 1);
  const TensorView& indices = with_indices ? outputs[1] : dst;
  TensorView rows = dst;  // all dimensions but the axis
  rows.dims[desc.axis] = 1;
  const int64_t k = dst.dims[desc.axis], n = src.dims[desc.axis], stride = src.strides[desc.axis];
  if (k == 0) return {};
  visit_native(src.dtype, [&](auto tag) {
    using T = decltype(tag);
    OffsetWalk<3> walk(rows.shape(), {&src, &dst, &indices});
    for (int64_t count = walk.count(); count > 0; --count, walk.next()) {
      const T* const from = src.as<T>() + walk.offset(0);
      int64_t* const to = with_indices ? indices.as<int64_t>() + walk.offset(2) : nullptr;
      BestRow<T> best(dst.as<T>() + walk.offset(1), dst.strides[desc.axis], to, indices.strides[desc.axis], k,
                      desc.largest);
      for (int64_t i = 0; i < n; ++i) best.offer(from[i * stride], i);
      best.sort();
    }
  });
  return {};
}

}  // namespace tegula::kernels
