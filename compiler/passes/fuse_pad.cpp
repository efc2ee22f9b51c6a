#include "compiler/passes/fuse_pad.h"

#include <algorithm>
#include <limits>

#include "compiler/ops/op_def.h"
#include "compiler/passes/match.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

bool are_zero(const Shape& dims) {
  return std::all_of(dims.begin(), dims.end(), [](const Dim& dim) { return dim.is(0); });
}

/// The number that the pad fills with; nullopt for other modes and what is not known.
std::optional<double> fill_of(const Node& pad) {
  if (pad.attributes.text("mode", "constant") != "constant") return std::nullopt;
  return pad.input(1) == nullptr ? std::optional(0.0) : splat(pad.input(1));
}

/// Whether the window operation treats that number as its own padding does, once `attributes` are set.
bool takes_fill(const Node& window, double fill, Attributes& attributes) {
  if (is_op(&window, "conv")) return fill == 0;
  const std::string kind = attributes.text("kind");
  if (kind == "max") return fill == -std::numeric_limits<double>::infinity();
  if (kind != "average" || fill != 0) return false;
  const bool counts = attributes.flag("count_include_pad");
  if (!counts && !(are_zero(attributes.dims("pads_begin")) && are_zero(attributes.dims("pads_end")))) return false;
  attributes.set("count_include_pad", int64_t{1});
  return true;
}

/// The spatial part of a pad's begins or ends; nullopt when it does anything else.
std::optional<Shape> spatial_part(const Shape& pads, bool channels_last) {
  Shape spatial;
  const std::size_t channel = channels_last ? pads.size() - 1 : 1;
  for (std::size_t d = 0; d < pads.size(); ++d) {
    if (d == 0 || d == channel) {
      if (!pads[d].is(0)) return std::nullopt;
    } else {
      if (!pads[d].is_at_least(0)) return std::nullopt;
      spatial.push_back(pads[d]);
    }
  }
  return spatial;
}

Result<bool> fuse(Graph& graph, Node& node) {
  if (!is_op(&node, "conv") && !is_op(&node, "pool")) return false;
  Node* pad = node.input(0)->producer;
  if (!is_op(pad, "pad")) return false;
  const Value* indices = node.output(1);  // positions in the source
  if (indices != nullptr && (!indices->users.empty() || indices->is_output)) return false;
  const std::optional<double> fill = fill_of(*pad);
  Attributes attributes = node.attributes;
  if (!fill || !takes_fill(node, *fill, attributes)) return false;
  for (const auto& [own, added] : {std::pair("pads_begin", "begins"), std::pair("pads_end", "ends")}) {
    const std::optional<Shape> spatial =
        spatial_part(pad->attributes.dims(added), node.attributes.flag("channels_last"));
    Shape pads = node.attributes.dims(own);
    pads.resize(pad->attributes.dims(added).size() - 2, Dim(0));  // absent: none
    if (!spatial || spatial->size() != pads.size()) return false;
    for (std::size_t d = 0; d < pads.size(); ++d) pads[d] = pads[d] + (*spatial)[d];
    attributes.set(own, pads);
  }
  node.attributes = std::move(attributes);
  graph.set_input(&node, 0, pad->input(0));
  add_origins(node.origins, pad->origins);
  erase_unread(graph, pad);
  TEGULA_RETURN_IF_ERROR(graph.infer_again(&node));
  return true;
}

}  // namespace

Result<bool> fuse_pad(Graph& graph) {
  return rewrite_nodes(graph, [&](Node& node) { return fuse(graph, node); });
}

}  // namespace tegula::compiler
