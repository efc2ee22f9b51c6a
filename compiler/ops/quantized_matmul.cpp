// A product of matrices, u8 by s8 (ops/quantized_product.h). No ONNX operator but MatMulInteger is imported as one:
// fold_quantization makes them of dequantize, matmul and quantize.
//
// a [..., m, k], b a constant [k, n] of s8; or b an activation [..., k, n] of u8 whose batch dimensions broadcast with
// those of a. Attributes: transpose_b (b is [..., n, k]) and those of quantized products. Beside an activation also
// transpose_a (a is [..., k, m]) and right_zero_point, and the only other operand is a single multiplier: what the zero
// points of both sides add to a sum is computed with it.
#include "compiler/lowering/lower_context.h"
#include "compiler/ops/broadcast.h"
#include "compiler/ops/infer_helpers.h"
#include "compiler/ops/quantized_product.h"
#include "kernels/gemm/pack.h"
#include "kernels/gemm/quantized_reference.h"

namespace tegula::compiler {
namespace {

using kernels::TensorView;

bool has_activations(const Node& node) {
  return node.inputs[kQuantizedWeights]->dtype == DType::kU8;
}

Status infer_product_of_activations(InferContext& context) {
  const Value &a = context.input(0), &b = context.input(1);
  if (a.rank() < 2 || b.rank() < 2) return context.error("operands need two dimensions");
  for (std::size_t i = kQuantizedBias; i < kQuantizedOperands; ++i)
    if (i != kQuantizedMultipliers && context.has_input(i))
      return context.error(concat("operand ", i, " belongs to constant weights"));
  const int64_t zero_point = context.node.attributes.integer("right_zero_point");
  if (zero_point < 0 || zero_point > 255) return context.error(concat("zero point ", zero_point, " of u8"));
  const bool flag_a = context.node.attributes.flag("transpose_a"), flag_b = context.node.attributes.flag("transpose_b");
  const std::size_t last_a = a.shape.size() - 1, last_b = b.shape.size() - 1;
  const Result<Dim> depth =
      same_size(context, a.shape[last_a - (flag_a ? 1 : 0)], b.shape[last_b - (flag_b ? 0 : 1)], "depth");
  if (!depth.ok()) return depth.error();
  TEGULA_ASSIGN_OR_RETURN(Shape shape, broadcast(context, Shape(a.shape.begin(), a.shape.end() - 2),
                                                 Shape(b.shape.begin(), b.shape.end() - 2)));
  const Dim &m = a.shape[last_a - (flag_a ? 0 : 1)], &n = b.shape[last_b - (flag_b ? 1 : 0)];
  shape.push_back(m);
  shape.push_back(n);
  TEGULA_ASSIGN_OR_RETURN(const DType to,
                          infer_quantized_product(context, n, source_rows(context.input(0).shape), DType::kU8));
  if (to != DType::kS32 && !context.input(kQuantizedMultipliers).shape.empty())
    return context.error("a product of two activations has one multiplier");
  context.outputs.push_back({to, std::move(shape), std::nullopt});
  return {};
}

Status infer_quantized_matmul(InferContext& context) {
  if (!context.has_input(0) || !context.has_input(1)) return context.error("two operands expected");
  if (has_activations(context.node)) return infer_product_of_activations(context);
  const Value &a = context.input(0), &b = context.input(1);
  if (a.rank() < 2 || b.rank() != 2) return context.error("a needs two dimensions and b has to be a matrix");
  const bool transposed = context.node.attributes.flag("transpose_b");
  const Dim &k = b.shape[transposed ? 1 : 0], &n = b.shape[transposed ? 0 : 1];
  const Result<Dim> depth = same_size(context, a.shape.back(), k, "depth");
  if (!depth.ok()) return depth.error();
  TEGULA_ASSIGN_OR_RETURN(const DType to, infer_quantized_product(context, n, source_rows(a.shape)));
  Shape shape = a.shape;
  shape.back() = n;
  context.outputs.push_back({to, std::move(shape), std::nullopt});
  return {};
}

struct Weights {
  int64_t k, n, stride_k, stride_n;
};

Weights weights_of(const Node& node, std::span<const int64_t> dims) {
  const bool transposed = node.attributes.flag("transpose_b");
  return transposed ? Weights{dims[1], dims[0], 1, dims[1]} : Weights{dims[0], dims[1], dims[1], 1};
}

/// To s32, or float(acc) * multiplier.
void multiply_activations(const Node& node, std::span<const TensorView> inputs, const TensorView& dst) {
  kernels::QuantizedMatMul product;
  product.transpose_a = node.attributes.flag("transpose_a");
  product.transpose_b = node.attributes.flag("transpose_b");
  product.a = inputs[kQuantizedSource];
  product.b = inputs[kQuantizedWeights];
  product.dst = dst;
  const auto zero_point = static_cast<int32_t>(node.attributes.integer("src_zero_point"));
  product.src_zero_points = &zero_point;
  product.b_zero_point = static_cast<int32_t>(node.attributes.integer("right_zero_point"));
  if (dst.dtype != DType::kS32) product.multipliers = inputs[kQuantizedMultipliers].as<float>();
  quantized_matmul_reference(product);
}

Status evaluate_quantized_matmul(const Node& node, std::span<const TensorView> inputs,
                                 std::span<const TensorView> outputs) {
  if (has_activations(node)) {
    multiply_activations(node, inputs, outputs[0]);
    return {};
  }
  const Weights w = weights_of(node, inputs[1].shape());
  const ProductEpilogue epilogue(node, inputs);
  const auto* a = inputs[0].as<uint8_t>();
  const auto* b = inputs[1].as<int8_t>();
  const int64_t rows = w.n == 0 ? 0 : outputs[0].count() / w.n;
  for (int64_t m = 0; m < rows; ++m) {
    for (int64_t n = 0; n < w.n; ++n) {
      ProductSums sums;
      for (int64_t k = 0; k < w.k; ++k) {
        const int32_t q_a = a[m * w.k + k], q_b = b[k * w.stride_k + n * w.stride_n];
        sums.products += static_cast<uint32_t>(q_a * q_b);
        sums.sources += static_cast<uint32_t>(q_a);
        sums.weights += static_cast<uint32_t>(q_b);
        ++sums.count;
      }
      epilogue.write(sums, m, n, outputs[0], m * w.n + n);
    }
  }
  return {};
}

Status lower_product_of_activations(LowerContext& context, const Node& node, schema::StepT& step) {
  schema::MatMulT matmul;
  matmul.transpose_a = node.attributes.flag("transpose_a");
  matmul.transpose_b = node.attributes.flag("transpose_b");
  matmul.requantize = lower_requantize(context, node, {});
  const auto zero_point = static_cast<int32_t>(node.attributes.integer("right_zero_point"));
  const auto* const bytes = reinterpret_cast<const std::byte*>(&zero_point);
  step.inputs = {context.value(node.inputs[kQuantizedSource]), context.value(node.inputs[kQuantizedWeights]), -1,
                 context.packed_constant(concat(node.output()->name, "_zero_point"), DType::kS32, {1}, Packing::kPlain,
                                         {bytes, bytes + sizeof(zero_point)})};
  step.attributes.Set(std::move(matmul));
  return {};
}

Status lower_quantized_matmul(LowerContext& context, const Node& node, schema::StepT& step) {
  if (has_activations(node)) return lower_product_of_activations(context, node, step);
  const Value& b = *node.inputs[kQuantizedWeights];
  if (!b.is_constant())
    return Error{ErrorCode::kUnsupported,
                 concat("node '", name_of(node), "' (quantized_matmul): its weights are no constant")};
  const Weights w = weights_of(node, b.literal->dims());
  const kernels::PackedMatrix packed{.packing = Packing::kN16K4, .taps = 1, .k = w.k, .n = w.n};
  std::vector<std::byte> bytes(static_cast<std::size_t>(packed.bytes()));
  kernels::pack_matrix(packed, {.tap = 0, .k = w.stride_k, .n = w.stride_n}, b.literal->bytes().data(), bytes.data());
  std::vector<int32_t> sums(static_cast<std::size_t>(w.n));
  for (int64_t k = 0; k < w.k; ++k)
    for (int64_t n = 0; n < w.n; ++n)
      sums[static_cast<std::size_t>(n)] += b.literal->at<int8_t>(k * w.stride_k + n * w.stride_n);
  step.inputs = {context.value(node.inputs[0]),
                 context.packed_constant(b.name, DType::kS8, {w.k, w.n}, Packing::kN16K4, std::move(bytes)),
                 context.value(node.input(kQuantizedBias))};
  schema::GemmT gemm;
  gemm.k = static_cast<uint64_t>(w.k);
  gemm.n = static_cast<uint64_t>(w.n);
  gemm.requantize = lower_requantize(context, node, sums);
  step.attributes.Set(std::move(gemm));
  return {};
}

}  // namespace

const OpDef quantized_matmul_op = {
    .name = "quantized_matmul",
    .infer = infer_quantized_matmul,
    .evaluate = evaluate_quantized_matmul,
    .store = store_quantized,
    .lower = lower_quantized_matmul,
    .takes_post_ops = true,
    .strided_inputs = true,
    .strided_outputs = true,
};

}  // namespace tegula::compiler
