// Steps of gemm, matrix products and convolutions, through the public API and against the plain-loop references.
#include <gtest/gtest.h>

#include <random>

#include "kernels/conv/reference.h"
#include "kernels/gemm/pack.h"
#include "kernels/gemm/reference.h"
#include "tests/runtime/run_program.h"

namespace tegula {
namespace {

using kernels::TensorView;
using test::make_instance;
using test::message_of;
using test::open_program;
using test::ProgramBuilder;
using test::Tensor;

Tensor<float> random_tensor(const Dims& dims, unsigned seed) {
  Tensor<float> tensor(dims);
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  for (float& x : tensor.elements) x = uniform(random);
  return tensor;
}

TensorView view(Tensor<float>& tensor) {
  return TensorView::contiguous(DType::kF32, tensor.dims, tensor.elements.data());
}

std::vector<std::byte> packed_matrix(const Tensor<float>& weights, int64_t k, int64_t n) {
  const kernels::PackedMatrix layout{Packing::kN16K1, 1, k, n};
  std::vector<std::byte> bytes(static_cast<std::size_t>(layout.bytes()));
  kernels::pack_matrix(layout, {0, n, 1}, weights.elements.data(), bytes.data());
  return bytes;
}

schema::PostOpT post_op(Function function, int32_t operand = -1) {
  schema::PostOpT row;
  row.function = static_cast<uint16_t>(function);
  row.operand = operand;
  return row;
}

void add_post_op(schema::StepT& step, const schema::PostOpT& row) {
  step.post_ops.push_back(std::make_unique<schema::PostOpT>(row));
}

kernels::PostOpDesc described(Function function, kernels::OperandKind kind = kernels::OperandKind::kNone) {
  kernels::PostOpDesc desc;
  desc.function = function;
  desc.operand = kind;
  return desc;
}

constexpr int64_t kK = 37, kN = 50;

/// y = relu(x * w + b + r), x [batch, 3, k].
std::vector<std::byte> gemm_program(const Tensor<float>& weights, const Tensor<float>& bias, uint64_t n = kN) {
  ProgramBuilder b;
  const auto batch = b.symbol("batch", 0, 1000);
  const int32_t x = b.input("x", DType::kF32, {batch, 3, kK}), r = b.input("r", DType::kF32, {batch, 3, kN});
  const int32_t y = b.output("y", DType::kF32, {batch, 3, kN});
  const int32_t w = b.constant("w", DType::kF32, {kK, kN}, packed_matrix(weights, kK, kN), Packing::kN16K1);
  const int32_t bias_value = b.constant("b", {kN}, bias.elements);
  schema::GemmT gemm;
  gemm.k = kK;
  gemm.n = n;
  schema::StepT& step = b.step(gemm, {x, w, bias_value}, {y});
  add_post_op(step, post_op(Function::k_add, r));
  add_post_op(step, post_op(Function::k_relu));
  return b.file();
}

TEST(GemmStep, GivesTheReferencesBitsForAnyBatchAndThreads) {
  Tensor<float> weights = random_tensor({kK, kN}, 1), bias = random_tensor({kN}, 2);
  const auto file = gemm_program(weights, bias);
  const Program program = open_program(file);
  kernels::MatMulDesc desc;
  desc.epilogue.bias = true;
  desc.epilogue.post_ops = {described(Function::k_add, kernels::OperandKind::kTensor), described(Function::k_relu)};
  for (const int threads : {1, 2}) {
    Instance instance = make_instance(program, threads);
    for (const int64_t batch : {0, 1, 5, 200}) {
      Tensor<float> x = random_tensor({batch, 3, kK}, 3), r = random_tensor({batch, 3, kN}, 4);
      Tensor<float> y({batch, 3, kN}), want({batch, 3, kN});
      ASSERT_EQ(message_of(instance.run(std::vector<NamedInput>{{"x", x.in()}, {"r", r.in()}},
                                        std::vector<NamedOutput>{{"y", y.out()}})),
                "ok");
      const TensorView operands[] = {view(r)};
      matmul_reference(desc, 1, view(x), view(weights), view(bias), operands, view(want));
      EXPECT_EQ(y.elements, want.elements) << "batch " << batch << ", " << threads << " threads";
    }
  }
}

/// t = x * w; u = src * w + t; y = -u, with src either x or t: squares of kK.
std::vector<std::byte> residual_program(const Tensor<float>& weights, bool multiplies_residual) {
  ProgramBuilder b;
  const auto rows = b.symbol("rows", 0, 1000);
  const int32_t x = b.input("x", DType::kF32, {rows, kK}), y = b.output("y", DType::kF32, {rows, kK});
  const int32_t t = b.arena("t", DType::kF32, {rows, kK}), u = b.arena("u", DType::kF32, {rows, kK});
  const int32_t w = b.constant("w", DType::kF32, {kK, kK}, packed_matrix(weights, kK, kK), Packing::kN16K1);
  schema::GemmT gemm;
  gemm.k = gemm.n = kK;
  b.step(gemm, {x, w}, {t});
  add_post_op(b.step(gemm, {multiplies_residual ? t : x, w}, {u}), post_op(Function::k_add, t));
  schema::EltwiseT negative;
  negative.instructions.push_back(std::make_unique<schema::FunctionInstructionT>());
  negative.instructions.back()->function = static_cast<uint16_t>(Function::k_neg);
  b.step(std::move(negative), {u}, {y});
  return b.file();
}

TEST(GemmStep, TakesOverTheMemoryOfAResidualThatNobodyElseReads) {
  Tensor<float> weights = random_tensor({kK, kK}, 1);
  kernels::MatMulDesc desc, residual;
  residual.epilogue.post_ops = {described(Function::k_add, kernels::OperandKind::kTensor)};
  for (const bool multiplies_residual : {false, true}) {
    const auto file = residual_program(weights, multiplies_residual);
    const Program program = open_program(file);
    for (const int64_t rows : {1, 64, 700}) {
      Instance instance = make_instance(program, 2);
      Tensor<float> x = random_tensor({rows, kK}, 3), y({rows, kK}), t({rows, kK}), want({rows, kK});
      ASSERT_EQ(
          message_of(instance.run(std::vector<NamedInput>{{"x", x.in()}}, std::vector<NamedOutput>{{"y", y.out()}})),
          "ok");
      matmul_reference(desc, 1, view(x), view(weights), {}, {}, view(t));
      const TensorView operands[] = {view(t)};
      matmul_reference(residual, 1, view(multiplies_residual ? t : x), view(weights), {}, operands, view(want));
      for (float& element : want.elements) element = -element;
      EXPECT_EQ(y.elements, want.elements) << rows << " rows";
      const auto bytes = (static_cast<uint64_t>(rows * kK) * 4 + 63) / 64 * 64;
      EXPECT_EQ(instance.memory().arena_bytes, multiplies_residual ? 2 * bytes : bytes) << rows << " rows";
    }
  }
}

TEST(GemmStep, RefusesWeightsOfOtherSizes) {
  const Tensor<float> weights = random_tensor({kK, kN}, 1), bias = random_tensor({kN}, 2);
  const auto file = gemm_program(weights, bias, kN + 1);
  Instance instance = make_instance(open_program(file));
  Tensor<float> x({1, 3, kK}), r({1, 3, kN}), y({1, 3, kN});
  const Status status =
      instance.run(std::vector<NamedInput>{{"x", x.in()}, {"r", r.in()}}, std::vector<NamedOutput>{{"y", y.out()}});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kInvalidFile);
}

TEST(MatMulStep, BroadcastsBatchesAndTransposes) {
  ProgramBuilder b;
  const auto batch = b.symbol("batch", 1, 64), length = b.symbol("length", 0, 1000);
  const int32_t a = b.input("a", DType::kF32, {batch, 2, length, 9}), c = b.input("c", DType::kF32, {2, length, 9});
  const int32_t y = b.output("y", DType::kF32, {batch, 2, length, length});
  schema::MatMulT attributes;
  attributes.transpose_b = true;
  attributes.alpha = 0.25f;
  b.step(attributes, {a, c}, {y});
  const auto file = b.file();
  const Program program = open_program(file);
  Instance instance = make_instance(program, 2);
  kernels::MatMulDesc desc;
  desc.transpose_b = true;
  desc.epilogue.alpha = true;
  for (const int64_t n : {0, 1, 40}) {
    Tensor<float> left = random_tensor({3, 2, n, 9}, 1), right = random_tensor({2, n, 9}, 2);
    Tensor<float> got({3, 2, n, n}), want({3, 2, n, n});
    ASSERT_EQ(message_of(instance.run(std::vector<NamedInput>{{"a", left.in()}, {"c", right.in()}},
                                      std::vector<NamedOutput>{{"y", got.out()}})),
              "ok");
    matmul_reference(desc, 0.25f, view(left), view(right), {}, {}, view(want));
    EXPECT_EQ(got.elements, want.elements);
  }
}

/// One convolution in each way of storing its weights.
struct ConvCase {
  int64_t ic, oc, groups, kernel, stride, pad;
  Packing packing;
};

schema::ConvT conv_attributes(const ConvCase& c) {
  const auto twice = [](int64_t value) { return std::vector<uint64_t>(2, static_cast<uint64_t>(value)); };
  schema::ConvT conv;
  conv.kernel = twice(c.kernel);
  conv.strides = twice(c.stride);
  conv.dilations = twice(1);
  conv.pads_begin = conv.pads_end = {c.pad, c.pad};
  conv.groups = static_cast<uint64_t>(c.groups);
  return conv;
}

int32_t add_weights(ProgramBuilder& b, const ConvCase& c, const Tensor<float>& weights) {
  if (c.packing == Packing::kPlain) return b.constant("w", weights.dims, weights.elements);
  std::vector<std::byte> bytes;
  if (c.packing == Packing::kDepthwise) {
    const kernels::PackedDepthwise layout{c.groups, c.kernel * c.kernel, 4};
    bytes.resize(static_cast<std::size_t>(layout.bytes()));
    pack_depthwise(layout, weights.elements.data(), bytes.data());
    return b.constant("w", DType::kF32, {layout.taps, c.groups}, bytes, c.packing);
  }
  const kernels::PackedConv layout{c.packing, c.groups, 1, c.oc / c.groups, c.ic / c.groups, 1, c.kernel, c.kernel};
  bytes.resize(static_cast<std::size_t>(layout.bytes()));
  pack_conv(layout, weights.elements.data(), bytes.data());
  const kernels::PackedMatrix block = layout.block();
  return b.constant("w", DType::kF32, {layout.blocks(), block.taps, block.k, block.n}, bytes, c.packing);
}

/// [n, h, w, c] as [n, c, h, w].
TensorView channels_first(const TensorView& nhwc) {
  const int order[] = {0, 3, 1, 2};
  return nhwc.permuted(order);
}

void check_conv(const ConvCase& c) {
  Tensor<float> weights = random_tensor({c.oc, c.ic / c.groups, c.kernel, c.kernel}, 1),
                bias = random_tensor({c.oc}, 2);
  ProgramBuilder b;
  const auto batch = b.symbol("batch", 1, 64), height = b.symbol("height", 1, 1000);
  const auto room = b.expression(ExprOp::kAdd, height, 2 * c.pad - c.kernel);
  const auto out = b.expression(ExprOp::kAdd, b.expression(ExprOp::kFloorDiv, room, c.stride), 1);
  const int64_t width = 11, out_width = (width + 2 * c.pad - c.kernel) / c.stride + 1;
  const int32_t x = b.input("x", DType::kF32, {batch, height, width, c.ic});
  const int32_t r = b.input("r", DType::kF32, {batch, out, out_width, c.oc});
  // The result is the second half of the channels of y.
  const int32_t y = b.output("y", DType::kF32, {batch, out, out_width, 2 * c.oc});
  const auto row = b.number(2 * c.oc * out_width);
  const auto image = b.expression(ExprOp::kMul, row, out);
  const int32_t half = b.view("half", y, {batch, out, out_width, c.oc}, c.oc, {image, row, 2 * c.oc, 1});
  const int32_t other = b.view("other", y, {batch, out, out_width, c.oc}, 0, {image, row, 2 * c.oc, 1});
  schema::StepT& step =
      b.step(conv_attributes(c), {x, add_weights(b, c, weights), b.constant("b", {c.oc}, bias.elements)}, {half});
  add_post_op(step, post_op(Function::k_relu));
  add_post_op(step, post_op(Function::k_mul, r));
  b.step(schema::CopyT{}, {r}, {other});
  const auto file = b.file();
  const Program program = open_program(file);

  kernels::ConvDesc desc{{c.stride, c.stride}, {1, 1}, {c.pad, c.pad}, c.groups, {}};
  desc.epilogue.bias = true;
  desc.epilogue.post_ops = {described(Function::k_relu), described(Function::k_mul, kernels::OperandKind::kTensor)};
  for (const int64_t h : {7, 12}) {
    Instance instance = make_instance(program, 2);
    const int64_t out_height = (h + 2 * c.pad - c.kernel) / c.stride + 1;
    Tensor<float> src = random_tensor({2, h, width, c.ic}, 3),
                  residual = random_tensor({2, out_height, out_width, c.oc}, 4);
    Tensor<float> got({2, out_height, out_width, 2 * c.oc}), want(got.dims);
    ASSERT_EQ(message_of(instance.run(std::vector<NamedInput>{{"x", src.in()}, {"r", residual.in()}},
                                      std::vector<NamedOutput>{{"y", got.out()}})),
              "ok");
    TensorView dst = view(want);
    dst.dims[3] = c.oc;
    TensorView first = dst;
    dst.data += c.oc * static_cast<int64_t>(sizeof(float));
    const TensorView operands[] = {channels_first(view(residual))};
    conv_reference(desc, 1, channels_first(view(src)), view(weights), view(bias), operands, channels_first(dst));
    const TensorView from = view(residual);
    kernels::OffsetWalk<2> walk(first.shape(), {&from, &first});
    for (int64_t i = 0; i < walk.count(); ++i, walk.next())
      first.as<float>()[walk.offset(1)] = from.as<float>()[walk.offset(0)];
    EXPECT_EQ(got.elements, want.elements) << "packing " << static_cast<int>(c.packing) << " kernel " << c.kernel;
  }
}

TEST(ConvStep, GivesTheReferencesBitsWithEachPacking) {
  check_conv({8, 20, 1, 3, 1, 1, Packing::kN16K1});
  check_conv({8, 20, 1, 1, 1, 0, Packing::kN16K1});
  check_conv({3, 20, 1, 5, 2, 2, Packing::kN16K1});
  check_conv({12, 24, 4, 3, 2, 1, Packing::kN16K1});
  check_conv({20, 20, 20, 3, 2, 1, Packing::kDepthwise});
  check_conv({6, 10, 2, 3, 1, 1, Packing::kPlain});
}

TEST(ConvStep, RefusesWhatDoesNotFit) {
  const ConvCase c{8, 20, 1, 3, 1, 1, Packing::kN16K1};
  const Tensor<float> weights = random_tensor({20, 8, 3, 3}, 1);
  const auto message = [&](auto&& change, int64_t out_size) {
    ProgramBuilder b;
    const int32_t x = b.input("x", DType::kF32, {1, 6, 6, 8}), y = b.output("y", DType::kF32, {1, out_size, 6, 20});
    schema::ConvT conv = conv_attributes(c);
    change(conv);
    b.step(conv, {x, add_weights(b, c, weights)}, {y});
    const auto file = b.file();
    const Result<Program> program = Program::open(file);
    if (!program.ok()) return program.error().message;
    Instance instance = make_instance(*program);
    Tensor<float> src({1, 6, 6, 8}), dst({1, out_size, 6, 20});
    return message_of(
        instance.run(std::vector<NamedInput>{{"x", src.in()}}, std::vector<NamedOutput>{{"y", dst.out()}}));
  };
  EXPECT_EQ(message([](schema::ConvT&) {}, 6), "ok");
  EXPECT_NE(message([](schema::ConvT&) {}, 7), "ok");
  EXPECT_NE(message([](schema::ConvT& conv) { conv.kernel = {3}; }, 6), "ok");
  EXPECT_NE(message([](schema::ConvT& conv) { conv.kernel = {3, 0}; }, 6), "ok");
  EXPECT_NE(message([](schema::ConvT& conv) { conv.strides = {0, 1}; }, 6), "ok");
  EXPECT_NE(message([](schema::ConvT& conv) { conv.dilations = {UINT64_MAX, 1}; }, 6), "ok");
  EXPECT_NE(message([](schema::ConvT& conv) { conv.pads_begin = {INT64_MAX, 1}; }, 6), "ok");
  EXPECT_NE(message([](schema::ConvT& conv) { conv.kernel = {uint64_t{1} << 30, uint64_t{1} << 30}; }, 6), "ok");
  EXPECT_NE(message([](schema::ConvT& conv) { conv.groups = 0; }, 6), "ok");
  EXPECT_NE(message([](schema::ConvT& conv) { conv.groups = 3; }, 6), "ok");
  EXPECT_NE(message([](schema::ConvT& conv) { conv.groups = 2; }, 6), "ok");
  EXPECT_NE(message([](schema::ConvT& conv) { conv.groups_per_block = 0; }, 6), "ok");
}

}  // namespace
}  // namespace tegula
