// A product of matrices of which the left one is real and the right one a constant of s8, dequantized while it is
// multiplied:
//   dst[..., m, n] = post_ops(scales[n] * sum_k a[..., m, k] * float(b[k, n]) + bias[n])
//
// Operands: a [..., m, k] f32 or bf16; b s8 [k, n]; scales f32, one per column or one for all; bias f32 [n] or absent.
// Attributes: transpose_b (b is [n, k]), to (the type of dst: f32, or bf16 where a is). No ONNX operator is imported as
// one: fold_weight_only makes them.
#include "compiler/lowering/lower_context.h"
#include "compiler/ops/infer_helpers.h"
#include "compiler/ops/op_def.h"
#include "compiler/ops/quantized_ends.h"
#include "kernels/gemm/pack.h"
#include "kernels/gemm/weight_only_reference.h"

namespace tegula::compiler {
namespace {

using kernels::TensorView;

enum OperandIndex : std::size_t { kSource = 0, kWeights = 1, kScales = 2, kBias = 3 };

Status infer_weight_only_matmul(InferContext& context) {
  if (!context.has_input(kSource) || !context.has_input(kWeights) || !context.has_input(kScales) ||
      context.node.inputs.size() > 4)
    return context.error("three or four operands expected");
  const Value &a = context.input(kSource), &b = context.input(kWeights), &scales = context.input(kScales);
  if (a.rank() < 2 || b.rank() != 2) return context.error("a needs two dimensions and b has to be a matrix");
  if ((a.dtype != DType::kF32 && a.dtype != DType::kBF16) || b.dtype != DType::kS8)
    return context.unsupported(
        concat("a product of ", name_of(a.dtype), " by ", name_of(b.dtype), "; f32 and bf16 by s8 are supported"));
  const DType to = context.node.attributes.dtype("to", DType::kF32);
  if (to != DType::kF32 && (to != DType::kBF16 || a.dtype != DType::kBF16))
    return context.unsupported(concat("a product of ", name_of(a.dtype), " with a result of type ", name_of(to)));
  const bool transposed = context.node.attributes.flag("transpose_b");
  const Dim &k = b.shape[transposed ? 1 : 0], &n = b.shape[transposed ? 0 : 1];
  const Result<Dim> depth = same_size(context, a.shape.back(), k, "depth");
  if (!depth.ok()) return depth.error();
  const auto check = [&](std::size_t index, bool one_for_all) -> Status {
    const Value& value = context.input(index);
    if (value.dtype == DType::kF32 && (value.shape == Shape{n} || (one_for_all && value.shape.empty()))) return {};
    return context.error(concat("operand ", index, " is ", name_of(value.dtype), to_string(value.shape), " for ",
                                n.to_string(), " columns"));
  };
  TEGULA_RETURN_IF_ERROR(check(kScales, true));
  if (context.has_input(kBias)) TEGULA_RETURN_IF_ERROR(check(kBias, false));
  if (!scales.is_constant()) return context.unsupported("scales that are no constant");
  Shape shape = a.shape;
  shape.back() = n;
  context.outputs.push_back({to, std::move(shape), std::nullopt});
  return {};
}

Status evaluate_weight_only_matmul(const Node& node, std::span<const TensorView> inputs,
                                   std::span<const TensorView> outputs) {
  kernels::weight_only_matmul_reference({.transpose_b = node.attributes.flag("transpose_b"),
                                         .a = inputs[kSource],
                                         .b = inputs[kWeights],
                                         .dst = outputs[0],
                                         .scales = inputs[kScales].as<float>(),
                                         .scale_per_channel = inputs[kScales].rank == 1,
                                         .bias = node.input(kBias) == nullptr ? nullptr : inputs[kBias].as<float>()});
  return {};
}

Status lower_weight_only_matmul(LowerContext& context, const Node& node, schema::StepT& step) {
  const Value& b = *node.inputs[kWeights];
  if (!b.is_constant())
    return Error{ErrorCode::kUnsupported,
                 concat("node '", name_of(node), "' (weight_only_matmul): its weights are no constant")};
  const bool transposed = node.attributes.flag("transpose_b");
  const Dims& dims = b.literal->dims();
  const int64_t k = dims[transposed ? 1 : 0], n = dims[transposed ? 0 : 1];
  const kernels::PackedMatrix packed{.packing = Packing::kN16K4, .taps = 1, .k = k, .n = n};
  const kernels::MatrixStrides strides{.tap = 0, .k = transposed ? 1 : n, .n = transposed ? k : 1};
  std::vector<std::byte> bytes(static_cast<std::size_t>(packed.bytes()));
  kernels::pack_matrix(packed, strides, b.literal->bytes().data(), bytes.data());
  schema::GemmT gemm;
  gemm.k = static_cast<uint64_t>(k);
  gemm.n = static_cast<uint64_t>(n);
  gemm.weight_scales = context.value(node.inputs[kScales]);
  step.attributes.Set(std::move(gemm));
  step.inputs = {context.value(node.inputs[kSource]),
                 context.packed_constant(b.name, DType::kS8, {k, n}, Packing::kN16K4, std::move(bytes)),
                 context.value(node.input(kBias))};
  return {};
}

}  // namespace

const OpDef weight_only_matmul_op = {
    .name = "weight_only_matmul",
    .infer = infer_weight_only_matmul,
    .evaluate = evaluate_weight_only_matmul,
    .store = store_bf16,
    .lower = lower_weight_only_matmul,
    .takes_post_ops = true,
    .strided_inputs = true,
    .strided_outputs = true,
};

}  // namespace tegula::compiler
