#pragma once
#include <array>
#include <cstdint>

#include "runtime/steps/step.h"

namespace tegula::runtime {

/// Windows of a convolution over (depth, height, width), with 1 for the dimensions that the step does not have.
struct ConvWindow {
  int spatial = 0;  ///< dimensions that the step has, 1 to 3
  std::array<int64_t, 3> kernel{1, 1, 1}, strides{1, 1, 1}, dilations{1, 1, 1}, pads_begin{}, pads_end{};
  int64_t groups = 1;

  /// The step's own dimensions of one of the arrays.
  std::vector<int64_t> own(const std::array<int64_t, 3>& values) const {
    return std::vector<int64_t>(values.end() - spatial, values.end());
  }
  int64_t positions() const { return kernel[0] * kernel[1] * kernel[2]; }
};

/// From the step's attributes. kInvalidFile unless there is one entry per spatial dimension of `src` and each is in
/// range.
Result<ConvWindow> read_window(const BindContext& context, const schema::Conv& table, const BoundTensor& src);

/// Depth, height and width of a channels-last tensor.
std::array<int64_t, 3> spatial_dims(const BoundTensor& tensor);

/// kInvalidFile unless the channels-last convolution of `src` has exactly the spatial sizes of `dst`, and no more work
/// or memory than fits 64 bits.
Status check_sizes(const BindContext& context, const ConvWindow& window, const BoundTensor& src,
                   const BoundTensor& dst);

}  // namespace tegula::runtime
