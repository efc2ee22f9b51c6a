#include "kernels/softmax/softmax.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/math/math.h"
#include "kernels/reduce/reduce.h"

namespace tegula::kernels {
namespace {

Error error(std::string_view what) {
  return Error{ErrorCode::kInvalidArgument, concat("softmax: ", what)};
}

float exponential(float x) {
  return math::exp(x);
}
double exponential(double x) {
  return std::exp(x);
}
float natural_log(float x) {
  return math::log(x);
}
double natural_log(double x) {
  return std::log(x);
}

template <typename T>
T larger(T a, T b) {
  if (a != a) return a;
  if (b != b) return b;
  return a > b ? a : b;
}

/// One row: n elements of src, dst and (unless mask is nullptr) mask, strides in elements.
template <typename T>
struct Row {
  const T* src;
  const T* mask;
  T* dst;
  int64_t n, src_stride, mask_stride, dst_stride;

  T x(int64_t i, T scale) const {
    const T value = src[i * src_stride];
    return mask != nullptr ? std::fma(value, scale, mask[i * mask_stride]) : value * scale;
  }
};

template <typename T, typename Join>
T join_lanes(T (&lanes)[kReduceLanes], Join&& join) {
  for (int half = kReduceLanes / 2; half > 0; half /= 2)
    for (int lane = 0; lane < half; ++lane) lanes[lane] = join(lanes[lane], lanes[lane + half]);
  return lanes[0];
}

template <typename T>
void softmax_row(const SoftmaxDesc& desc, const Row<T>& row) {
  const T scale = static_cast<T>(static_cast<float>(desc.scale));
  T lanes[kReduceLanes];
  std::fill(lanes, lanes + kReduceLanes, -std::numeric_limits<T>::infinity());
  for (int64_t i = 0; i < row.n; ++i) {
    T& lane = lanes[i % kReduceLanes];
    lane = larger(lane, row.x(i, scale));
  }
  const T max = join_lanes(lanes, [](T a, T b) { return larger(a, b); });

  std::fill(lanes, lanes + kReduceLanes, T(0));
  for (int64_t i = 0; i < row.n; ++i) {
    const T shifted = row.x(i, scale) - max, e = exponential(shifted);
    T& lane = lanes[i % kReduceLanes];
    lane = lane + e;
    row.dst[i * row.dst_stride] = desc.log ? shifted : e;
  }
  const T sum = join_lanes(lanes, [](T a, T b) { return a + b; });
  const T factor = T(1) / sum, log_sum = desc.log ? natural_log(sum) : T(0);
  for (int64_t i = 0; i < row.n; ++i) {
    T& y = row.dst[i * row.dst_stride];
    y = desc.log ? y - log_sum : y * factor;
  }
}

template <typename T>
void softmax_as(const SoftmaxDesc& desc, const TensorView& src, const TensorView* mask, const TensorView& dst) {
  const auto axis = static_cast<std::size_t>(desc.axis);
  const TensorView wide = mask != nullptr ? mask->broadcast_to(src.shape()) : src;
  TensorView rows = src;  // every dimension but the axis
  rows.dims[axis] = std::min<int64_t>(src.dims[axis], 1);
  OffsetWalk<3> walk(rows.shape(), {&src, &wide, &dst});
  for (int64_t i = 0; i < walk.count(); ++i, walk.next()) {
    const T* masked = mask != nullptr ? reinterpret_cast<const T*>(wide.data) + walk.offset(1) : nullptr;
    softmax_row<T>(desc, {reinterpret_cast<const T*>(src.data) + walk.offset(0), masked,
                          reinterpret_cast<T*>(dst.data) + walk.offset(2), src.dims[axis], src.strides[axis],
                          wide.strides[axis], dst.strides[axis]});
  }
}

}  // namespace

Status check(const SoftmaxDesc& desc, std::span<const TensorView> inputs, std::span<const TensorView> outputs) {
  if (inputs.empty() || inputs.size() > 2 || outputs.size() != 1) return error("one or two inputs and one output");
  const TensorView &src = inputs[0], &dst = outputs[0];
  if (desc.axis < 0 || desc.axis >= src.rank)
    return error(concat("axis ", desc.axis, " of a tensor of rank ", src.rank));
  if (src.dtype != DType::kF32 && src.dtype != DType::kF64) return error(concat("src of type ", name_of(src.dtype)));
  if (dst.dtype != src.dtype || dst.rank != src.rank || !std::ranges::equal(dst.shape(), src.shape()))
    return error("dst is of src's type and dimensions");
  if (inputs.size() < 2 || inputs[1].data == nullptr) return {};
  const TensorView& mask = inputs[1];
  if (mask.dtype != src.dtype || mask.rank > src.rank) return error("the mask is of src's type and broadcast to it");
  for (int d = 0; d < mask.rank; ++d)
    if (mask.dims[d] != 1 && mask.dims[d] != src.dims[d + src.rank - mask.rank])
      return error("the mask does not broadcast to src");
  return {};
}

Status softmax(const SoftmaxDesc& desc, std::span<const TensorView> inputs, std::span<const TensorView> outputs) {
  const TensorView* mask = inputs.size() > 1 && inputs[1].data != nullptr ? &inputs[1] : nullptr;
  if (inputs[0].dtype == DType::kF64)
    softmax_as<double>(desc, inputs[0], mask, outputs[0]);
  else
    softmax_as<float>(desc, inputs[0], mask, outputs[0]);
  return {};
}

}  // namespace tegula::kernels
