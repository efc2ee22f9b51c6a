#include "tests/runtime/sample_programs.h"

#include "kernels/gemm/pack.h"
#include "schema/function.h"

namespace tegula::test {
namespace {

std::vector<float> ramp(int64_t count) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 7) * 0.125f - 0.25f;
  return values;
}

std::unique_ptr<schema::PostOpT> post_op(Function function, int32_t operand = -1) {
  auto op = std::make_unique<schema::PostOpT>();
  op->function = static_cast<uint16_t>(function);
  op->operand = operand;
  return op;
}

schema::ConvT same_window() {
  schema::ConvT conv;
  conv.kernel = {3, 3};
  conv.strides = conv.dilations = {1, 1};
  conv.pads_begin = conv.pads_end = {1, 1};
  return conv;
}

kernels::PackedConv packed_window(Packing packing, int64_t ic, int64_t oc) {
  kernels::PackedConv packed;
  packed.packing = packing;
  packed.ic_per_group = ic;
  packed.oc_per_group = oc;
  packed.kernel_h = packed.kernel_w = 3;
  return packed;
}

int32_t conv_weights(ProgramBuilder& b, const std::string& name, const kernels::PackedConv& packed,
                     const void* elements) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(packed.bytes()));
  pack_conv(packed, elements, bytes.data());
  const kernels::PackedMatrix block = packed.block();
  return b.constant(name, packed.packing == Packing::kN16K4 ? DType::kS8 : DType::kF32,
                    {packed.blocks(), block.taps, block.k, block.n}, bytes, packed.packing);
}

}  // namespace

ProgramBuilder rich_program() {
  ProgramBuilder b;
  const auto batch = b.symbol("batch", 1, 8), m = b.symbol("m", -4, 4);
  const auto twice = b.expression(ExprOp::kMul, batch, 2);
  b.constraint(schema::ConstraintKind::AtLeast, batch, 1, "Reshape_1 wants a batch");
  b.constraint(schema::ConstraintKind::Divisible, twice, 2, "Split_1 splits evenly");
  const int32_t x = b.input("x", DType::kF32, {batch, 4});
  b.shape_input("m", DType::kS64, {1}, {m});
  const int32_t rows = b.input("rows", DType::kS32, {3});
  const int32_t table = b.constant<float>("table", {5, 4}, std::vector<float>(20, 0.25f));
  const int32_t fill = b.constant<float>("fill", {}, {1.0f});
  const int32_t joined = b.arena("joined", DType::kF32, {twice, 4});
  const int32_t top = b.view("top", joined, {batch, 4}),
                bottom = b.view("bottom", joined, {batch, 4}, b.expression(ExprOp::kMul, batch, 4));
  b.step(schema::CopyT(), {x}, {top});
  b.step(schema::CopyT(), {x}, {bottom});
  schema::TransposeT transpose;
  transpose.perm = {1, 0};
  const int32_t turned = b.arena("turned", DType::kF32, {4, twice});
  b.step(transpose, {joined}, {turned});
  schema::GatherT gather;
  const int32_t gathered = b.arena("gathered", DType::kF32, {3, 4});
  b.step(gather, {table, rows}, {gathered});
  schema::ConcatT concat_rows;
  concat_rows.axis = 0;
  const int32_t all = b.arena("all", DType::kF32, {b.expression(ExprOp::kAdd, twice, 3), 4});
  b.step(concat_rows, {joined, gathered}, {all});
  schema::SliceT slice;
  slice.starts = {b.expression(ExprOp::kAdd, twice, 2).index, b.number(0).index};
  slice.steps = {-1, 2};
  const int32_t sliced = b.arena("sliced", DType::kF32, {b.expression(ExprOp::kAdd, batch, 1), 2});
  b.step(slice, {all}, {sliced});
  schema::PadT pad;
  pad.begins = {b.number(1).index, b.number(2).index};
  const int32_t y = b.output("y", DType::kF32, {b.expression(ExprOp::kAdd, batch, 4), 5}),
                z = b.output("z", DType::kF32, {4, twice});
  b.step(pad, {sliced, fill}, {y});
  b.step(schema::CopyT(), {turned}, {z});
  auto provenance = std::make_unique<schema::ProvenanceT>();
  provenance->aotc_version = "0.1";
  provenance->notes = {"a note", "another"};
  b.tables().provenance = std::move(provenance);
  b.tables().values[static_cast<std::size_t>(gathered)]->quantization = std::make_unique<schema::QuantizationT>();
  b.tables().values[static_cast<std::size_t>(gathered)]->quantization->scales = {0.5f};
  b.tables().values[static_cast<std::size_t>(gathered)]->quantization->zero_points = {3};
  auto stored = std::make_unique<schema::StoredTensorT>();
  stored->name = "x";
  stored->dtype = static_cast<uint8_t>(DType::kF32);
  stored->dims = {5, 4};
  stored->bytes = 80;
  auto vector = std::make_unique<schema::TestVectorT>();
  vector->inputs.push_back(std::move(stored));
  b.tables().test_vectors.push_back(std::move(vector));
  return b;
}

ProgramBuilder network_program() {
  ProgramBuilder b;
  const auto batch = b.symbol("batch", 1, 8);
  const int32_t x = b.input("x", DType::kF32, {batch, 6, 6, 3});
  const std::vector<float> filter = ramp(20 * 3 * 9);
  const int32_t w = conv_weights(b, "conv.weights", packed_window(Packing::kN16K1, 3, 20), filter.data());
  const int32_t bias = b.constant<float>("conv.bias", {20}, ramp(20));
  const int32_t maps = b.arena("maps", DType::kF32, {batch, 6, 6, 20});
  b.step(same_window(), {x, w, bias}, {maps}).post_ops.push_back(post_op(Function::k_relu));

  std::vector<std::byte> depthwise(static_cast<std::size_t>(kernels::PackedDepthwise{20, 9, 4}.bytes()));
  kernels::pack_depthwise({20, 9, 4}, ramp(180).data(), depthwise.data());
  const int32_t dw = b.constant("depthwise.weights", DType::kF32, {9, 20}, depthwise, Packing::kDepthwise);
  const int32_t filtered = b.arena("filtered", DType::kF32, {batch, 6, 6, 20});
  schema::ConvT per_channel = same_window();
  per_channel.groups = 20;
  b.step(per_channel, {maps, dw, bias}, {filtered}).post_ops.push_back(post_op(Function::k_add, maps));

  schema::PoolT pool;
  pool.kernel = pool.strides = {2, 2};
  pool.dilations = {1, 1};
  pool.pads_begin = pool.pads_end = {b.number(0).index, b.number(0).index};
  const int32_t pooled = b.arena("pooled", DType::kF32, {batch, 3, 3, 20});
  b.step(pool, {filtered}, {pooled});
  schema::GroupNormT group_norm;
  group_norm.groups = 4;
  group_norm.epsilon = 1e-5f;
  const int32_t normed = b.arena("normed", DType::kF32, {batch, 3, 3, 20});
  b.step(group_norm, {pooled, bias, bias}, {normed});

  const int32_t flat = b.view("flat", normed, {batch, 180});
  const kernels::PackedMatrix matrix{Packing::kN16K1, 1, 180, 16};
  std::vector<std::byte> packed(static_cast<std::size_t>(matrix.bytes()));
  kernels::pack_matrix(matrix, {0, 16, 1}, ramp(180 * 16).data(), packed.data());
  const int32_t dense = b.constant("gemm.weights", DType::kF32, {180, 16}, packed, Packing::kN16K1);
  const int32_t features = b.arena("features", DType::kF32, {batch, 16});
  schema::GemmT gemm;
  gemm.k = 180;
  gemm.n = 16;
  b.step(gemm, {flat, dense, -1}, {features}).post_ops.push_back(post_op(Function::k_gelu_erf));
  schema::EltwiseT chain;
  for (const Function function : {Function::k_sigmoid, Function::k_mul}) {
    auto row = std::make_unique<schema::FunctionInstructionT>();
    row->function = static_cast<uint16_t>(function);
    row->b = 2;  // the result of the first instruction, of x and the constant
    chain.instructions.push_back(std::move(row));
  }
  const int32_t ones = b.constant<float>("ones", {16}, ramp(16));
  const int32_t gated = b.arena("gated", DType::kF32, {batch, 16}),
                centred = b.arena("centred", DType::kF32, {batch, 16});
  b.step(chain, {features, ones}, {gated});
  schema::LayerNormT layer_norm;
  layer_norm.axis = 1;
  layer_norm.epsilon = 1e-5f;
  b.step(layer_norm, {gated, ones, ones}, {centred});

  const int32_t tokens = b.view("tokens", centred, {batch, 4, 4});
  schema::AttentionT attention;
  attention.heads = attention.kv_heads = 2;
  attention.scale = 0.5f;
  const int32_t attended = b.arena("attended", DType::kF32, {batch, 4, 4}),
                scores = b.arena("scores", DType::kF32, {batch, 4, 4});
  b.step(attention, {tokens, tokens, tokens}, {attended});
  schema::MatMulT matmul;
  matmul.transpose_b = true;
  b.step(matmul, {attended, tokens}, {scores});
  schema::SoftmaxT softmax;
  softmax.axis = 2;
  const int32_t weights = b.arena("weights", DType::kF32, {batch, 4, 4}), y = b.output("y", DType::kF32, {batch, 4});
  b.step(softmax, {scores}, {weights});
  schema::ReduceT reduce;
  reduce.kind = schema::ReduceKind::Max;
  reduce.axes = {2};
  b.step(reduce, {weights}, {y});

  const int32_t q = b.input("q", DType::kU8, {batch, 6, 6, 3}), z = b.output("z", DType::kU8, {batch, 6, 6, 5});
  const std::vector<int8_t> small(5 * 3 * 9, 3);
  const int32_t qw = conv_weights(b, "integer.weights", packed_window(Packing::kN16K4, 3, 5), small.data());
  const int32_t scale = b.constant<float>("integer.multipliers", {5}, std::vector<float>(5, 0.01f));
  const int32_t integer_bias = b.constant<int32_t>("integer.bias", {5}, std::vector<int32_t>(5, -100));
  schema::ConvT integer = same_window();
  integer.requantize = std::make_unique<schema::RequantizeT>();
  integer.requantize->multipliers = scale;
  integer.requantize->src_zero_point = 3;
  b.step(integer, {q, qw, integer_bias}, {z});
  return b;
}

}  // namespace tegula::test
