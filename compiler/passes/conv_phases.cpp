#include "compiler/passes/conv_phases.h"

#include <span>

namespace tegula::compiler {
namespace {

/// Walks all index tuples below `limits` in row-major order.
template <typename Visit>
void for_each_index(const Dims& limits, Visit&& visit) {
  Dims index(limits.size(), 0);
  for (int64_t n = element_count(limits); n > 0; --n) {
    visit(index);
    for (std::size_t d = limits.size(); d-- > 0 && ++index[d] == limits[d];) index[d] = 0;
  }
}

template <typename T>
Literal phase_weights(const ConvPhases& t, const Literal& w, const std::vector<int64_t>& absent) {
  Dims strides, taps, dims = {t.groups * t.phases() * t.oc, t.ic};
  for (const Phases& dimension : t.spatial) {
    strides.push_back(dimension.stride);
    taps.push_back(dimension.taps());
    dims.push_back(dimension.taps());
  }
  const int64_t kernel_size = element_count(std::span(w.dims()).subspan(2)), phases = t.phases(),
                tap_count = element_count(taps);
  const auto absent_at = [&](int64_t channel) {
    return static_cast<T>(absent[absent.size() == 1 ? 0 : static_cast<std::size_t>(channel)]);
  };
  return Literal::make(w.dtype(), dims, [&](const kernels::TensorView& view) {
    T* const out = view.as<T>();
    int64_t phase_index = 0;
    for_each_index(strides, [&](const Dims& phase) {
      int64_t tap_index = 0;
      for_each_index(taps, [&](const Dims& tap) {
        int64_t position = 0;
        for (std::size_t d = 0; d < taps.size() && position >= 0; ++d) {
          const int64_t own = t.spatial[d].position(phase[d], tap[d]);
          position = own < 0 ? -1 : position * t.spatial[d].kernel + own;
        }
        for (int64_t g = 0; g < t.groups; ++g)
          for (int64_t o = 0; o < t.oc; ++o)
            for (int64_t i = 0; i < t.ic; ++i)
              out[(((g * phases + phase_index) * t.oc + o) * t.ic + i) * tap_count + tap_index] =
                  position < 0 ? absent_at(g * t.oc + o)
                               : w.at<T>(((g * t.ic + i) * t.oc + o) * kernel_size + position);
        ++tap_index;
      });
      ++phase_index;
    });
  });
}

}  // namespace

int64_t Phases::position(int64_t phase, int64_t tap) const {
  const int64_t reversed = taps() - 1 - tap;
  if (stride == 1) return reversed;
  const int64_t dilated = phase + stride * reversed;
  return dilated % dilation == 0 && dilated / dilation < kernel ? dilated / dilation : -1;
}

int64_t ConvPhases::phases() const {
  int64_t count = 1;
  for (const Phases& dimension : spatial) count *= dimension.stride;
  return count;
}

Literal ConvPhases::weights(const Literal& w, const std::vector<int64_t>& absent) const {
  switch (w.dtype()) {
    case DType::kU8: return phase_weights<uint8_t>(*this, w, absent);
    case DType::kS8: return phase_weights<int8_t>(*this, w, absent);
    default: return phase_weights<float>(*this, w, absent);
  }
}

}  // namespace tegula::compiler
