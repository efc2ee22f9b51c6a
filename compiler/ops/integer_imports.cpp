// ONNX ConvInteger 10 and MatMulInteger 10: sums of (x - z_x) * (w - z_w) in s32. Exact: an integer product of constant
// weights; of other operands an fp32 product of integers, where no sum can leave the integers that fp32 holds.
#include <algorithm>

#include "compiler/importer/fold_value.h"
#include "compiler/ops/conv_table.h"
#include "compiler/ops/quantize_imports.h"
#include "compiler/ops/quantized_product.h"
#include "compiler/ops/quantized_weights.h"

namespace tegula::compiler {

Result<ImportedValues> import_conv(ImportContext& context, const OnnxNode& node);
Result<ImportedValues> import_matmul(ImportContext& context, const OnnxNode& node);

namespace {

bool is_byte(const Value* value) {
  return value->dtype == DType::kU8 || value->dtype == DType::kS8;
}

std::optional<std::vector<int64_t>> constant_zero_points(const Value* zero_point) {
  if (zero_point == nullptr) return std::vector<int64_t>{0};
  const std::optional<Literal> literal = fold_value(*zero_point);
  return literal ? std::optional(literal->to_ints()) : std::nullopt;
}

/// x as u8: s8 goes up by 128, as its zero point then does.
Result<Value*> as_u8(ImportContext& context, Value* x) {
  if (x->dtype == DType::kU8) return x;
  TEGULA_ASSIGN_OR_RETURN(Value* const real, context.build.function(Function::k_dequantize, {x}, 1, 0));
  return context.build.add("eltwise", {real}, {{"program", one_function(Function::k_quantize, 1, 128, DType::kU8)}});
}

Value* constant_of(ImportContext& context, const OnnxNode& node, const std::vector<int32_t>& elements,
                   const char* what) {
  return context.build.constant(Literal::of<int32_t>({static_cast<int64_t>(elements.size())}, elements),
                                concat(node.name, what));
}

/// Adds the integer product `op` of x by constant weights, with `attributes` of its own.
Result<Value*> integer_product(ImportContext& context, const OnnxNode& node, const char* op,
                               const QuantizedWeights& weights, Attributes attributes) {
  Value* const zero_point = node.input(2);
  const int64_t shift = node.inputs[0]->dtype == DType::kS8 ? 128 : 0;
  std::vector<Value*> operands(kQuantizedOperands);
  TEGULA_ASSIGN_OR_RETURN(operands[kQuantizedSource], as_u8(context, node.inputs[0]));
  operands[kQuantizedWeights] = context.build.constant(weights.q, node.inputs[1]->name);
  int64_t z_x = shift;
  if (const auto known = constant_zero_points(zero_point)) {
    if (known->size() != 1) return node.unsupported("a zero point for each row of the left operand");
    z_x += known->front();
    attributes.set("src_zero_point", z_x);
  } else {
    TEGULA_ASSIGN_OR_RETURN(Value * z, context.build.cast(zero_point, DType::kS32));
    TEGULA_ASSIGN_OR_RETURN(z, reshaped(context, z, {}));
    if (shift != 0) {
      TEGULA_ASSIGN_OR_RETURN(z, with_scalar(context, Function::k_add, z, static_cast<double>(shift)));
    }
    operands[kSourceZeroPoint] = z;
    z_x = 0;
  }
  const auto bias = weights.folded_bias({}, z_x);
  // A zero point that is not known can be anything: the sums may only grow by 255 times as much.
  if (!bias || (operands[kSourceZeroPoint] != nullptr && !weights.folded_bias({}, 255)))
    return node.unsupported("a sum could leave the range of s32");
  if (std::any_of(bias->begin(), bias->end(), [](int32_t b) { return b != 0; }))
    operands[kQuantizedBias] = constant_of(context, node, *bias, "_bias");
  if (!weights.zero_points.empty())
    operands[kWeightZeroPoints] = constant_of(context, node, weights.zero_points, "_zero_points");
  while (operands.back() == nullptr) operands.pop_back();
  attributes.set("to", DType::kS32);
  return context.build.add(op, std::move(operands), std::move(attributes));
}

/// The product as fp32 of the differences, which are integers. `depth`: products in a sum.
Result<Value*> real_product(ImportContext& context, const OnnxNode& node, const Dim& depth, int64_t axis,
                            Result<ImportedValues> (*import)(ImportContext&, const OnnxNode&)) {
  constexpr int64_t kLargestProduct = 255 * 255, kExact = 1 << 24;
  if (!depth.is_constant() || depth.value() * kLargestProduct > kExact)
    return node.unsupported("weights that are no constants, with sums too long to be exact");
  OnnxNode plain = node;
  plain.inputs.clear();
  Value* const one = scalar(context, DType::kF32, 1);
  for (const std::size_t i : {0, 1}) {
    TEGULA_ASSIGN_OR_RETURN(Value* const x,
                            dequantized(context, node, {node.inputs[i], one, node.input(i + 2)}, i == 0 ? -2 : axis));
    plain.inputs.push_back(x);
  }
  TEGULA_ASSIGN_OR_RETURN(const ImportedValues y, import(context, plain));
  return context.build.cast(y[0], DType::kS32);
}

Status check_operands(const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 2, 4));
  for (const std::size_t i : {0, 1})
    if (!is_byte(node.inputs[i]))
      return node.invalid(concat("input ", i, " is ", name_of(node.inputs[i]->dtype), "; u8 or s8 expected"));
  return {};
}

/// Constant weights with constant zero points, one or one per channel.
std::optional<QuantizedWeights> weights_of(const OnnxNode& node, WeightChannels (*layout_of)(const Literal&)) {
  const std::optional<Literal> w = fold_value(*node.inputs[1]);
  const auto zero_points = constant_zero_points(node.input(3));
  if (!w || !zero_points) return std::nullopt;
  const WeightChannels layout = layout_of(*w);
  if (zero_points->size() != 1 && static_cast<int64_t>(zero_points->size()) != layout.channels) return std::nullopt;
  return make_quantized_weights(*w, layout, *zero_points);
}

}  // namespace

/// x, w, z_x, z_w
Result<ImportedValues> import_conv_integer(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(check_operands(node));
  const Value& w = *node.inputs[1];
  if (w.rank() < 3) return node.invalid(concat("weights of shape ", to_string(w.shape)));
  if (const auto weights = weights_of(node, channels_of_conv)) {
    TEGULA_ASSIGN_OR_RETURN(Attributes attributes, import_conv_attributes(node));
    TEGULA_ASSIGN_OR_RETURN(Value* const y,
                            integer_product(context, node, "quantized_conv", *weights, std::move(attributes)));
    return ImportedValues{y};
  }
  TEGULA_ASSIGN_OR_RETURN(Value* const y, real_product(context, node, product(w.shape, 1), 0, import_conv));
  return ImportedValues{y};
}

/// a, b, z_a, z_b; operands as NumPy's matmul has them
Result<ImportedValues> import_matmul_integer(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(check_operands(node));
  const Value &a = *node.inputs[0], &b = *node.inputs[1];
  if (a.rank() == 0 || b.rank() == 0) return node.invalid("an operand is a scalar");
  if (a.rank() >= 2 && b.rank() == 2) {
    const auto weights = weights_of(node, [](const Literal& w) { return channels_of_matmul(w, false); });
    if (weights) {
      TEGULA_ASSIGN_OR_RETURN(Value* const y, integer_product(context, node, "quantized_matmul", *weights, {}));
      return ImportedValues{y};
    }
  }
  TEGULA_ASSIGN_OR_RETURN(Value* const y, real_product(context, node, a.shape.back(), -1, import_matmul));
  return ImportedValues{y};
}

}  // namespace tegula::compiler
