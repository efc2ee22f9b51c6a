// Gemm and matrix products of u8 by s8 and of bf16 as steps, through the public API, for any number of threads.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "kernels/float16.h"
#include "kernels/gemm/pack.h"
#include "kernels/gemm/quantized_reference.h"
#include "kernels/gemm/weight_only_reference.h"
#include "tests/runtime/run_program.h"

namespace tegula {
namespace {

using test::message_of;
using test::ProgramBuilder;
using test::Tensor;

constexpr int64_t kM = 37, kK = 51, kN = 35;

template <typename T>
void fill(std::mt19937& random, std::vector<T>& elements) {
  for (T& e : elements) e = static_cast<T>(random());
}

TEST(TypedProductSteps, GemmWithZeroPointsAndScalesByRow) {
  std::mt19937 random(1);
  std::vector<int8_t> weights(kK * kN);
  fill(random, weights);
  std::vector<float> multipliers;
  std::vector<int32_t> bias, sums(kN, 0);
  for (int64_t n = 0; n < kN; ++n) {
    multipliers.push_back(1e-3f * static_cast<float>(1 + random() % 9));
    bias.push_back(static_cast<int32_t>(random() % 4000) - 2000);
    for (int64_t k = 0; k < kK; ++k) sums[static_cast<std::size_t>(n)] += weights[static_cast<std::size_t>(k * kN + n)];
  }
  ProgramBuilder b;
  const int32_t x = b.input("x", DType::kU8, {kM, kK}), zero_points = b.input("z", DType::kS32, {kM}),
                scales = b.input("s", DType::kF32, {kM}), y = b.output("y", DType::kU8, {kM, kN});
  const kernels::PackedMatrix packed{Packing::kN16K4, 1, kK, kN};
  std::vector<std::byte> bytes(static_cast<std::size_t>(packed.bytes()));
  pack_matrix(packed, {0, kN, 1}, weights.data(), bytes.data());
  const int32_t w = b.constant("w", DType::kS8, {kK, kN}, bytes, Packing::kN16K4);
  const int32_t bias_value = b.constant<int32_t>("bias", {kN}, bias);
  schema::GemmT gemm;
  gemm.k = kK;
  gemm.n = kN;
  gemm.requantize = std::make_unique<schema::RequantizeT>();
  gemm.requantize->multipliers = b.constant<float>("multipliers", {kN}, multipliers);
  gemm.requantize->weight_sums = b.constant<int32_t>("sums", {kN}, sums);
  gemm.requantize->src_zero_point_value = zero_points;
  gemm.requantize->src_scale_value = scales;
  gemm.requantize->dst_zero_point = 100;
  b.step(gemm, {x, w, bias_value}, {y});
  const auto file = b.file();
  const Program program = test::open_program(file);
  for (const int threads : {1, 3}) {
    Instance instance = test::make_instance(program, threads);
    Tensor<uint8_t> in({kM, kK}), out({kM, kN}), want({kM, kN});
    Tensor<int32_t> z({kM});
    Tensor<float> s({kM});
    fill(random, in.elements);
    for (int32_t& e : z.elements) e = static_cast<int32_t>(random() % 256);
    for (float& e : s.elements) e = 0.5f + static_cast<float>(random() % 100) / 100;
    ASSERT_EQ(message_of(instance.run(std::vector<NamedInput>{{"x", in.in()}, {"z", z.in()}, {"s", s.in()}},
                                      std::vector<NamedOutput>{{"y", out.out()}})),
              "ok");
    kernels::QuantizedMatMul product;
    const Dims a_dims{kM, kK}, b_dims{kK, kN}, c_dims{kM, kN};
    product.a = kernels::TensorView::contiguous(DType::kU8, a_dims, in.elements.data());
    product.b = kernels::TensorView::contiguous(DType::kS8, b_dims, weights.data());
    product.dst = kernels::TensorView::contiguous(DType::kU8, c_dims, want.elements.data());
    product.bias = bias.data();
    product.src_zero_points = z.elements.data();
    product.src_scales = s.elements.data();
    product.zero_point_per_row = product.scale_per_row = true;
    product.multipliers = multipliers.data();
    product.multiplier_per_channel = true;
    product.dst_zero_point = 100;
    quantized_matmul_reference(product);
    EXPECT_EQ(out.elements, want.elements);
  }
}

struct WeightOnlyStep {
  DType src = DType::kF32;
  bool scales = true;
  DType scale_type = DType::kF32;
  int64_t scale_count = kN;
};

/// y = (x * weights) * scales + bias.
std::vector<std::byte> weight_only_file(const WeightOnlyStep& what, const std::vector<int8_t>& weights,
                                        const std::vector<float>& scales, const std::vector<float>& bias) {
  ProgramBuilder b;
  const int32_t x = b.input("x", what.src, {kM, kK}), y = b.output("y", DType::kF32, {kM, kN});
  const kernels::PackedMatrix packed{Packing::kN16K4, 1, kK, kN};
  std::vector<std::byte> bytes(static_cast<std::size_t>(packed.bytes()));
  pack_matrix(packed, {0, kN, 1}, weights.data(), bytes.data());
  const int32_t w = b.constant("w", DType::kS8, {kK, kN}, bytes, Packing::kN16K4);
  schema::GemmT gemm;
  gemm.k = kK;
  gemm.n = kN;
  if (what.scales && what.scale_type == DType::kF32)
    gemm.weight_scales = b.constant<float>("scales", {what.scale_count}, scales);
  else if (what.scales)
    gemm.weight_scales = b.constant<int32_t>("scales", {kN}, std::vector<int32_t>(kN, 1));
  b.step(gemm, {x, w, b.constant<float>("bias", {kN}, bias)}, {y});
  return b.file();
}

TEST(TypedProductSteps, GemmOfRealRowsAndWeightsOfS8) {
  std::mt19937 random(3);
  std::vector<int8_t> weights(kK * kN);
  fill(random, weights);
  std::vector<float> scales, bias;
  for (int64_t n = 0; n < kN; ++n) {
    scales.push_back(1e-2f * static_cast<float>(1 + random() % 99));
    bias.push_back(static_cast<float>(random() % 99));
  }
  const Dims a_dims{kM, kK}, b_dims{kK, kN}, c_dims{kM, kN};
  const auto file = weight_only_file({}, weights, scales, bias);
  const Program program = test::open_program(file);
  for (const int threads : {1, 3}) {
    Instance instance = test::make_instance(program, threads);
    Tensor<float> in(a_dims), out(c_dims), want(c_dims);
    for (float& e : in.elements) e = static_cast<float>(random() % 1999) / 7;
    ASSERT_EQ(
        message_of(instance.run(std::vector<NamedInput>{{"x", in.in()}}, std::vector<NamedOutput>{{"y", out.out()}})),
        "ok");
    kernels::weight_only_matmul_reference(
        {.a = kernels::TensorView::contiguous(DType::kF32, a_dims, in.elements.data()),
         .b = kernels::TensorView::contiguous(DType::kS8, b_dims, weights.data()),
         .dst = kernels::TensorView::contiguous(DType::kF32, c_dims, want.elements.data()),
         .scales = scales.data(),
         .scale_per_channel = true,
         .bias = bias.data()});
    EXPECT_EQ(out.elements, want.elements);
  }
}

TEST(TypedProductSteps, WeightsOfS8NeedScalesThatFit) {
  const std::vector<int8_t> weights(kK * kN);
  const std::vector<float> scales(kN, 1.0f), bias(kN, 0.0f);
  const auto refusal = [&](const WeightOnlyStep& what) {
    std::vector<float> some(scales.begin(), scales.begin() + static_cast<std::ptrdiff_t>(what.scale_count));
    const auto file = weight_only_file(what, weights, some, bias);
    const auto program = Program::open(file);
    if (!program.ok()) return program.error().message;
    Instance instance = test::make_instance(*program);
    return message_of(instance.prepare(std::vector<NamedInput>{{"x", {what.src, {kM, kK}, nullptr}}}));
  };
  EXPECT_NE(refusal({.scales = false}).find("without scales of the weights"), std::string::npos);
  EXPECT_NE(refusal({.scale_type = DType::kS32}).find("scales of weights of s32[35] for 35 channels"),
            std::string::npos);
  EXPECT_NE(refusal({.scale_count = 7}).find("scales of weights of f32[7] for 35 channels"), std::string::npos);
  EXPECT_NE(refusal({.src = DType::kU8}).find("without multipliers"), std::string::npos);
}

TEST(TypedProductSteps, MatMulOfTwoQuantizedActivations) {
  for (const bool transposed : {false, true}) {
    ProgramBuilder b;
    const Dims a_dims{2, kM, kK}, b_dims = transposed ? Dims{2, kN, kK} : Dims{2, kK, kN}, c_dims{2, kM, kN};
    const int32_t x = b.input("x", DType::kU8, {2, kM, kK}),
                  w = transposed ? b.input("w", DType::kS8, {2, kN, kK}) : b.input("w", DType::kS8, {2, kK, kN}),
                  y = b.output("y", DType::kF32, {2, kM, kN});
    std::vector<int32_t> zeros(kN, 0);
    std::vector<float> one{0.01f};
    schema::MatMulT matmul;
    matmul.transpose_b = transposed;
    matmul.requantize = std::make_unique<schema::RequantizeT>();
    matmul.requantize->multipliers = b.constant<float>("multipliers", {1}, one);
    b.step(matmul, {x, w}, {y});
    const auto file = b.file();
    const Program program = test::open_program(file);
    std::mt19937 random(2);
    for (const int threads : {1, 3}) {
      Instance instance = test::make_instance(program, threads);
      Tensor<uint8_t> left(a_dims);
      Tensor<int8_t> right(b_dims);
      Tensor<float> out(c_dims), want(c_dims);
      fill(random, left.elements);
      fill(random, right.elements);
      ASSERT_EQ(message_of(instance.run(std::vector<NamedInput>{{"x", left.in()}, {"w", right.in()}},
                                        std::vector<NamedOutput>{{"y", out.out()}})),
                "ok");
      kernels::QuantizedMatMul product;
      product.transpose_b = transposed;
      product.a = kernels::TensorView::contiguous(DType::kU8, a_dims, left.elements.data());
      product.b = kernels::TensorView::contiguous(DType::kS8, b_dims, right.elements.data());
      product.dst = kernels::TensorView::contiguous(DType::kF32, c_dims, want.elements.data());
      product.multipliers = one.data();
      quantized_matmul_reference(product);
      EXPECT_EQ(out.elements, want.elements);
    }
  }
}

}  // namespace
}  // namespace tegula
