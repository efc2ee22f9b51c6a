// dst[..., m, n] = post_ops(alpha * sum_k a[..., m, k] * b[..., k, n] + bias[n]); batch dimensions broadcast. a and b
// are both f32 or both bf16, the sums fp32.
//
// Attributes: transpose_a (a is [..., k, m]), transpose_b (b is [..., n, k]), alpha (1), to (the type of dst: f32, or
// bf16 where the operands are).
// ONNX MatMul, Gemm (7, 9, 11, 13) and com.microsoft FusedMatMul. A Gemm whose C is a row per column becomes the bias;
// any other C is added afterwards.
#include <algorithm>

#include "compiler/lowering/lower_context.h"
#include "compiler/ops/broadcast.h"
#include "compiler/ops/import_helpers.h"
#include "compiler/ops/op_def.h"
#include "compiler/ops/quantized_ends.h"
#include "kernels/gemm/pack.h"
#include "kernels/gemm/reference.h"

namespace tegula::compiler {
namespace {

struct MatrixDims {
  Dim rows, columns;
};

MatrixDims matrix_of(const Value& value, bool transposed) {
  const Dim &last = value.shape.back(), &before = value.shape[value.shape.size() - 2];
  return transposed ? MatrixDims{last, before} : MatrixDims{before, last};
}

Shape batch_of(const Value& value) {
  return Shape(value.shape.begin(), value.shape.end() - 2);
}

Status infer_matmul(InferContext& context) {
  if (!context.has_input(0) || !context.has_input(1) || context.node.inputs.size() > 3)
    return context.error("two or three inputs expected");
  const Value &a = context.input(0), &b = context.input(1);
  if (a.rank() < 2 || b.rank() < 2) return context.error("operands need two dimensions");
  TEGULA_ASSIGN_OR_RETURN(const DType to, infer_real_product(context));
  const MatrixDims ma = matrix_of(a, context.node.attributes.flag("transpose_a"));
  const MatrixDims mb = matrix_of(b, context.node.attributes.flag("transpose_b"));
  if (ma.columns != mb.rows) {
    const Error error = context.error(concat("cannot multiply ", to_string(a.shape), " by ", to_string(b.shape),
                                             ": depth ", ma.columns.to_string(), " against ", mb.rows.to_string()));
    if (ma.columns.is_constant() && mb.rows.is_constant()) return error;
    context.graph.constraints.push_back({GraphConstraint::Kind::kEqual, ma.columns, mb.rows, error.message});
  }
  TEGULA_ASSIGN_OR_RETURN(Shape shape, broadcast(context, batch_of(a), batch_of(b)));
  shape.push_back(ma.rows);
  shape.push_back(mb.columns);
  if (context.has_input(2) && context.input(2).shape != Shape{mb.columns})
    return context.error(
        concat("a bias of shape ", to_string(context.input(2).shape), " for ", mb.columns.to_string(), " columns"));
  context.outputs.push_back({to, std::move(shape), std::nullopt});
  return {};
}

Status evaluate_matmul(const Node& node, std::span<const kernels::TensorView> inputs,
                       std::span<const kernels::TensorView> outputs) {
  const float alpha = static_cast<float>(node.attributes.number("alpha", 1));
  kernels::MatMulDesc desc;
  desc.transpose_a = node.attributes.flag("transpose_a");
  desc.transpose_b = node.attributes.flag("transpose_b");
  desc.epilogue.alpha = alpha != 1.0f;
  desc.epilogue.bias = node.input(2) != nullptr;
  const RealEnds ends(node, inputs, outputs, kProductOperands);
  kernels::matmul_reference(desc, alpha, ends.inputs()[0], ends.inputs()[1],
                            desc.epilogue.bias ? inputs[2] : kernels::TensorView(), {}, outputs[0]);
  return {};
}

/// The right operand is a constant matrix, so that its panels can be packed now.
bool is_gemm(const Node& node) {
  const Value &a = *node.inputs[0], &b = *node.inputs[1];
  return b.is_constant() && b.rank() == 2 && !node.attributes.flag("transpose_a") && a.shape.back().is_constant();
}

Status lower_gemm(LowerContext& context, const Node& node, schema::StepT& step) {
  const Value& b = *node.inputs[1];
  const bool transposed = node.attributes.flag("transpose_b");
  const Dims& dims = b.literal->dims();
  const int64_t k = dims[transposed ? 1 : 0], n = dims[transposed ? 0 : 1];
  const Packing packing = b.dtype == DType::kBF16 ? Packing::kN16K2 : Packing::kN16K1;
  const kernels::PackedMatrix packed{.packing = packing, .taps = 1, .k = k, .n = n};
  const kernels::MatrixStrides strides{.tap = 0, .k = transposed ? 1 : n, .n = transposed ? k : 1};
  std::vector<std::byte> bytes(static_cast<std::size_t>(packed.bytes()));
  kernels::pack_matrix(packed, strides, b.literal->bytes().data(), bytes.data());
  schema::GemmT gemm;
  gemm.k = static_cast<uint64_t>(k);
  gemm.n = static_cast<uint64_t>(n);
  gemm.alpha = static_cast<float>(node.attributes.number("alpha", 1));
  step.attributes.Set(std::move(gemm));
  step.inputs = {context.value(node.inputs[0]),
                 context.packed_constant(b.name, b.dtype, {k, n}, packing, std::move(bytes)),
                 context.value(node.input(2))};
  return {};
}

Status lower_matmul(LowerContext& context, const Node& node, schema::StepT& step) {
  if (is_gemm(node)) return lower_gemm(context, node, step);
  schema::MatMulT matmul;
  matmul.transpose_a = node.attributes.flag("transpose_a");
  matmul.transpose_b = node.attributes.flag("transpose_b");
  matmul.alpha = static_cast<float>(node.attributes.number("alpha", 1));
  step.attributes.Set(std::move(matmul));
  return {};
}

/// MatMul as NumPy has it: a vector is a row on the left, a column on the right, and the result loses that dimension.
Result<Value*> multiply(ImportContext& context, const OnnxNode& node, Attributes attributes) {
  Value *a = node.inputs[0], *b = node.inputs[1];
  if (a->rank() == 0 || b->rank() == 0) return node.invalid("an operand is a scalar");
  const bool row = a->rank() == 1, column = b->rank() == 1;
  if (row) {
    TEGULA_ASSIGN_OR_RETURN(a, reshaped(context, a, {1, a->shape[0]}));
  }
  if (column) {
    TEGULA_ASSIGN_OR_RETURN(b, reshaped(context, b, {b->shape[0], 1}));
  }
  TEGULA_ASSIGN_OR_RETURN(Value* const y, context.build.add("matmul", {a, b}, std::move(attributes)));
  Shape shape = y->shape;
  if (column) shape.pop_back();
  if (row) shape.erase(shape.end() - (column ? 1 : 2));
  return context.build.reshape(y, std::move(shape));
}

/// [..., i, j] as [..., j, i].
Result<Value*> swap_last(ImportContext& context, Value* value) {
  std::vector<int64_t> perm(value->shape.size());
  for (std::size_t i = 0; i < perm.size(); ++i) perm[i] = static_cast<int64_t>(i);
  std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
  return context.build.transpose(value, std::move(perm));
}

/// FusedMatMul's transBatch: [m, batch..., k] as [batch..., m, k].
Result<Value*> first_before_last(ImportContext& context, Value* value) {
  std::vector<int64_t> perm;
  for (int64_t i = 1; i + 1 < value->rank(); ++i) perm.push_back(i);
  perm.push_back(0);
  perm.push_back(value->rank() - 1);
  return context.build.transpose(value, std::move(perm));
}

}  // namespace

const OpDef matmul_op = {
    .name = "matmul",
    .infer = infer_matmul,
    .evaluate = evaluate_matmul,
    .store = store_bf16,
    .lower = lower_matmul,
    .takes_post_ops = true,
    .strided_inputs = true,
    .strided_outputs = true,
};

Result<ImportedValues> import_matmul(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 2, 2));
  TEGULA_ASSIGN_OR_RETURN(Value* const y, multiply(context, node, {}));
  return ImportedValues{y};
}

/// com.microsoft FusedMatMul: alpha * op(a) * op(b), op by transA, transB and transBatchA, transBatchB.
Result<ImportedValues> import_fused_matmul(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 2, 2));
  OnnxNode plain = node;
  Attributes attributes = {{"alpha", node.attributes.number("alpha", 1)}};
  for (const std::size_t i : {0, 1}) {
    const bool is_a = i == 0;
    Value*& operand = plain.inputs[i];
    if (operand->rank() < 2) continue;
    if (node.attributes.flag(is_a ? "transBatchA" : "transBatchB")) {
      TEGULA_ASSIGN_OR_RETURN(operand, first_before_last(context, operand));
    }
    if (node.attributes.flag(is_a ? "transA" : "transB"))
      attributes.set(is_a ? "transpose_a" : "transpose_b", int64_t{1});
  }
  // A vector beside a transposed matrix: its row or column form is not transposed again.
  TEGULA_ASSIGN_OR_RETURN(Value* const y, multiply(context, plain, std::move(attributes)));
  return ImportedValues{y};
}

/// Gemm: alpha * op(a) * op(b) + beta * c.
Result<ImportedValues> import_gemm(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 2, 3));
  Value *a = node.inputs[0], *b = node.inputs[1], *c = node.input(2);
  if (a->rank() != 2 || b->rank() != 2) return node.invalid("A and B must be matrices");
  const double alpha = node.attributes.number("alpha", 1), beta = node.attributes.number("beta", 1);
  const bool transpose_b = node.attributes.flag("transB");
  if (node.attributes.flag("transA")) {
    TEGULA_ASSIGN_OR_RETURN(a, swap_last(context, a));
  }
  if (c != nullptr && beta != 1) {
    TEGULA_ASSIGN_OR_RETURN(c, with_scalar(context, Function::k_mul, c, beta));
  }
  const Dim columns = b->shape[transpose_b ? 0 : 1];
  const bool is_bias = c != nullptr && c->rank() <= 2 && c->rank() > 0 && c->shape.back() == columns &&
                       (c->rank() == 1 || c->shape[0].is(1));
  std::vector<Value*> operands = {a, b};
  if (is_bias) {
    TEGULA_ASSIGN_OR_RETURN(Value* const bias, reshaped(context, c, {columns}));
    operands.push_back(bias);
  }
  Attributes attributes = {{"alpha", alpha}, {"transpose_b", int64_t{transpose_b}}};
  TEGULA_ASSIGN_OR_RETURN(Value * y, context.build.add("matmul", std::move(operands), std::move(attributes)));
  if (c != nullptr && !is_bias) {
    TEGULA_ASSIGN_OR_RETURN(y, context.build.function(Function::k_add, {y, c}));
  }
  return ImportedValues{y};
}

}  // namespace tegula::compiler
