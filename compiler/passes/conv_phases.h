#pragma once
#include <cstdint>
#include <vector>

#include "compiler/graph/literal.h"
#include "schema/base/shape.h"

namespace tegula::compiler {

// A transposed convolution as a convolution that computes all phases of its outputs at once (expand_conv_transpose.h).

/// One spatial dimension: which position of the kernel is tap `tap` of `phase`.
struct Phases {
  int64_t kernel = 1, stride = 1, dilation = 1;

  /// Without a stride the convolution is dilated itself; otherwise its taps count the dilated kernel's positions.
  int64_t taps() const { return stride == 1 ? kernel : (dilation * (kernel - 1) + 1 + stride - 1) / stride; }
  int64_t tap_distance() const { return stride == 1 ? dilation : 1; }
  /// -1: none, the weight is 0.
  int64_t position(int64_t phase, int64_t tap) const;
};

/// Channels of the convolution are (group, phases..., oc).
struct ConvPhases {
  std::vector<Phases> spatial;
  int64_t groups = 1, ic = 1, oc = 1;  ///< ic and oc of a group

  int64_t phases() const;

  /// w [groups * ic, oc, kernel...], of f32, u8 or s8, as [groups * phases * oc, ic, taps...]. Taps that are no
  /// position of the kernel hold `absent` (one element, or one for each output channel [groups * oc]).
  Literal weights(const Literal& w, const std::vector<int64_t>& absent = {0}) const;

  /// One element, or one for each output channel [groups * oc], as one for each channel of the convolution.
  template <typename T>
  std::vector<T> channels(const std::vector<T>& values) const {
    std::vector<T> repeated;
    for (int64_t g = 0; g < groups; ++g)
      for (int64_t phase = 0; phase < phases(); ++phase)
        for (int64_t o = 0; o < oc; ++o)
          repeated.push_back(values[values.size() == 1 ? 0 : static_cast<std::size_t>(g * oc + o)]);
    return repeated;
  }
};

}  // namespace tegula::compiler
