// dst[n, c, o...] = the maximum, average or p-norm of x over a window; see kernels/pool for what counts in an average.
//
// Attributes: kind ("max", "average", "lp"), kernel, strides, dilations, pads_begin, pads_end, sizes
// (ops/sliding_window.h), count_include_pad, p (of "lp"), channels_last, column_major (of the indices). Outputs: dst
// and, for "max" where wanted, the s64 indices that ONNX defines. Averages may have quantized or bf16
// ends (ops/quantized_ends.h); a maximum of bf16 is bf16, without indices. ONNX MaxPool, AveragePool and LpPool.
#include <algorithm>

#include "compiler/lowering/lower_context.h"
#include "compiler/ops/import_helpers.h"
#include "compiler/ops/op_def.h"
#include "compiler/ops/quantized_ends.h"
#include "compiler/ops/sliding_window.h"
#include "kernels/pool/narrow_pool.h"
#include "kernels/pool/pool.h"

namespace tegula::compiler {
namespace {

constexpr int kMaxSpatial = 3;

std::optional<schema::PoolKind> kind_of(const Node& node) {
  const std::string kind = node.attributes.text("kind");
  if (kind == "max") return schema::PoolKind::Max;
  if (kind == "average") return schema::PoolKind::Average;
  if (kind == "lp") return schema::PoolKind::Lp;
  return std::nullopt;
}

Status infer_pool(InferContext& context) {
  if (context.node.inputs.size() != 1 || !context.has_input(0)) return context.error("one input expected");
  const Value& x = context.input(0);
  const std::optional<schema::PoolKind> kind = kind_of(context.node);
  if (!kind) return context.error(concat("there is no kind '", context.node.attributes.text("kind"), "'"));
  const bool is_max = *kind == schema::PoolKind::Max;
  DType dtype = x.dtype;
  const bool is_bf16 = x.dtype == DType::kBF16;
  if (has_quantized_ends(context.node) || (is_bf16 && *kind == schema::PoolKind::Average)) {
    if (*kind != schema::PoolKind::Average) return context.unsupported("quantized pooling that is no average");
    TEGULA_ASSIGN_OR_RETURN(dtype, infer_ends(context));
  } else if (is_max ? x.dtype == DType::kF16 || (is_bf16 && context.node.output(1) != nullptr)
                    : x.dtype != DType::kF32 && x.dtype != DType::kF64) {
    return context.unsupported(concat("an input of type ", name_of(x.dtype)));
  }
  if (x.rank() < 3) return context.error(concat("an input of shape ", to_string(x.shape), " has no spatial dimension"));
  if (x.rank() > 2 + kMaxSpatial)
    return context.unsupported(concat(x.rank() - 2, " spatial dimensions; at most 3 are supported"));
  const bool channels_last = context.node.attributes.flag("channels_last");
  TEGULA_ASSIGN_OR_RETURN(const SlidingWindow window, window_of(context, static_cast<std::size_t>(x.rank() - 2)));
  TEGULA_ASSIGN_OR_RETURN(const Shape sizes, output_sizes(context, window, spatial_dims(x.shape, channels_last)));
  Shape shape = with_channels(x.shape[0], channels_of(x.shape, channels_last), sizes, channels_last);
  context.outputs.push_back({dtype, shape, std::nullopt});
  if (is_max) context.outputs.push_back({DType::kS64, std::move(shape), std::nullopt});
  return {};
}

Status evaluate_pool(const Node& node, std::span<const kernels::TensorView> inputs,
                     std::span<const kernels::TensorView> outputs) {
  const Attributes& attributes = node.attributes;
  const bool channels_last = attributes.flag("channels_last");
  kernels::PoolDesc desc;
  desc.kind = static_cast<kernels::PoolKind>(*kind_of(node));
  desc.rank = inputs[0].rank - 2;
  const SlidingWindow window = window_of(attributes, static_cast<std::size_t>(desc.rank));
  const auto copy_to = [](std::array<int64_t, kernels::kMaxPoolRank>& to, const std::vector<int64_t>& values) {
    std::copy(values.begin(), values.end(), to.begin());
  };
  copy_to(desc.kernel, window.kernel);
  copy_to(desc.strides, window.strides);
  copy_to(desc.dilations, window.dilations);
  copy_to(desc.pads_begin, *constant_dims(window.pads_begin));
  copy_to(desc.pads_end, *constant_dims(window.pads_end));
  desc.count_include_pad = attributes.flag("count_include_pad");
  desc.column_major_indices = attributes.flag("column_major");
  desc.p = attributes.integer("p", 2);
  const auto relaid = [&](const kernels::TensorView& view) {
    return channels_last || view.data == nullptr ? view : channels_last_view(view);
  };
  std::vector<kernels::TensorView> src = {relaid(inputs[0])}, dst;
  for (const kernels::TensorView& output : outputs) dst.push_back(relaid(output));
  if (has_quantized_ends(node) || inputs[0].dtype == DType::kBF16) {
    if (outputs.size() > 1 && outputs[1].data != nullptr)
      return Error{ErrorCode::kUnsupported, "pool: positions of bf16 maxima"};
    dst.resize(1);
    const kernels::NarrowPoolDesc narrow{.window = desc, .src = quantized_source(node), .dst = quantized_result(node)};
    TEGULA_RETURN_IF_ERROR(kernels::check(narrow, src, dst));
    return kernels::narrow_pool(narrow, src, dst);
  }
  TEGULA_RETURN_IF_ERROR(kernels::check(desc, src, dst));
  return kernels::pool(desc, src, dst);
}

Status lower_pool(LowerContext& context, const Node& node, schema::StepT& step) {
  schema::PoolT pool;
  pool.kind = *kind_of(node);
  const Attributes& attributes = node.attributes;
  const SlidingWindow window = window_of(attributes, node.input(0)->shape.size() - 2);
  pool.kernel.assign(window.kernel.begin(), window.kernel.end());
  pool.strides.assign(window.strides.begin(), window.strides.end());
  pool.dilations.assign(window.dilations.begin(), window.dilations.end());
  pool.pads_begin = context.expressions(window.pads_begin);
  pool.pads_end = context.expressions(window.pads_end);
  pool.count_include_pad = attributes.flag("count_include_pad");
  pool.column_major_indices = attributes.flag("column_major");
  pool.p = attributes.integer("p", 2);
  pool.ends = ends_table(node);
  step.attributes.Set(std::move(pool));
  return {};
}

Result<ImportedValues> import_pool_of(ImportContext& context, const OnnxNode& node, const char* kind, int64_t p) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 1, 1));
  Value* const x = node.inputs[0];
  if (x->rank() < 3)
    return node.invalid(concat("an input of shape ", to_string(x->shape), " has no spatial dimension"));
  TEGULA_ASSIGN_OR_RETURN(std::vector<int64_t> kernel, import_kernel(node, x->shape.size() - 2, nullptr));
  TEGULA_ASSIGN_OR_RETURN(const SlidingWindow window,
                          import_window(node, spatial_dims(x->shape, false), std::move(kernel)));
  Attributes attributes = attributes_of(window);
  attributes.set("kind", std::string(kind));
  if (node.attributes.flag("count_include_pad")) attributes.set("count_include_pad", int64_t{1});
  if (node.attributes.flag("storage_order")) attributes.set("column_major", int64_t{1});
  if (p != 0) attributes.set("p", p);
  TEGULA_ASSIGN_OR_RETURN(Node* const pool, context.build.node("pool", {x}, std::move(attributes)));
  return ImportedValues(pool->outputs.begin(), pool->outputs.end());
}

}  // namespace

const OpDef pool_op = {
    .name = "pool",
    .infer = infer_pool,
    .evaluate = evaluate_pool,
    .lower = lower_pool,
    .strided_inputs = true,
    .strided_outputs = true,
};

Result<ImportedValues> import_max_pool(ImportContext& context, const OnnxNode& node) {
  return import_pool_of(context, node, "max", 0);
}

Result<ImportedValues> import_average_pool(ImportContext& context, const OnnxNode& node) {
  return import_pool_of(context, node, "average", 0);
}

Result<ImportedValues> import_lp_pool(ImportContext& context, const OnnxNode& node) {
  const int64_t p = node.attributes.integer("p", 2);
  if (p < 1) return node.invalid(concat("p is ", p));
  return import_pool_of(context, node, "lp", p);
}

}  // namespace tegula::compiler
