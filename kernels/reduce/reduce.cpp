#include "kernels/reduce/reduce.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#include "kernels/math/math.h"
#include "schema/base/visit_dtype.h"

namespace tegula::kernels {
namespace {

constexpr std::pair<ReduceKind, std::string_view> kNames[] = {
    {ReduceKind::kSum, "sum"},
    {ReduceKind::kMean, "mean"},
    {ReduceKind::kMax, "max"},
    {ReduceKind::kMin, "min"},
    {ReduceKind::kProd, "prod"},
    {ReduceKind::kL1, "l1"},
    {ReduceKind::kL2, "l2"},
    {ReduceKind::kLogSum, "log_sum"},
    {ReduceKind::kLogSumExp, "log_sum_exp"},
    {ReduceKind::kSumSquare, "sum_square"},
};

Error error(std::string_view what) {
  return Error{ErrorCode::kInvalidArgument, concat("reduce: ", what)};
}

template <typename T>
T wrapping(T a, T b, bool multiply) {
  if constexpr (std::is_floating_point_v<T>) return multiply ? a * b : a + b;
  const auto x = static_cast<uint64_t>(a), y = static_cast<uint64_t>(b);
  return static_cast<T>(multiply ? x * y : x + y);
}

template <typename T>
T larger(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (a != a) return a;
    if (b != b) return b;
  }
  return a > b ? a : b;
}
template <typename T>
T smaller(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (a != a) return a;
    if (b != b) return b;
  }
  return a < b ? a : b;
}

template <typename T>
T highest() {
  if constexpr (std::is_floating_point_v<T>) return std::numeric_limits<T>::infinity();
  return std::numeric_limits<T>::max();
}
template <typename T>
T lowest() {
  if constexpr (std::is_floating_point_v<T>) return -std::numeric_limits<T>::infinity();
  return std::numeric_limits<T>::lowest();
}

template <typename T>
T start_of(ReduceKind kind) {
  switch (kind) {
    case ReduceKind::kMax: return lowest<T>();
    case ReduceKind::kMin: return highest<T>();
    case ReduceKind::kProd: return T(1);
    default: return T(0);
  }
}

/// One more element into an accumulator.
template <typename T>
T accumulate(ReduceKind kind, T acc, T x) {
  switch (kind) {
    case ReduceKind::kMax: return larger(acc, x);
    case ReduceKind::kMin: return smaller(acc, x);
    case ReduceKind::kProd: return wrapping(acc, x, true);
    case ReduceKind::kL1:
      if constexpr (std::is_floating_point_v<T>) return acc + std::abs(x);
      return wrapping(acc, x < T(0) ? static_cast<T>(0 - static_cast<uint64_t>(x)) : x, false);
    case ReduceKind::kL2:
    case ReduceKind::kSumSquare:
      if constexpr (std::is_floating_point_v<T>) return std::fma(x, x, acc);
      return wrapping(acc, wrapping(x, x, true), false);
    default: return wrapping(acc, x, false);
  }
}

/// Two accumulators into one.
template <typename T>
T join(ReduceKind kind, T a, T b) {
  switch (kind) {
    case ReduceKind::kMax: return larger(a, b);
    case ReduceKind::kMin: return smaller(a, b);
    case ReduceKind::kProd: return wrapping(a, b, true);
    default: return wrapping(a, b, false);
  }
}

float natural_log(float x) {
  return math::log(x);
}
double natural_log(double x) {
  return std::log(x);
}
float exponential(float x) {
  return math::exp(x);
}
double exponential(double x) {
  return std::exp(x);
}

template <typename T>
T finish(ReduceKind kind, T acc, int64_t count) {
  if constexpr (std::is_floating_point_v<T>) {
    switch (kind) {
      case ReduceKind::kMean: return acc / static_cast<T>(count);
      case ReduceKind::kL2: return std::sqrt(acc);
      case ReduceKind::kLogSum: return natural_log(acc);
      default: return acc;
    }
  } else {
    switch (kind) {
      case ReduceKind::kMean: return count == 0 ? T(0) : static_cast<T>(acc / static_cast<T>(count));
      case ReduceKind::kL2: return static_cast<T>(std::sqrt(static_cast<double>(acc)));
      case ReduceKind::kLogSum: return acc > T(0) ? static_cast<T>(std::log(static_cast<double>(acc))) : T(0);
      default: return acc;
    }
  }
}

/// The reduced part of src, and whether it goes to lanes.
struct Reduced {
  TensorView view;  ///< src with 1 for every kept dimension
  bool lanes;
};

Reduced reduced_part(const ReduceDesc& desc, const TensorView& src) {
  Reduced part{src, false};
  for (int d = 0; d < src.rank; ++d) {
    if (!desc.reduces(d)) part.view.dims[d] = 1;
    if (src.dims[d] > 1) part.lanes = desc.reduces(d);
  }
  return part;
}

/// The accumulators over the elements at `first`, each seen through `map`.
template <typename T, typename Map>
T accumulate_all(ReduceKind kind, const Reduced& part, const T* first, Map&& map) {
  T acc[kReduceLanes];
  std::fill(acc, acc + kReduceLanes, start_of<T>(kind));
  OffsetWalk<1> walk(part.view.shape(), {&part.view});
  for (int64_t i = 0; i < walk.count(); ++i, walk.next()) {
    T& to = acc[part.lanes ? i % kReduceLanes : 0];
    to = accumulate(kind, to, map(first[walk.offset(0)]));
  }
  if (part.lanes)
    for (int half = kReduceLanes / 2; half > 0; half /= 2)
      for (int lane = 0; lane < half; ++lane) acc[lane] = join(kind, acc[lane], acc[lane + half]);
  return acc[0];
}

template <typename T>
T reduce_one(ReduceKind kind, const Reduced& part, const T* first) {
  const auto same = [](T x) { return x; };
  const int64_t count = part.view.count();
  if (kind != ReduceKind::kLogSumExp) return finish(kind, accumulate_all(kind, part, first, same), count);
  const T max = count == 0 ? T(0) : accumulate_all(ReduceKind::kMax, part, first, same);
  if constexpr (std::is_floating_point_v<T>) {
    const T shift = std::isfinite(max) ? max : T(0);
    const T sum = accumulate_all(ReduceKind::kSum, part, first, [&](T x) { return exponential(x - shift); });
    return shift + natural_log(sum);
  } else {
    double sum = 0;
    OffsetWalk<1> walk(part.view.shape(), {&part.view});
    for (int64_t i = 0; i < walk.count(); ++i, walk.next())
      sum += std::exp(static_cast<double>(first[walk.offset(0)]) - static_cast<double>(max));
    return sum > 0 ? static_cast<T>(static_cast<double>(max) + std::log(sum)) : T(0);
  }
}

template <typename T>
void reduce_as(const ReduceDesc& desc, const TensorView& src, const TensorView& dst) {
  const Reduced part = reduced_part(desc, src);
  OffsetWalk<2> walk(dst.shape(), {&dst, &src});
  for (int64_t i = 0; i < walk.count(); ++i, walk.next())
    reinterpret_cast<T*>(dst.data)[walk.offset(0)] =
        reduce_one(desc.kind, part, reinterpret_cast<const T*>(src.data) + walk.offset(1));
}

}  // namespace

std::string_view name_of(ReduceKind kind) {
  for (const auto& [k, name] : kNames)
    if (k == kind) return name;
  return "?";
}

std::optional<ReduceKind> reduce_kind_from_name(std::string_view name) {
  for (const auto& [kind, known] : kNames)
    if (known == name) return kind;
  return std::nullopt;
}

std::optional<TensorView> reduced_view(const ReduceDesc& desc, const TensorView& src, const TensorView& dst) {
  TensorView view = src;
  view.dtype = dst.dtype;
  view.data = dst.data;
  const bool keeps_dims = dst.rank == src.rank;
  int next = 0;
  for (int d = 0; d < src.rank; ++d) {
    view.dims[d] = desc.reduces(d) ? 1 : src.dims[d];
    view.strides[d] = 0;
    if (desc.reduces(d) && !keeps_dims) continue;
    if (next >= dst.rank || dst.dims[next] != view.dims[d]) return std::nullopt;
    view.strides[d] = dst.strides[next++];
  }
  return next == dst.rank ? std::optional(view) : std::nullopt;
}

Status check(const ReduceDesc& desc, std::span<const TensorView> inputs, std::span<const TensorView> outputs) {
  if (inputs.size() != 1 || outputs.size() != 1) return error("one input and one output");
  const TensorView& src = inputs[0];
  if (desc.kind > ReduceKind::kSumSquare) return error("unknown kind");
  if (src.dtype != outputs[0].dtype) return error("src and dst differ in type");
  if (src.rank < 32 && desc.axes >> src.rank != 0) return error("an axis is out of range");
  const bool only_max = src.dtype == DType::kBool;
  if (src.dtype == DType::kF16 || src.dtype == DType::kBF16 ||
      (only_max && desc.kind != ReduceKind::kMax && desc.kind != ReduceKind::kMin))
    return error(concat("no ", name_of(desc.kind), " of ", name_of(src.dtype)));
  if (!reduced_view(desc, src, outputs[0])) return error("dst has not the remaining dimensions of src");
  return {};
}

Status reduce(const ReduceDesc& desc, std::span<const TensorView> inputs, std::span<const TensorView> outputs) {
  const std::optional<TensorView> dst = reduced_view(desc, inputs[0], outputs[0]);
  TEGULA_CHECK(dst.has_value(), "check() has looked at the dimensions");
  if (!has_native_type(inputs[0].dtype)) return error(concat("no reduction of ", name_of(inputs[0].dtype)));
  visit_native(inputs[0].dtype, [&]<typename T>(T) { reduce_as<T>(desc, inputs[0], *dst); });
  return {};
}

}  // namespace tegula::kernels
