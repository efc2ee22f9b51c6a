#include "kernels/normalize/layer_norm.h"

#include <array>
#include <cmath>

#include "kernels/normalize/lanes.h"
#include "kernels/plain_loops.h"

namespace tegula::kernels {
namespace {

using Operand = LayerNormOperand;

Error error(std::string_view what) {
  return plain_error("layer_norm", what);
}

TensorView optional_view(Views views, std::size_t i) {
  return present(views, i) ? views[i] : TensorView{};
}

/// The same view with the dimensions from `axis` on only, or with those before it only.
TensorView inner_dims(TensorView view, int axis) {
  for (int d = axis; d < view.rank; ++d) {
    view.dims[d - axis] = view.dims[d];
    view.strides[d - axis] = view.strides[d];
  }
  view.rank -= axis;
  return view;
}
TensorView outer_dims(TensorView view, int axis) {
  view.rank = axis;
  return view;
}

template <typename T>
T element(const TensorView& view, int64_t offset) {
  return reinterpret_cast<const T*>(view.data)[offset];
}
template <typename T>
void store(const TensorView& view, int64_t offset, T value) {
  if (view.data != nullptr) reinterpret_cast<T*>(view.data)[offset] = value;
}

template <typename T>
class Rows {
 public:
  Rows(const LayerNormDesc& desc, Views inputs, Views outputs)
      : desc_(desc),
        src_(inputs[Operand::kSrc]),
        scale_(optional_view(inputs, Operand::kScale)),
        bias_(optional_view(inputs, Operand::kBias)),
        residual_(optional_view(inputs, Operand::kResidual)),
        dst_(outputs[Operand::kDst]),
        mean_(optional_view(outputs, Operand::kMean)),
        inverse_(optional_view(outputs, Operand::kInverse)),
        sum_(optional_view(outputs, Operand::kSum)),
        inner_{inner_dims(src_, desc.axis),
               inner_dims(residual_.data != nullptr ? residual_ : src_, desc.axis),
               scale_.data != nullptr ? scale_ : inner_dims(src_, desc.axis),
               bias_.data != nullptr ? bias_ : inner_dims(src_, desc.axis),
               inner_dims(dst_, desc.axis),
               inner_dims(sum_.data != nullptr ? sum_ : dst_, desc.axis)} {}

  void run() const {
    const auto present_or = [](const TensorView& view, const TensorView& other) {
      return view.data != nullptr ? view : other;
    };
    const TensorView residual = present_or(residual_, src_), sum = present_or(sum_, dst_);
    const TensorView mean = present_or(mean_, dst_), inverse = present_or(inverse_, dst_);
    const TensorView rows = outer_dims(src_, desc_.axis);
    OffsetWalk<6> walk(rows.shape(), {&src_, &residual, &dst_, &mean, &inverse, &sum});
    for (int64_t r = 0; r < walk.count(); ++r, walk.next()) {
      const Offsets at = {walk.offset(0), walk.offset(1), 0, 0, walk.offset(2), walk.offset(5)};
      const Statistics statistics = measure(at);
      store(mean_, walk.offset(3), statistics.mean);
      store(inverse_, walk.offset(4), statistics.inverse);
      write(at, statistics);
    }
  }

 private:
  using Offsets = std::array<int64_t, 6>;  // src, residual, scale, bias, dst, sum
  struct Statistics {
    T mean, inverse;
  };

  /// body(element number, x, offsets within the row) for the elements of one row.
  template <typename Body>
  void for_each(const Offsets& at, const Body& body) const {
    OffsetWalk<6> walk(inner_[0].shape(), {&inner_[0], &inner_[1], &inner_[2], &inner_[3], &inner_[4], &inner_[5]});
    for (int64_t i = 0; i < walk.count(); ++i, walk.next()) {
      Offsets offsets = at;
      for (int v = 0; v < 6; ++v) offsets[static_cast<std::size_t>(v)] += walk.offset(v);
      T x = element<T>(src_, offsets[0]);
      if (residual_.data != nullptr) x = x + element<T>(residual_, offsets[1]);
      body(i, x, offsets);
    }
  }

  template <typename Add>
  T sum_over_row(const Offsets& at, const Add& add) const {
    std::array<T, kLayerNormLanes> lanes{};
    for_each(at, [&](int64_t i, T x, const Offsets&) {
      T& lane = lanes[static_cast<std::size_t>(i % kLayerNormLanes)];
      lane = add(lane, x);
    });
    return sum_of_lanes(lanes);
  }

  Statistics measure(const Offsets& at) const {
    const T n = static_cast<T>(inner_[0].count()), epsilon = static_cast<T>(static_cast<float>(desc_.epsilon));
    const T mean = desc_.rms ? T(0) : sum_over_row(at, [](T lane, T x) { return lane + x; }) / n;
    const T squares = sum_over_row(at, [&](T lane, T x) {
      const T d = desc_.rms ? x : x - mean;
      return std::fma(d, d, lane);
    });
    return {mean, T(1) / std::sqrt(squares / n + epsilon)};
  }

  void write(const Offsets& at, const Statistics& statistics) const {
    for_each(at, [&](int64_t, T x, const Offsets& offsets) {
      const T t = (desc_.rms ? x : x - statistics.mean) * statistics.inverse;
      const bool scales = scale_.data != nullptr, shifts = bias_.data != nullptr;
      const T scale = scales ? element<T>(scale_, offsets[2]) : T(1),
              bias = shifts ? element<T>(bias_, offsets[3]) : T(0);
      store(sum_, offsets[5], x);
      store(dst_, offsets[4], scales && shifts ? std::fma(t, scale, bias) : scales ? t * scale : shifts ? t + bias : t);
    });
  }

  const LayerNormDesc& desc_;
  const TensorView src_, scale_, bias_, residual_, dst_, mean_, inverse_, sum_;
  const std::array<TensorView, 6> inner_;  // src, residual, scale, bias, dst, sum; absent ones stand in for src or dst
};

/// The dimensions of `view` are those of src from (to) `axis`, followed by 1s for statistics.
bool is_of_row(const TensorView& view, const TensorView& src, int axis) {
  if (view.rank != src.rank - axis) return false;
  for (int d = 0; d < view.rank; ++d)
    if (view.dims[d] != src.dims[d + axis]) return false;
  return true;
}
bool is_of_statistics(const TensorView& view, const TensorView& src, int axis) {
  if (view.rank < axis || view.rank > src.rank) return false;
  for (int d = 0; d < view.rank; ++d)
    if (view.dims[d] != (d < axis ? src.dims[d] : 1)) return false;
  return true;
}

}  // namespace

Status check(const LayerNormDesc& desc, std::span<const TensorView> inputs, std::span<const TensorView> outputs) {
  TEGULA_RETURN_IF_ERROR(check_counts("layer_norm", inputs, 1, 4, outputs, 1, 4));
  const TensorView& src = inputs[Operand::kSrc];
  if (src.dtype != DType::kF32 && src.dtype != DType::kF64) return error(concat("src of type ", name_of(src.dtype)));
  if (desc.axis < 0 || desc.axis >= src.rank) return error(concat("axis ", desc.axis, " of rank ", src.rank));
  for (const Views views : {inputs, outputs})
    for (std::size_t i = 0; i < views.size(); ++i)
      if (present(views, i) && views[i].dtype != src.dtype) return error("operands have src's type");
  for (const std::size_t i : {Operand::kScale, Operand::kBias})
    if (present(inputs, i) && !is_of_row(inputs[i], src, desc.axis))
      return error("scale and bias have the normalised dimensions");
  if (present(inputs, Operand::kResidual) && !same_dims(inputs[Operand::kResidual], src))
    return error("residual has src's dimensions");
  if (!same_dims(outputs[Operand::kDst], src)) return error("dst has src's dimensions");
  for (const std::size_t i : {Operand::kMean, Operand::kInverse})
    if (present(outputs, i) && !is_of_statistics(outputs[i], src, desc.axis))
      return error("statistics have one element per row");
  if (present(outputs, Operand::kSum) && !same_dims(outputs[Operand::kSum], src))
    return error("the sum has src's dimensions");
  return {};
}

Status layer_norm(const LayerNormDesc& desc, std::span<const TensorView> inputs, std::span<const TensorView> outputs) {
  if (inputs[0].dtype == DType::kF64) {
    Rows<double>(desc, inputs, outputs).run();
  } else {
    Rows<float>(desc, inputs, outputs).run();
  }
  return {};
}

}  // namespace tegula::kernels
