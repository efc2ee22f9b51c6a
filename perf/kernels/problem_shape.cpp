#include "perf/kernels/problem_shape.h"

#include <algorithm>

namespace tegula::perf {

Result<int64_t> cold_bytes(const Problem& problem) {
  constexpr int64_t kMegabytes = 64;
  if (!problem.fields.contains("cold")) return kMegabytes << 20;
  TEGULA_ASSIGN_OR_RETURN(const int64_t megabytes, problem.number("cold"));
  return std::min<int64_t>(megabytes, 4096) << 20;
}

Result<kernels::ConvShape> conv_shape(const Problem& problem) {
  kernels::ConvShape shape;
  TEGULA_ASSIGN_OR_RETURN(shape.batch, problem.number("n"));
  TEGULA_ASSIGN_OR_RETURN(shape.ic, problem.number("ic"));
  TEGULA_ASSIGN_OR_RETURN(shape.oc, problem.number("oc"));
  TEGULA_ASSIGN_OR_RETURN(shape.groups, problem.number("g"));
  TEGULA_ASSIGN_OR_RETURN(const auto in, problem.numbers("in"));
  TEGULA_ASSIGN_OR_RETURN(const auto kernel, problem.numbers("k"));
  TEGULA_ASSIGN_OR_RETURN(const auto strides, problem.numbers("s"));
  TEGULA_ASSIGN_OR_RETURN(const auto pads, problem.numbers("p"));
  const auto wrong = [&](std::string_view what) {
    return Error{ErrorCode::kInvalidArgument, concat("problem '", problem.text, "': ", what)};
  };
  if (in.size() != 2 || kernel.size() != 2 || strides.size() != 2 || pads.size() != 2)
    return wrong("in, k, s and p have two numbers each");
  if (shape.groups < 1 || shape.ic % shape.groups != 0 || shape.oc % shape.groups != 0)
    return wrong("the groups do not divide the channels");
  for (std::size_t d = 0; d < 2; ++d) {
    shape.in[d + 1] = in[d];
    shape.kernel[d + 1] = kernel[d];
    shape.strides[d + 1] = std::max<int64_t>(strides[d], 1);
    shape.pads_begin[d + 1] = pads[d];
    const int64_t room = in[d] + 2 * pads[d] - kernel[d];
    if (room < 0) return wrong("the kernel does not fit");
    shape.out[d + 1] = room / shape.strides[d + 1] + 1;
  }
  shape.src_pixel_stride = shape.ic;
  shape.dst_pixel_stride = shape.oc;
  return shape;
}

}  // namespace tegula::perf
