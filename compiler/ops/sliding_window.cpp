#include "compiler/ops/sliding_window.h"

#include <algorithm>
#include <limits>

namespace tegula::compiler {
namespace {

/// Largest kernel, stride and dilation: far beyond any model, and products of two stay in int64.
constexpr int64_t kMaxExtent = int64_t{1} << 30;

bool all_within(const std::vector<int64_t>& values, int64_t low) {
  return std::all_of(values.begin(), values.end(), [&](int64_t v) { return v >= low && v <= kMaxExtent; });
}

int64_t span_of(const SlidingWindow& window, std::size_t d) {
  return window.dilations[d] * (window.kernel[d] - 1) + 1;
}

/// An attribute with one entry per spatial dimension, or `absent` in each.
Result<std::vector<int64_t>> per_dimension(const OnnxNode& node, std::string_view attribute, std::size_t spatial,
                                           int64_t absent) {
  if (!node.attributes.has(attribute)) return std::vector<int64_t>(spatial, absent);
  const std::vector<int64_t> values = node.attributes.ints(attribute);
  if (values.size() != spatial)
    return node.invalid(
        concat("attribute '", attribute, "' has ", values.size(), " entries for ", spatial, " spatial dimensions"));
  if (!all_within(values, 1)) return node.invalid(concat("attribute '", attribute, "' has an entry out of range"));
  return values;
}

/// SAME: the output has ceil(in / stride) positions; the padding that this takes is split, the odd one at the end or
/// the beginning.
void pad_same(SlidingWindow& window, const Shape& in, bool odd_at_end) {
  window.sizes.emplace();
  bool simple = true;
  for (std::size_t d = 0; d < in.size(); ++d) {
    const Dim size = ceil_div(in[d], window.strides[d]);
    const Dim total = max((size - 1) * window.strides[d] + span_of(window, d) - in[d], 0);
    const Dim smaller = floor_div(total, 2);
    window.pads_begin.push_back(odd_at_end ? smaller : total - smaller);
    window.pads_end.push_back(odd_at_end ? total - smaller : smaller);
    window.sizes->push_back(size);
    simple &= total.is_constant();
  }
  if (simple) window.sizes.reset();
}

/// Ceil mode: a last window that starts within the input or the padding before it counts, even when it reaches beyond.
Dim ceil_size(const SlidingWindow& window, std::size_t d, const Dim& in) {
  const Dim reach = in + window.pads_begin[d];
  const Dim size = ceil_div(reach + window.pads_end[d] - span_of(window, d), window.strides[d]) + 1;
  return size - less(reach, (size - 1) * window.strides[d] + 1);
}

}  // namespace

SlidingWindow window_of(const Attributes& attributes, std::size_t spatial) {
  SlidingWindow window{.kernel = attributes.ints("kernel"),
                       .strides = attributes.ints("strides"),
                       .dilations = attributes.ints("dilations"),
                       .pads_begin = attributes.dims("pads_begin"),
                       .pads_end = attributes.dims("pads_end"),
                       .sizes = std::nullopt};
  if (window.strides.empty()) window.strides.assign(spatial, 1);
  if (window.dilations.empty()) window.dilations.assign(spatial, 1);
  if (window.pads_begin.empty()) window.pads_begin.assign(spatial, Dim(0));
  if (window.pads_end.empty()) window.pads_end.assign(spatial, Dim(0));
  if (attributes.has("sizes")) window.sizes = attributes.dims("sizes");
  return window;
}

Result<SlidingWindow> window_of(const InferContext& context, std::size_t spatial) {
  SlidingWindow window = window_of(context.node.attributes, spatial);
  for (const std::size_t entries :
       {window.kernel.size(), window.strides.size(), window.dilations.size(), window.pads_begin.size(),
        window.pads_end.size(), window.sizes ? window.sizes->size() : spatial})
    if (entries != spatial)
      return context.error(concat("an attribute has ", entries, " entries for ", spatial, " spatial dimensions"));
  if (!all_within(window.kernel, 1) || !all_within(window.strides, 1) || !all_within(window.dilations, 1))
    return context.error("an entry of kernel, strides or dilations is out of range");
  return window;
}

Attributes attributes_of(const SlidingWindow& window) {
  Attributes attributes = {{"kernel", window.kernel},
                           {"strides", window.strides},
                           {"dilations", window.dilations},
                           {"pads_begin", window.pads_begin},
                           {"pads_end", window.pads_end}};
  if (window.sizes) attributes.set("sizes", *window.sizes);
  return attributes;
}

Result<Shape> output_sizes(InferContext& context, const SlidingWindow& window, const Shape& in) {
  Shape sizes;
  for (std::size_t d = 0; d < in.size(); ++d) {
    const Dim room = in[d] + window.pads_begin[d] + window.pads_end[d] - span_of(window, d);
    if (!window.sizes) {
      const Error error =
          context.error(concat("the kernel spans ", span_of(window, d), " positions, more than the padded input of ",
                               (room + span_of(window, d)).to_string()));
      if (room.is_constant() && room.value() < 0) return error;
      if (!room.is_at_least(0))
        context.graph.constraints.push_back({GraphConstraint::Kind::kAtLeast, room, 0, error.message});
    }
    sizes.push_back(window.sizes ? (*window.sizes)[d] : floor_div(room, window.strides[d]) + 1);
    if (sizes.back().is_constant() && sizes.back().value() < 0) return context.error("an output size is negative");
  }
  return sizes;
}

Result<SlidingWindow> import_window(const OnnxNode& node, const Shape& in, std::vector<int64_t> kernel) {
  const std::size_t spatial = in.size();
  SlidingWindow window;
  window.kernel = std::move(kernel);
  TEGULA_ASSIGN_OR_RETURN(window.strides, per_dimension(node, "strides", spatial, 1));
  TEGULA_ASSIGN_OR_RETURN(window.dilations, per_dimension(node, "dilations", spatial, 1));
  const std::string auto_pad = node.attributes.text("auto_pad", "NOTSET");
  if (auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER") {
    pad_same(window, in, auto_pad == "SAME_UPPER");
    return window;
  }
  if (auto_pad != "NOTSET" && auto_pad != "VALID" && !auto_pad.empty())
    return node.invalid(concat("auto_pad '", auto_pad, "' is not known"));
  std::vector<int64_t> pads = node.attributes.ints("pads");
  if (pads.empty() || auto_pad == "VALID") pads.assign(2 * spatial, 0);
  if (pads.size() != 2 * spatial)
    return node.invalid(concat("attribute 'pads' has ", pads.size(), " entries for ", spatial, " spatial dimensions"));
  if (!all_within(pads, 0)) return node.invalid("attribute 'pads' has an entry out of range");
  window.pads_begin.assign(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(spatial));
  window.pads_end.assign(pads.begin() + static_cast<std::ptrdiff_t>(spatial), pads.end());
  if (node.attributes.flag("ceil_mode")) {
    window.sizes.emplace();
    for (std::size_t d = 0; d < spatial; ++d) window.sizes->push_back(ceil_size(window, d, in[d]));
  }
  return window;
}

Result<std::vector<int64_t>> import_kernel(const OnnxNode& node, std::size_t spatial, const Shape* weights) {
  std::vector<int64_t> kernel = node.attributes.ints("kernel_shape");
  if (weights != nullptr) {
    const auto sizes = constant_dims(*weights);
    if (!sizes) return node.unsupported(concat("the kernel's size ", to_string(*weights), " must be known"));
    const std::vector<int64_t> found(sizes->begin() + 2, sizes->end());
    if (!kernel.empty() && kernel != found)
      return node.invalid(
          concat("kernel_shape ", tegula::to_string(kernel), " is not that of the weights ", tegula::to_string(found)));
    kernel = found;
  }
  if (kernel.size() != spatial)
    return node.invalid(concat("the kernel has ", kernel.size(), " dimensions, the input ", spatial, " spatial ones"));
  if (!all_within(kernel, 1)) return node.invalid("a size of the kernel is out of range");
  return kernel;
}

Shape spatial_dims(const Shape& shape, bool channels_last) {
  return channels_last ? Shape(shape.begin() + 1, shape.end() - 1) : Shape(shape.begin() + 2, shape.end());
}

const Dim& channels_of(const Shape& shape, bool channels_last) {
  return channels_last ? shape.back() : shape[1];
}

Shape with_channels(const Dim& batch, const Dim& channels, const Shape& spatial, bool channels_last) {
  Shape shape = {batch};
  if (!channels_last) shape.push_back(channels);
  shape.insert(shape.end(), spatial.begin(), spatial.end());
  if (channels_last) shape.push_back(channels);
  return shape;
}

kernels::TensorView channels_last_view(const kernels::TensorView& view) {
  std::vector<int> perm = {0};
  for (int d = 2; d < view.rank; ++d) perm.push_back(d);
  perm.push_back(1);
  return view.permuted(perm);
}

kernels::TensorView channels_first_view(const kernels::TensorView& view) {
  std::vector<int> perm = {0, view.rank - 1};
  for (int d = 1; d + 1 < view.rank; ++d) perm.push_back(d);
  return view.permuted(perm);
}

}  // namespace tegula::compiler
