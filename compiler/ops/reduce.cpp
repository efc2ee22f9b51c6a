// A reduction over `axes`.
//
// Attributes: kind (a name of kernels::ReduceKind: "sum", "mean", ...), axes (ints, ascending), keepdims. A mean over
// neighbouring dimensions before the last may have quantized or bf16 ends (ops/quantized_ends.h).
#include "kernels/reduce/reduce.h"

#include <algorithm>

#include "compiler/ops/plain_op.h"
#include "compiler/ops/quantized_ends.h"
#include "kernels/pool/narrow_pool.h"

namespace tegula::compiler {
namespace {

kernels::ReduceDesc desc_of(const Node& node) {
  kernels::ReduceDesc desc{.kind = *kernels::reduce_kind_from_name(node.attributes.text("kind"))};
  for (const int64_t axis : node.attributes.ints("axes")) desc.axes |= uint32_t{1} << axis;
  return desc;
}

/// A mean that the kernels of narrow averages compute.
bool has_narrow_mean(const Node& node) {
  return has_quantized_ends(node) || node.input(0)->dtype == DType::kBF16;
}

Status infer_reduce(InferContext& context) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(context, 1, 1));
  const Value& src = context.input(0);
  const std::string kind = context.node.attributes.text("kind");
  if (!kernels::reduce_kind_from_name(kind)) return context.error(concat("unknown kind '", kind, "'"));
  const bool keep = context.node.attributes.flag("keepdims");
  Shape shape = src.shape;
  int64_t previous = -1;
  std::vector<int64_t> axes = context.node.attributes.ints("axes");
  for (const int64_t axis : axes) {
    if (axis <= previous || axis >= src.rank()) return context.error("axes must ascend and be in range");
    previous = axis;
  }
  std::reverse(axes.begin(), axes.end());
  for (const int64_t axis : axes) {
    if (keep)
      shape[static_cast<std::size_t>(axis)] = 1;
    else
      shape.erase(shape.begin() + axis);
  }
  DType dtype = src.dtype;
  if (has_narrow_mean(context.node)) {
    TEGULA_ASSIGN_OR_RETURN(dtype, infer_ends(context));
    const bool neighbours = !axes.empty() && axes.front() - axes.back() == static_cast<int64_t>(axes.size()) - 1;
    if (kind != "mean" || !neighbours || axes.front() == src.rank() - 1)
      return context.unsupported(
          "a quantized or bf16 reduction that is no mean over neighbouring dimensions before the last");
  }
  context.outputs.push_back({dtype, std::move(shape), std::nullopt});
  return {};
}

/// A mean is average pooling with one window.
Status evaluate_quantized_mean(const Node& node, const kernels::TensorView& src, const kernels::TensorView& dst) {
  const std::vector<int64_t> axes = node.attributes.ints("axes");
  const auto first = static_cast<std::size_t>(axes.front()), last = static_cast<std::size_t>(axes.back()) + 1;
  const int64_t n = element_count(src.shape().first(first)), channels = element_count(src.shape().subspan(last)),
                window = element_count(src.shape().subspan(first, last - first));
  kernels::NarrowPoolDesc desc{.window = {}, .src = quantized_source(node), .dst = quantized_result(node)};
  desc.window.kind = kernels::PoolKind::kAverage;
  desc.window.rank = 1;
  desc.window.kernel[0] = window;
  const int64_t from[] = {n, window, channels}, to[] = {n, 1, channels};
  const auto x = kernels::TensorView::contiguous(src.dtype, from, src.data);
  const auto y = kernels::TensorView::contiguous(dst.dtype, to, dst.data);
  return evaluate_plain(desc, kernels::narrow_pool, std::span(&x, 1), std::span(&y, 1));
}

Status evaluate_reduce(const Node& node, kernels::Views inputs, kernels::Views outputs) {
  if (has_narrow_mean(node)) return evaluate_quantized_mean(node, inputs[0], outputs[0]);
  const kernels::ReduceDesc desc = desc_of(node);
  const auto dst = kernels::reduced_view(desc, inputs[0], outputs[0]);
  if (!dst) return Error{ErrorCode::kInternal, "reduce: the result has other dimensions than infer gave"};
  return evaluate_plain(desc, kernels::reduce, inputs, std::span(&*dst, 1));
}

Status lower_reduce(LowerContext&, const Node& node, schema::StepT& step) {
  schema::ReduceT attributes;
  attributes.kind = static_cast<schema::ReduceKind>(desc_of(node).kind);
  for (const int64_t axis : node.attributes.ints("axes")) attributes.axes.push_back(static_cast<uint32_t>(axis));
  attributes.ends = ends_table(node);
  step.attributes.Set(std::move(attributes));
  return {};
}

struct Kind {
  std::string_view op_type;
  kernels::ReduceKind kind;
  int axes_input_since;
};
constexpr Kind kKinds[] = {
    {"ReduceL1", kernels::ReduceKind::kL1, 18},         {"ReduceL2", kernels::ReduceKind::kL2, 18},
    {"ReduceLogSum", kernels::ReduceKind::kLogSum, 18}, {"ReduceLogSumExp", kernels::ReduceKind::kLogSumExp, 18},
    {"ReduceMax", kernels::ReduceKind::kMax, 18},       {"ReduceMean", kernels::ReduceKind::kMean, 18},
    {"ReduceMin", kernels::ReduceKind::kMin, 18},       {"ReduceProd", kernels::ReduceKind::kProd, 18},
    {"ReduceSum", kernels::ReduceKind::kSum, 13},       {"ReduceSumSquare", kernels::ReduceKind::kSumSquare, 18},
};

}  // namespace

/// ReduceL1 ... ReduceSumSquare 1, 11, 13, 18, 20: axes are an attribute, later an input; none means all, unless
/// noop_with_empty_axes says that none means none.
Result<std::vector<Value*>> import_reduce(ImportContext& context, const OnnxNode& node) {
  const Kind* kind =
      std::find_if(std::begin(kKinds), std::end(kKinds), [&](const Kind& k) { return k.op_type == node.op_type; });
  TEGULA_CHECK(kind != std::end(kKinds), "the import table names only these operators");
  const bool axes_input = node.version >= kind->axes_input_since;
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, axes_input ? 2 : 1));
  Value* src = node.inputs[0];
  std::vector<int64_t> axes;
  if (!axes_input) {
    axes = node.attributes.ints("axes");
  } else if (node.input(1) != nullptr) {
    TEGULA_ASSIGN_OR_RETURN(axes, context.constant_ints(node, 1));
  }
  TEGULA_ASSIGN_OR_RETURN(axes, checked_axes(node, axes, src->rank()));
  if (axes.empty()) {
    if (axes_input && node.attributes.flag("noop_with_empty_axes")) return ImportedValues{src};
    for (int d = 0; d < src->rank(); ++d) axes.push_back(d);
  }
  TEGULA_ASSIGN_OR_RETURN(Value * dst, context.build.add("reduce", {src},
                                                         {{"kind", std::string(kernels::name_of(kind->kind))},
                                                          {"axes", std::move(axes)},
                                                          {"keepdims", node.attributes.integer("keepdims", 1)}}));
  return ImportedValues{dst};
}

const OpDef reduce_op = {
    .name = "reduce",
    .infer = infer_reduce,
    .evaluate = evaluate_reduce,
    .lower = lower_reduce,
    .strided_inputs = true,
    .strided_outputs = true,
};

}  // namespace tegula::compiler
