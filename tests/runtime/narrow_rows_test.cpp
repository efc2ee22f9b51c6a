// Softmax, layer norm, attention and embeddings of bf16 and quantized values, through the public API: the fp32 plain
// loops on converted operands, to the bit.
#include <gtest/gtest.h>

#include <random>

#include "kernels/attention/attention.h"
#include "kernels/normalize/layer_norm.h"
#include "kernels/quantize/quantized_ends.h"
#include "kernels/softmax/softmax.h"
#include "tests/runtime/run_program.h"

namespace tegula {
namespace {

using kernels::QuantizedOperand;
using kernels::QuantizedResult;
using kernels::TensorView;
using test::message_of;
using test::ProgramBuilder;

/// A tensor of any of the types, with its values as fp32.
struct Operand {
  DType dtype;
  Dims dims;
  std::vector<std::byte> bytes;
  std::vector<float> real;

  Operand(DType type, Dims shape)
      : dtype(type),
        dims(std::move(shape)),
        bytes(static_cast<std::size_t>(element_count(dims)) * size_of(type)),
        real(static_cast<std::size_t>(element_count(dims))) {}

  void fill(std::mt19937& random, const QuantizedOperand& quantization) {
    for (std::size_t i = 0; i < real.size(); ++i) {
      const auto at = static_cast<int64_t>(i);
      if (kernels::is_quantized(dtype)) {
        bytes[i] = static_cast<std::byte>(random());
      } else {
        kernels::store_real(dtype, bytes.data(), at, static_cast<float>(random() % 2000) / 300.0f - 3.0f, {});
      }
      real[i] = kernels::real_at(dtype, bytes.data(), at, quantization);
    }
  }

  /// What these values are as `type`.
  std::vector<std::byte> stored_as(DType type, const QuantizedResult& quantization) const {
    std::vector<std::byte> stored(real.size() * size_of(type));
    for (std::size_t i = 0; i < real.size(); ++i)
      kernels::store_real(type, stored.data(), static_cast<int64_t>(i), real[i], quantization);
    return stored;
  }

  TensorView view() { return TensorView::contiguous(DType::kF32, dims, static_cast<void*>(real.data())); }
  ConstTensorRef in() const { return {dtype, dims, bytes.data()}; }
  TensorRef out() { return {dtype, dims, bytes.data()}; }
};

constexpr QuantizedOperand kFirst{0.03f, 100}, kSecond{0.02f, 7}, kThird{0.01f, 50};
constexpr QuantizedResult kResult{90.0f, 20};

std::unique_ptr<schema::QuantizedEndsT> ends() {
  auto table = std::make_unique<schema::QuantizedEndsT>();
  table->src_scale = kFirst.scale;
  table->src_zero_point = kFirst.zero_point;
  table->second_scale = kSecond.scale;
  table->second_zero_point = kSecond.zero_point;
  table->third_scale = kThird.scale;
  table->third_zero_point = kThird.zero_point;
  table->dst_scale_inverse = kResult.scale_inverse;
  table->dst_zero_point = kResult.zero_point;
  return table;
}

const DType kTypes[] = {DType::kF32, DType::kBF16, DType::kU8, DType::kS8};

TEST(NarrowRows, Softmax) {
  std::mt19937 random(1);
  for (const DType from : kTypes)
    for (const DType to : kTypes) {
      if (from == DType::kF32 && to == DType::kF32) continue;
      ProgramBuilder b;
      const auto rows = b.symbol("rows", 0, 1000);
      const int32_t x = b.input("x", from, {rows, 3, 37}), mask = b.input("mask", DType::kF32, {3, 37}),
                    y = b.output("y", to, {rows, 3, 37});
      schema::SoftmaxT attributes;
      attributes.axis = 2;
      attributes.scale = 0.5f;
      attributes.ends = ends();
      b.step(attributes, {x, mask}, {y});
      const auto file = b.file();
      const Program program = test::open_program(file);
      for (const int threads : {1, 3}) {
        Instance instance = test::make_instance(program, threads);
        Operand src(from, {50, 3, 37}), added(DType::kF32, {3, 37}), dst(to, {50, 3, 37}),
            expected(DType::kF32, {50, 3, 37});
        src.fill(random, kFirst);
        added.fill(random, {});
        ASSERT_EQ(message_of(instance.run(std::vector<NamedInput>{{"x", src.in()}, {"mask", added.in()}},
                                          std::vector<NamedOutput>{{"y", dst.out()}})),
                  "ok");
        const TensorView inputs[] = {src.view(), added.view()}, output = expected.view();
        ASSERT_TRUE(softmax({.axis = 2, .scale = 0.5f}, inputs, {&output, 1}).ok());
        ASSERT_EQ(dst.bytes, expected.stored_as(to, kResult)) << name_of(from) << " to " << name_of(to);
      }
    }
}

TEST(NarrowRows, LayerNorm) {
  std::mt19937 random(2);
  for (const DType from : kTypes)
    for (const DType residual_type : {DType::kF32, DType::kBF16, DType::kU8})
      for (const DType to : kTypes) {
        ProgramBuilder b;
        const int32_t x = b.input("x", from, {40, 70}), scale = b.input("scale", DType::kF32, {70}),
                      bias = b.input("bias", DType::kF32, {70}),
                      residual = b.input("residual", residual_type, {40, 70}), y = b.output("y", to, {40, 70}),
                      sum = b.output("sum", DType::kBF16, {40, 70});
        schema::LayerNormT attributes;
        attributes.axis = 1;
        attributes.epsilon = 1e-5f;
        attributes.ends = ends();
        b.step(attributes, {x, scale, bias, residual}, {y, -1, -1, sum});
        const auto file = b.file();
        const Program program = test::open_program(file);
        Instance instance = test::make_instance(program, 2);
        Operand src(from, {40, 70}), factor(DType::kF32, {70}), offset(DType::kF32, {70}),
            added(residual_type, {40, 70}), dst(to, {40, 70}), total(DType::kBF16, {40, 70}),
            expected(DType::kF32, {40, 70}), expected_sum(DType::kF32, {40, 70});
        src.fill(random, kFirst);
        factor.fill(random, {});
        offset.fill(random, {});
        added.fill(random, kSecond);
        ASSERT_EQ(message_of(instance.run(
                      std::vector<NamedInput>{
                          {"x", src.in()}, {"scale", factor.in()}, {"bias", offset.in()}, {"residual", added.in()}},
                      std::vector<NamedOutput>{{"y", dst.out()}, {"sum", total.out()}})),
                  "ok");
        const TensorView inputs[] = {src.view(), factor.view(), offset.view(), added.view()};
        const TensorView outputs[] = {expected.view(), TensorView(), TensorView(), expected_sum.view()};
        ASSERT_TRUE(layer_norm({.axis = 1, .epsilon = 1e-5f}, inputs, outputs).ok());
        ASSERT_EQ(dst.bytes, expected.stored_as(to, kResult)) << name_of(from) << " to " << name_of(to);
        ASSERT_EQ(total.bytes, expected_sum.stored_as(DType::kBF16, {}));
      }
}

TEST(NarrowRows, Attention) {
  std::mt19937 random(3);
  for (const DType type : {DType::kBF16, DType::kU8, DType::kS8})
    for (const bool has_mask : {false, true}) {
      ProgramBuilder b;
      const auto seq = b.symbol("seq", 1, 1000);
      const int32_t q = b.input("q", type, {2, seq, 4 * 16}), k = b.input("k", type, {2, seq, 2 * 16}),
                    v = b.input("v", type, {2, seq, 2 * 24}), mask = b.input("mask", DType::kF32, {2, 1, 1, seq}),
                    y = b.output("y", type, {2, seq, 4 * 24});
      schema::AttentionT attributes;
      attributes.heads = 4;
      attributes.kv_heads = 2;
      attributes.scale = 0.25f;
      attributes.causal = !has_mask;
      attributes.ends = ends();
      b.step(attributes, {q, k, v, has_mask ? mask : -1}, {y});
      const auto file = b.file();
      const Program program = test::open_program(file);
      for (const int threads : {1, 3}) {
        Instance instance = test::make_instance(program, threads);
        Operand query(type, {2, 33, 64}), key(type, {2, 33, 32}), value(type, {2, 33, 48}),
            added(DType::kF32, {2, 1, 1, 33}), dst(type, {2, 33, 96}), expected(DType::kF32, {2, 33, 96});
        query.fill(random, kFirst);
        key.fill(random, kSecond);
        value.fill(random, kThird);
        added.fill(random, {});
        ASSERT_EQ(
            message_of(instance.run(
                std::vector<NamedInput>{{"q", query.in()}, {"k", key.in()}, {"v", value.in()}, {"mask", added.in()}},
                std::vector<NamedOutput>{{"y", dst.out()}})),
            "ok");
        const TensorView inputs[] = {query.view(), key.view(), value.view(), has_mask ? added.view() : TensorView()};
        const TensorView output = expected.view();
        ASSERT_TRUE(
            attention({.heads = 4, .kv_heads = 2, .scale = 0.25f, .causal = !has_mask}, inputs, {&output, 1}).ok());
        ASSERT_EQ(dst.bytes, expected.stored_as(type, kResult)) << name_of(type);
      }
    }
}

TEST(NarrowRows, Embedding) {
  std::mt19937 random(4);
  for (const DType from : {DType::kU8, DType::kS8})
    for (const DType to : {DType::kF32, DType::kBF16})
      for (const int64_t scales : {int64_t{1}, int64_t{30}}) {
        ProgramBuilder b;
        const int32_t x = b.input("x", from, {30, 45}), indices = b.input("indices", DType::kS64, {4, 5}),
                      scale = b.input("scale", DType::kF32, {scales}), zero = b.input("zero", from, {scales}),
                      y = b.output("y", to, {4, 5, 45});
        b.step(schema::GatherT(), {x, indices, scale, zero}, {y});
        const auto file = b.file();
        const Program program = test::open_program(file);
        Instance instance = test::make_instance(program, 1);
        Operand src(from, {30, 45}), factor(DType::kF32, {scales}), zeros(from, {scales}), dst(to, {4, 5, 45});
        src.fill(random, {});
        factor.fill(random, {});
        zeros.fill(random, {});
        test::Tensor<int64_t> rows({4, 5});
        for (int64_t& row : rows.elements) row = static_cast<int64_t>(random() % 60) - 30;
        const auto run = [&] {
          return message_of(instance.run(
              std::vector<NamedInput>{
                  {"x", src.in()}, {"indices", rows.in()}, {"scale", factor.in()}, {"zero", zeros.in()}},
              std::vector<NamedOutput>{{"y", dst.out()}}));
        };
        ASSERT_EQ(run(), "ok");
        Operand expected(DType::kF32, {4, 5, 45});
        for (std::size_t i = 0; i < 20; ++i) {
          const auto row = static_cast<std::size_t>(rows.elements[i] < 0 ? rows.elements[i] + 30 : rows.elements[i]);
          const std::size_t parameters = scales == 1 ? 0 : row;
          const QuantizedOperand quantization{factor.real[parameters], static_cast<int32_t>(zeros.real[parameters])};
          for (std::size_t c = 0; c < 45; ++c)
            expected.real[i * 45 + c] =
                kernels::real_at(from, src.bytes.data(), static_cast<int64_t>(row * 45 + c), quantization);
        }
        ASSERT_EQ(dst.bytes, expected.stored_as(to, {}));
        rows.elements[7] = 30;
        EXPECT_NE(run().find("30"), std::string::npos);
      }
}

TEST(NarrowRows, RefusesScalesAndTypesThatMakeNoSense) {
  const auto message = [](DType from, DType to, float scale, int32_t zero_point, uint32_t axis) {
    ProgramBuilder b;
    const int32_t x = b.input("x", from, {4, 5}), y = b.output("y", to, {4, 5});
    schema::SoftmaxT attributes;
    attributes.axis = axis;
    attributes.ends = ends();
    attributes.ends->src_scale = scale;
    attributes.ends->dst_zero_point = zero_point;
    b.step(attributes, {x}, {y});
    const auto file = b.file();
    const Program program = test::open_program(file);
    Instance instance = test::make_instance(program, 1);
    Operand src(from, {4, 5}), dst(to, {4, 5});
    return message_of(
        instance.run(std::vector<NamedInput>{{"x", src.in()}}, std::vector<NamedOutput>{{"y", dst.out()}}));
  };
  EXPECT_EQ(message(DType::kU8, DType::kU8, 1, 0, 1), "ok");
  EXPECT_NE(message(DType::kU8, DType::kU8, 0, 0, 1).find("scale 0"), std::string::npos);
  EXPECT_NE(message(DType::kU8, DType::kU8, 1, 256, 1).find("zero point 256"), std::string::npos);
  EXPECT_NE(message(DType::kS32, DType::kU8, 1, 0, 1).find("src is s32"), std::string::npos);
  EXPECT_NE(message(DType::kU8, DType::kF32, 1, 0, 0).find("contiguous rows"), std::string::npos);
}

}  // namespace
}  // namespace tegula
