// dst = src resized along `axes`: nearest elements, or linear or cubic interpolation (kernels/resize/resize.h).
//
// Attributes: mode, coordinates, nearest (names of the enumerations there, see below), antialias, exclude_outside,
// cubic_a, extrapolation; axes (ints, ascending) and for each of them sizes (dims) and scales (reals); roi (reals:
// where the region begins, then where it ends) for the coordinates "tf_crop_and_resize".
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

Status infer_resize(InferContext& context) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(context, 1, 1));
  const Value& src = context.input(0);
  const Attributes& attributes = context.node.attributes;
  const auto desc = modes_of(attributes);
  if (!desc) return context.error("unknown mode");
  const bool crops = desc->coordinates == kernels::CoordinateMode::kTfCropAndResize;
  if ((desc->mode != kernels::ResizeMode::kNearest || crops) && !kernels::is_numeric(src.dtype))
    return context.error(concat("no interpolation of ", name_of(src.dtype)));
  const std::vector<int64_t> axes = attributes.ints("axes");
  const Shape sizes = attributes.dims("sizes");
  if (sizes.size() != axes.size() || attributes.dims("scales").size() != axes.size() ||
      attributes.dims("roi").size() != (crops ? 2 * axes.size() : 0))
    return context.error("sizes, scales and roi must have entries for each of the axes");
  Shape shape = src.shape;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (axes[i] < (i == 0 ? 0 : axes[i - 1] + 1) || axes[i] >= src.rank())
      return context.error("axes must ascend and be in range");
    shape[static_cast<std::size_t>(axes[i])] = sizes[i];
    TEGULA_RETURN_IF_ERROR(expect_at_least(context, sizes[i], 0, concat("the size of axis ", axes[i])));
  }
  context.outputs.push_back({src.dtype, std::move(shape), std::nullopt});
  return {};
}

Status evaluate_resize(const Node& node, kernels::Views inputs, kernels::Views outputs) {
  const std::vector<int64_t> axes = node.attributes.ints("axes");
  const auto scales = constant_dims(node.attributes.dims("scales")), roi = constant_dims(node.attributes.dims("roi"));
  if (!scales || !roi) return Error{ErrorCode::kUnsupported, "the scales depend on symbols"};
  kernels::ResizeDesc desc = *modes_of(node.attributes);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    kernels::ResizeAxis axis{.axis = static_cast<int>(axes[i]), .scale = std::bit_cast<double>((*scales)[i])};
    if (!roi->empty()) {
      axis.roi_begin = std::bit_cast<double>((*roi)[i]);
      axis.roi_end = std::bit_cast<double>((*roi)[axes.size() + i]);
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
  for (const int64_t axis : node.attributes.ints("axes")) attributes.axes.push_back(static_cast<uint32_t>(axis));
  attributes.scales = context.expressions(node.attributes.dims("scales"));
  attributes.roi = context.expressions(node.attributes.dims("roi"));
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
