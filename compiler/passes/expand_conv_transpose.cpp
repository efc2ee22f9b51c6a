#include "compiler/passes/expand_conv_transpose.h"

#include <algorithm>

#include "compiler/ops/op_def.h"
#include "compiler/ops/sliding_window.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

/// One spatial dimension: which position of the kernel is tap `tap` of `phase`.
struct Phases {
  int64_t kernel = 1, stride = 1, dilation = 1;

  /// Without a stride the convolution is dilated itself; otherwise its taps count the dilated kernel's positions.
  int64_t taps() const { return stride == 1 ? kernel : (dilation * (kernel - 1) + 1 + stride - 1) / stride; }
  int64_t tap_distance() const { return stride == 1 ? dilation : 1; }
  /// -1: none, the weight is 0.
  int64_t position(int64_t phase, int64_t tap) const {
    const int64_t reversed = taps() - 1 - tap;
    if (stride == 1) return reversed;
    const int64_t dilated = phase + stride * reversed;
    return dilated % dilation == 0 && dilated / dilation < kernel ? dilated / dilation : -1;
  }
};

struct Transposed {
  std::vector<Phases> spatial;
  int64_t groups = 1, ic = 1, oc = 1;  ///< ic and oc of a group

  int64_t phases() const {
    int64_t count = 1;
    for (const Phases& dimension : spatial) count *= dimension.stride;
    return count;
  }
};

/// Walks all index tuples below `limits` in row-major order.
template <typename Visit>
void for_each_index(const Dims& limits, Visit&& visit) {
  Dims index(limits.size(), 0);
  for (int64_t n = element_count(limits); n > 0; --n) {
    visit(index);
    for (std::size_t d = limits.size(); d-- > 0 && ++index[d] == limits[d];) index[d] = 0;
  }
}

/// w [groups * ic, oc, kernel...] as [groups * phases * oc, ic, taps...].
Literal phase_weights(const Literal& w, const Transposed& t) {
  Dims strides, taps, dims = {t.groups * t.phases() * t.oc, t.ic};
  for (const Phases& dimension : t.spatial) {
    strides.push_back(dimension.stride);
    taps.push_back(dimension.taps());
    dims.push_back(dimension.taps());
  }
  const int64_t kernel_size = element_count(std::span(w.dims()).subspan(2)), phases = t.phases(),
                tap_count = element_count(taps);
  return Literal::make(DType::kF32, dims, [&](const kernels::TensorView& view) {
    float* const out = view.as<float>();
    int64_t phase_index = 0;
    for_each_index(strides, [&](const Dims& phase) {
      int64_t tap_index = 0;
      for_each_index(taps, [&](const Dims& tap) {
        int64_t position = 0;
        for (std::size_t d = 0; d < taps.size() && position >= 0; ++d) {
          const int64_t own = t.spatial[d].position(phase[d], tap[d]);
          position = own < 0 ? -1 : position * t.spatial[d].kernel + own;
        }
        for (int64_t g = 0; position >= 0 && g < t.groups; ++g)
          for (int64_t o = 0; o < t.oc; ++o)
            for (int64_t i = 0; i < t.ic; ++i)
              out[(((g * phases + phase_index) * t.oc + o) * t.ic + i) * tap_count + tap_index] =
                  w.at<float>(((g * t.ic + i) * t.oc + o) * kernel_size + position);
        ++tap_index;
      });
      ++phase_index;
    });
  });
}

/// [groups * oc] repeated for each phase of a group.
Literal phase_bias(const Literal& bias, const Transposed& t) {
  std::vector<float> values;
  for (int64_t g = 0; g < t.groups; ++g)
    for (int64_t phase = 0; phase < t.phases(); ++phase)
      for (int64_t o = 0; o < t.oc; ++o) values.push_back(bias.at<float>(g * t.oc + o));
  return Literal::of<float>({static_cast<int64_t>(values.size())}, values);
}

/// [n, q..., (group, phases..., oc)] as [n, (q, phase)..., (group, oc)].
Result<Value*> interleave(Builder& build, Value* value, const Transposed& t) {
  const std::size_t spatial = t.spatial.size();
  // n and the first q stay together, or three spatial dimensions would make more dimensions than there may be.
  Shape split = {value->shape[0] * value->shape[1]}, joined = {value->shape[0]};
  std::vector<int64_t> perm = {0};
  const auto phase_axis = [&](std::size_t d) { return static_cast<int64_t>(spatial + 1 + d); };
  for (std::size_t d = 0; d < spatial; ++d) {
    if (d > 0) {
      split.push_back(value->shape[1 + d]);
      perm.push_back(static_cast<int64_t>(d));
    }
    perm.push_back(phase_axis(d));
    joined.push_back(value->shape[1 + d] * t.spatial[d].stride);
  }
  split.push_back(t.groups);
  perm.push_back(static_cast<int64_t>(spatial));
  for (const Phases& dimension : t.spatial) split.push_back(dimension.stride);
  split.push_back(t.oc);
  perm.push_back(phase_axis(spatial));
  joined.push_back(t.groups * t.oc);
  TEGULA_ASSIGN_OR_RETURN(Value* const phases, build.reshape(value, std::move(split)));
  TEGULA_ASSIGN_OR_RETURN(Value* const moved, build.transpose(phases, std::move(perm)));
  return build.reshape(moved, std::move(joined));
}

/// The elementwise function of one operand that alone reads the value.
Node* only_activation(const Value* value) {
  Node* const user = only_user(value);
  const FunctionInstruction* const function = user == nullptr ? nullptr : single_function(*user);
  const bool takes_one = function != nullptr && arity_of(function->function) == 1;
  return takes_one && user->outputs[0]->dtype == DType::kF32 ? user : nullptr;
}

Result<bool> expand(Graph& graph, Node& node) {
  const Value *const w = node.input(1), *const bias = node.input(2);
  if (!is_op(&node, "conv_transpose") || !node.attributes.flag("channels_last") || !node.post_ops.empty()) return false;
  if (!w->is_constant() || w->dtype != DType::kF32 || (bias != nullptr && !bias->is_constant())) return false;
  Value* const x = node.inputs[0];
  const Shape in = spatial_dims(x->shape, true);
  const SlidingWindow from = window_of(node.attributes, in.size());
  Transposed t;
  t.groups = node.attributes.integer("groups", 1);
  t.ic = w->literal->dims()[0] / t.groups;
  t.oc = w->literal->dims()[1];

  SlidingWindow window;
  Shape starts = {0}, sizes = {x->shape[0]};
  for (std::size_t d = 0; d < in.size(); ++d) {
    const Phases phases = {from.kernel[d], from.strides[d], from.dilations[d]};
    const int64_t reach = phases.tap_distance() * (phases.taps() - 1);
    // Whole steps of the padding come off the convolution's own; the rest of it is cropped.
    const Dim skipped = min(floor_div(from.pads_begin[d], phases.stride), reach);
    starts.push_back(from.pads_begin[d] - skipped * phases.stride);
    sizes.push_back((*from.sizes)[d]);
    const Dim count = ceil_div(starts.back() + sizes.back(), phases.stride);
    window.kernel.push_back(phases.taps());
    window.strides.push_back(1);
    window.dilations.push_back(phases.tap_distance());
    window.pads_begin.push_back(reach - skipped);
    window.pads_end.push_back(max(count - in[d] + skipped, 0));
    t.spatial.push_back(phases);
  }
  starts.push_back(0);
  sizes.push_back(t.groups * t.oc);

  Builder build(graph, node.origins, &node);
  std::vector<Value*> operands = {x, build.constant(phase_weights(*w->literal, t), w->name)};
  if (bias != nullptr) operands.push_back(build.constant(phase_bias(*bias->literal, t), bias->name));
  Attributes attributes = attributes_of(window);
  attributes.set("groups", t.groups);
  attributes.set("channels_last", int64_t{1});
  attributes.set("transposed", int64_t{1});  // for what speaks of ONNX's operators
  TEGULA_ASSIGN_OR_RETURN(Value * y, build.add("conv", std::move(operands), std::move(attributes)));
  Value* replaced = node.outputs[0];
  while (const Node* activation = only_activation(replaced)) {
    Builder at_activation(graph, activation->origins, &node);
    TEGULA_ASSIGN_OR_RETURN(y, at_activation.add("eltwise", {y}, activation->attributes));
    replaced = activation->outputs[0];
  }
  if (t.phases() > 1) {
    TEGULA_ASSIGN_OR_RETURN(y, interleave(build, y, t));
  }
  if (y->shape != sizes) {
    std::vector<int64_t> steps(sizes.size(), 1);
    TEGULA_ASSIGN_OR_RETURN(y, build.add("slice", {y}, {{"starts", starts}, {"sizes", sizes}, {"steps", steps}}));
  }
  replace_value(graph, replaced, y);
  return true;
}

}  // namespace

Result<bool> expand_conv_transpose(Graph& graph) {
  std::vector<Node*> candidates;  // a rewrite also erases nodes after its own: the activations
  for (const auto& node : graph.nodes())
    if (is_op(node.get(), "conv_transpose")) candidates.push_back(node.get());
  bool changed = false;
  for (Node* node : candidates) {
    TEGULA_ASSIGN_OR_RETURN(const bool expanded, expand(graph, *node));
    changed |= expanded;
  }
  if (changed) graph.remove_dead();
  return changed;
}

}  // namespace tegula::compiler
