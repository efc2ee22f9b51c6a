// ONNX Resize and Upsample.
#include <algorithm>
#include <numeric>

#include "compiler/ops/import_helpers.h"

namespace tegula::compiler {
namespace {

/// What the versions of Resize agree on.
struct Request {
  Attributes modes;
  std::vector<int64_t> axes;  ///< any order, counted from the front
  Shape scales;               ///< reals, one for each of the axes; or none, and sizes
  Shape sizes;
  Shape roi;  ///< reals: begins, then ends; or none
};

bool is_given(const OnnxNode& node, std::size_t input) {
  const Value* value = node.input(input);
  return value != nullptr && !(value->rank() == 1 && value->shape[0].is(0));
}

/// Sizes under a policy that keeps the aspect ratio: all axes take the smallest (largest) of the asked-for scales, and
/// sizes are rounded, halves up.
void keep_aspect_ratio(const Shape& from, bool smallest, Request& request) {
  const auto dim = [&](std::size_t i) -> const Dim& { return from[static_cast<std::size_t>(request.axes[i])]; };
  Dim size = request.sizes[0], of = dim(0);  // the chosen scale is size / of
  for (std::size_t i = 1; i < request.axes.size(); ++i) {
    const Dim here = request.sizes[i] * of, best = size * dim(i);
    const Dim take = smallest ? less(here, best) : less(best, here);
    const Dim next_size = select(take, request.sizes[i], size), next_of = select(take, dim(i), of);
    size = next_size;
    of = next_of;
  }
  for (std::size_t i = 0; i < request.axes.size(); ++i) {
    request.sizes[i] = floor_div(size * dim(i) * 2 + of, of * 2);
    request.scales.push_back(real_ratio(size, of));
  }
}

Result<std::vector<Value*>> build_resize(ImportContext& context, const OnnxNode& node, Request request) {
  Value* src = node.inputs[0];
  const std::size_t count = request.axes.size();
  if (request.scales.empty() && request.sizes.empty() && count != 0)
    return node.invalid("either scales or sizes must be given");
  if (!request.scales.empty() && request.scales.size() != count)
    return node.invalid(concat(request.scales.size(), " scales for ", count, " axes"));
  if (!request.sizes.empty() && request.sizes.size() != count)
    return node.invalid(concat(request.sizes.size(), " sizes for ", count, " axes"));
  const bool crops = request.modes.text("coordinates") == "tf_crop_and_resize";
  if (crops && request.roi.size() != 2 * count)
    return node.invalid(concat(request.roi.size(), " numbers in roi for ", count, " axes"));

  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return request.axes[a] < request.axes[b]; });
  std::vector<int64_t> axes;
  Shape sizes, scales, begins, ends;
  for (const std::size_t i : order) {
    const Dim& dim = src->shape[static_cast<std::size_t>(request.axes[i])];
    Dim scale = request.scales.empty() ? real_ratio(request.sizes[i], dim) : request.scales[i];
    if (scale == real(1) && !crops) continue;
    axes.push_back(request.axes[i]);
    sizes.push_back(request.sizes.empty() ? max(0, real_scale_floor(dim, scale)) : request.sizes[i]);
    scales.push_back(std::move(scale));
    if (!crops) continue;
    begins.push_back(request.roi[i]);
    ends.push_back(request.roi[count + i]);
  }
  if (axes.empty()) return ImportedValues{src};
  begins.insert(begins.end(), ends.begin(), ends.end());
  request.modes.set("axes", std::move(axes));
  request.modes.set("sizes", std::move(sizes));
  request.modes.set("scales", std::move(scales));
  request.modes.set("roi", std::move(begins));
  TEGULA_ASSIGN_OR_RETURN(Value * dst, context.build.add("resize", {src}, std::move(request.modes)));
  return ImportedValues{dst};
}

std::vector<int64_t> all_axes(const Value& value) {
  std::vector<int64_t> axes(value.shape.size());
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

/// Resize 10 and Upsample: a factor for every axis, and no choice of coordinates.
Result<std::vector<Value*>> import_by_scales(ImportContext& context, const OnnxNode& node, Shape scales) {
  std::string mode = node.attributes.text("mode", "nearest");
  if (mode == "bilinear") mode = "linear";
  if (mode != "nearest" && mode != "linear") return node.unsupported(concat("mode '", mode, "'"));
  Request request;
  request.modes = {{"mode", mode}, {"coordinates", std::string("asymmetric")}, {"nearest", std::string("simple")}};
  request.axes = all_axes(*node.inputs[0]);
  request.scales = std::move(scales);
  return build_resize(context, node, std::move(request));
}

Status read_modes(const OnnxNode& node, Attributes& modes) {
  const std::string mode = node.attributes.text("mode", "nearest");
  const std::string coordinates = node.attributes.text("coordinate_transformation_mode", "half_pixel");
  const std::string nearest = node.attributes.text("nearest_mode", "round_prefer_floor");
  const auto is_one_of = [](std::string_view name, std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (!is_one_of(mode, {"nearest", "linear", "cubic"})) return node.unsupported(concat("mode '", mode, "'"));
  if (!is_one_of(coordinates, {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
                               "asymmetric", "tf_crop_and_resize", "tf_half_pixel_for_nn"}))
    return node.unsupported(concat("coordinate_transformation_mode '", coordinates, "'"));
  if (!is_one_of(nearest, {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}))
    return node.unsupported(concat("nearest_mode '", nearest, "'"));
  modes = {{"mode", mode}, {"coordinates", coordinates}, {"nearest", nearest}};
  if (mode != "nearest" && node.attributes.flag("antialias")) modes.set("antialias", int64_t{1});
  if (mode == "cubic") modes.set("cubic_a", node.attributes.number("cubic_coeff_a", -0.75));
  if (mode == "cubic" && node.attributes.flag("exclude_outside")) modes.set("exclude_outside", int64_t{1});
  if (coordinates == "tf_crop_and_resize") modes.set("extrapolation", node.attributes.number("extrapolation_value", 0));
  return {};
}

}  // namespace

/// Resize 10, 11 (modes, sizes, regions), 13, 18 (axes, antialias, policies), 19 (half_pixel_symmetric).
Result<std::vector<Value*>> import_resize(ImportContext& context, const OnnxNode& node) {
  if (node.version < 11) {
    TEGULA_RETURN_IF_ERROR(expect_inputs(node, 2, 2));
    TEGULA_ASSIGN_OR_RETURN(Shape scales, context.real_operand(node, 1));
    return import_by_scales(context, node, std::move(scales));
  }
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 4));
  Request request;
  TEGULA_RETURN_IF_ERROR(read_modes(node, request.modes));
  const Value& src = *node.inputs[0];
  request.axes = all_axes(src);
  if (node.attributes.has("axes")) {
    request.axes = node.attributes.ints("axes");
    TEGULA_RETURN_IF_ERROR(checked_axes(node, request.axes, src.rank()));  // each once
    for (int64_t& axis : request.axes) axis += axis < 0 ? src.rank() : 0;
  }
  if (request.modes.text("coordinates") == "tf_crop_and_resize") {
    if (!is_given(node, 1)) return node.invalid("tf_crop_and_resize needs the input 'roi'");
    TEGULA_ASSIGN_OR_RETURN(request.roi, context.real_operand(node, 1));
  }
  if (is_given(node, 2) && is_given(node, 3)) return node.invalid("scales and sizes exclude each other");
  if (is_given(node, 2)) {
    TEGULA_ASSIGN_OR_RETURN(request.scales, context.real_operand(node, 2));
  } else if (is_given(node, 3)) {
    TEGULA_ASSIGN_OR_RETURN(request.sizes, context.shape_operand(node, 3));
    const std::string policy = node.attributes.text("keep_aspect_ratio_policy", "stretch");
    if (policy != "stretch" && policy != "not_larger" && policy != "not_smaller")
      return node.unsupported(concat("keep_aspect_ratio_policy '", policy, "'"));
    if (policy != "stretch" && !request.sizes.empty() && request.sizes.size() == request.axes.size())
      keep_aspect_ratio(src.shape, policy == "not_larger", request);
  }
  return build_resize(context, node, std::move(request));
}

/// Upsample 7 (scales are an attribute), 9 (an input).
Result<std::vector<Value*>> import_upsample(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, node.version >= 9 ? 2 : 1, 2));
  Shape scales;
  if (node.version >= 9) {
    TEGULA_ASSIGN_OR_RETURN(scales, context.real_operand(node, 1));
  } else {
    for (const double scale : node.attributes.numbers("scales")) scales.push_back(real(scale));
  }
  return import_by_scales(context, node, std::move(scales));
}

}  // namespace tegula::compiler
