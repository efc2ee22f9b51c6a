// dst = src resized along `axes`: nearest elements, or linear or cubic interpolation (kernels/resize/resize.h).
//
// Attributes: mode, coordinates, nearest (names of the enumerations there, see below), antialias, exclude_outside,
// cubic_a, extrapolation; axes (ints, ascending) and for each of them sizes (dims) and scales (reals); roi (reals:
// where the region begins, then where it ends) for the coordinates "tf_crop_and_resize". With channels_last, src and
// dst are channels-last while the axes are still numbered as if dimension 1 were the channels.
#include "kernels/resize/resize.h"

#include <algorithm>
#include <bit>

#include "compiler/ops/plain_op.h"

namespace tegula::compiler {
namespace {

// In the order of the enumerations.
constexpr std::string_view kModes[] = {"nearest", "linear", "cubic"};
constexpr std::string_view kCoordinates[] = {"half_pixel",          "half_pixel_symmetric", "pytorch_half_pixel",
                                             "align_corners",       "asymmetric",           "tf_crop_and_resize",
                                             "tf_half_pixel_for_nn"};
constexpr std::string_view kNearest[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "simple"};

template <typename Enum, std::size_t n>
std::optional<Enum> named(const std::string_view (&names)[n], std::string_view name) {
  const auto found = std::find(std::begin(names), std::end(names), name);
  if (found == std::end(names)) return std::nullopt;
  return static_cast<Enum>(found - std::begin(names));
}

/// The descriptor without its axes; nullopt: a name that is none.
std::optional<kernels::ResizeDesc> modes_of(const Attributes& attributes) {
  const auto mode = named<kernels::ResizeMode>(kModes, attributes.text("mode", "nearest"));
  const auto coordinates = named<kernels::CoordinateMode>(kCoordinates, attributes.text("coordinates", "half_pixel"));
  const auto nearest = named<kernels::NearestMode>(kNearest, attributes.text("nearest", "round_prefer_floor"));
  if (!mode || !coordinates || !nearest) return std::nullopt;
  return kernels::ResizeDesc{.mode = *mode,
                             .coordinates = *coordinates,
                             .nearest = *nearest,
                             .antialias = attributes.flag("antialias"),
                             .exclude_outside = attributes.flag("exclude_outside"),
                             .cubic_a = static_cast<float>(attributes.number("cubic_a", -0.75)),
                             .extrapolation = static_cast<float>(attributes.number("extrapolation")),
                             .axes = {}};
}

/// The attributes as the kernel takes them: axes of memory, ascending.
struct Axes {
  std::vector<int> axes;
  Shape sizes, scales, roi_begin, roi_end;
};

std::optional<Axes> axes_of(const Attributes& attributes, int rank) {
  const std::vector<int64_t> axes = attributes.ints("axes");
  const Shape sizes = attributes.dims("sizes"), scales = attributes.dims("scales"), roi = attributes.dims("roi");
  if (sizes.size() != axes.size() || scales.size() != axes.size() || (!roi.empty() && roi.size() != 2 * axes.size()))
    return std::nullopt;
  std::vector<std::pair<int, std::size_t>> order;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (axes[i] < (i == 0 ? 0 : axes[i - 1] + 1) || axes[i] >= rank) return std::nullopt;
    int axis = static_cast<int>(axes[i]);
    if (attributes.flag("channels_last") && axis > 0) axis = axis == 1 ? rank - 1 : axis - 1;
    order.emplace_back(axis, i);
  }
  std::sort(order.begin(), order.end());
  Axes result;
  for (const auto& [axis, i] : order) {
    result.axes.push_back(axis);
    result.sizes.push_back(sizes[i]);
    result.scales.push_back(scales[i]);
    if (roi.empty()) continue;
    result.roi_begin.push_back(roi[i]);
    result.roi_end.push_back(roi[axes.size() + i]);
  }
  return result;
}

Status infer_resize(InferContext& context) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(context, 1, 1));
  const Value& src = context.input(0);
  const Attributes& attributes = context.node.attributes;
  const auto desc = modes_of(attributes);
  if (!desc) return context.error("unknown mode");
  const bool crops = desc->coordinates == kernels::CoordinateMode::kTfCropAndResize;
  if ((desc->mode != kernels::ResizeMode::kNearest || crops) && !kernels::is_numeric(src.dtype))
    return context.error(concat("no interpolation of ", name_of(src.dtype)));
  const auto axes = axes_of(attributes, src.rank());
  if (!axes || axes->roi_begin.size() != (crops ? axes->axes.size() : 0))
    return context.error("axes must ascend, and sizes, scales and roi have entries for each of them");
  Shape shape = src.shape;
  for (std::size_t i = 0; i < axes->axes.size(); ++i) {
    shape[static_cast<std::size_t>(axes->axes[i])] = axes->sizes[i];
    TEGULA_RETURN_IF_ERROR(expect_at_least(context, axes->sizes[i], 0, concat("the size of axis ", axes->axes[i])));
  }
  context.outputs.push_back({src.dtype, std::move(shape), std::nullopt});
  return {};
}

Status evaluate_resize(const Node& node, kernels::Views inputs, kernels::Views outputs) {
  const auto axes = axes_of(node.attributes, inputs[0].rank);
  const auto scales = constant_dims(axes->scales);
  const auto begins = constant_dims(axes->roi_begin), ends = constant_dims(axes->roi_end);
  if (!scales || !begins || !ends) return Error{ErrorCode::kUnsupported, "the scales depend on symbols"};
  kernels::ResizeDesc desc = *modes_of(node.attributes);
  for (std::size_t i = 0; i < scales->size(); ++i) {
    kernels::ResizeAxis axis{.axis = axes->axes[i], .scale = std::bit_cast<double>((*scales)[i])};
    if (!begins->empty()) {
      axis.roi_begin = std::bit_cast<double>((*begins)[i]);
      axis.roi_end = std::bit_cast<double>((*ends)[i]);
    }
    desc.axes.push_back(axis);
  }
  return evaluate_plain(desc, kernels::resize, inputs, outputs);
}

Status lower_resize(LowerContext& context, const Node& node, schema::StepT& step) {
  const kernels::ResizeDesc desc = *modes_of(node.attributes);
  schema::ResizeT attributes;
  attributes.mode = static_cast<schema::ResizeMode>(desc.mode);
  attributes.coordinates = static_cast<schema::CoordinateMode>(desc.coordinates);
  attributes.nearest = static_cast<schema::NearestMode>(desc.nearest);
  attributes.antialias = desc.antialias;
  attributes.exclude_outside = desc.exclude_outside;
  attributes.cubic_a = desc.cubic_a;
  attributes.extrapolation = desc.extrapolation;
  const auto axes = axes_of(node.attributes, node.inputs[0]->rank());
  for (const int axis : axes->axes) attributes.axes.push_back(static_cast<uint32_t>(axis));
  attributes.scales = context.expressions(axes->scales);
  Shape roi = axes->roi_begin;
  roi.insert(roi.end(), axes->roi_end.begin(), axes->roi_end.end());
  attributes.roi = context.expressions(roi);
  step.attributes.Set(std::move(attributes));
  return {};
}

}  // namespace

const OpDef resize_op = {
    .name = "resize",
    .infer = infer_resize,
    .evaluate = evaluate_resize,
    .lower = lower_resize,
};

}  // namespace tegula::compiler
