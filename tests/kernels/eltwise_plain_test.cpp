// The plain loops of elementwise programs: types, broadcasting, strides, splits, and the rules that generated code has
// no part in (integers, 16-bit floats, casts, powers of mixed types).
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/eltwise/eltwise.h"
#include "kernels/float16.h"
#include "kernels/math/math.h"

namespace tegula::kernels {
namespace {

FunctionInstruction instruction(Function function, uint16_t a = 0, uint16_t b = 1, uint16_t c = 2, float alpha = 0,
                                float beta = 0, DType to = DType::kF32) {
  return {function, a, b, c, alpha, beta, to};
}

FunctionProgram one(Function function, float alpha = 0, float beta = 0, DType to = DType::kF32) {
  return {static_cast<uint16_t>(arity_of(function)), {instruction(function, 0, 1, 2, alpha, beta, to)}};
}

struct Tensor {
  DType dtype;
  Dims dims;
  std::vector<std::byte> bytes;

  TensorView view() { return TensorView::contiguous(dtype, dims, static_cast<void*>(bytes.data())); }
};

template <typename T>
Tensor tensor(Dims dims, const std::vector<T>& values) {
  Tensor t{dtype_of<T>::value, std::move(dims), std::vector<std::byte>(values.size() * sizeof(T))};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const T value = values[i];  // vector<bool> has no data()
    std::memcpy(t.bytes.data() + i * sizeof(T), &value, sizeof(T));
  }
  return t;
}

template <typename T>
std::vector<T> run(const FunctionProgram& program, std::vector<Tensor> inputs, const Dims& dims) {
  Tensor out{dtype_of<T>::value, dims,
             std::vector<std::byte>(static_cast<std::size_t>(element_count(dims)) * sizeof(T))};
  std::vector<TensorView> views;
  for (Tensor& input : inputs) views.push_back(input.view());
  const Status checked = check_eltwise(program, views, out.view());
  EXPECT_TRUE(checked.ok()) << (checked.ok() ? "" : checked.error().message);
  if (!checked.ok() || !eltwise_reference(program, views, out.view()).ok()) return {};
  std::vector<T> result;
  for (std::size_t i = 0; i < out.bytes.size(); i += sizeof(T)) {
    T value;
    std::memcpy(&value, out.bytes.data() + i, sizeof(T));
    result.push_back(value);
  }
  return result;
}

template <typename T>
std::vector<T> binary(Function function, const std::vector<T>& x, const std::vector<T>& y) {
  const Dims dims = {static_cast<int64_t>(x.size())};
  return run<T>(one(function), {tensor(dims, x), tensor(dims, y)}, dims);
}

TEST(EltwisePlain, BroadcastsBothWays) {
  const auto x = tensor<float>({2, 1, 2}, {1, 2, 3, 4}), y = tensor<float>({3, 1}, {10, 20, 30});
  EXPECT_EQ(run<float>(one(Function::k_add), {x, y}, {2, 3, 2}),
            (std::vector<float>{11, 12, 21, 22, 31, 32, 13, 14, 23, 24, 33, 34}));
}

TEST(EltwisePlain, ScalarAndEmpty) {
  EXPECT_EQ(run<float>(one(Function::k_mul), {tensor<float>({}, {3}), tensor<float>({}, {4})}, {}),
            std::vector<float>{12});
  EXPECT_TRUE(run<float>(one(Function::k_relu), {tensor<float>({0, 3}, {})}, {0, 3}).empty());
}

TEST(EltwisePlain, ChainsLongerThanABlock) {
  FunctionProgram program{2, {}};
  program.instructions = {instruction(Function::k_mul, 0, 1), instruction(Function::k_add, 2, 0),
                          instruction(Function::k_tanh, 3)};
  std::vector<float> x(1000);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i) * 0.01f - 5;
  const auto y = run<float>(program, {tensor<float>({10, 100}, x), tensor<float>({1}, {0.5f})}, {10, 100});
  for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(y[i], math::apply(Function::k_tanh, x[i] * 0.5f + x[i], 0, 0));
}

TEST(EltwisePlain, ReadsAndWritesAnyStrides) {
  std::vector<float> x = {1, 2, 3, 4, 5, 6}, y(6);
  const Dims dims = {2, 3};
  TensorView in = TensorView::contiguous(DType::kF32, dims, static_cast<void*>(x.data()));
  TensorView out = TensorView::contiguous(DType::kF32, Dims{3, 2}, static_cast<void*>(y.data()));
  const int order[] = {1, 0};
  ASSERT_TRUE(eltwise_reference(one(Function::k_neg), std::vector{in.permuted(order)}, out).ok());
  EXPECT_EQ(y, (std::vector<float>{-1, -4, -2, -5, -3, -6}));
  ASSERT_TRUE(eltwise_reference(one(Function::k_neg), std::vector{in}, out.permuted(order)).ok());
  EXPECT_EQ(y, (std::vector<float>{-1, -4, -2, -5, -3, -6}));
}

TEST(EltwisePlain, PartsMakeTheWhole) {
  const FunctionProgram program = one(Function::k_exp);
  std::vector<float> x(700);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 50) - 25;
  std::vector<float> whole(x.size()), parts(x.size());
  const Dims dims = {7, 100};
  const TensorView in = TensorView::contiguous(DType::kF32, dims, static_cast<void*>(x.data()));
  ASSERT_TRUE(eltwise_reference(program, std::vector{in},
                                TensorView::contiguous(DType::kF32, dims, static_cast<void*>(whole.data())))
                  .ok());
  const auto plain = PlainEltwise::make(program, std::vector{DType::kF32});
  ASSERT_TRUE(plain.ok());
  std::vector<std::max_align_t> scratch(plain->scratch_bytes() / sizeof(std::max_align_t) + 1);
  for (int64_t part = 0; part < 5; ++part)
    plain->run(std::vector{in}, TensorView::contiguous(DType::kF32, dims, static_cast<void*>(parts.data())), part, 5,
               reinterpret_cast<std::byte*>(scratch.data()));
  EXPECT_EQ(whole, parts);
}

TEST(EltwisePlain, IntegersWrapAround) {
  EXPECT_EQ(binary<int8_t>(Function::k_add, {127, -128}, {1, -1}), (std::vector<int8_t>{-128, 127}));
  EXPECT_EQ(binary<int64_t>(Function::k_mul, {INT64_MAX, 3}, {2, -4}), (std::vector<int64_t>{-2, -12}));
  EXPECT_EQ(binary<uint16_t>(Function::k_sub, {0}, {1}), std::vector<uint16_t>{65535});
  EXPECT_EQ(binary<uint16_t>(Function::k_mul, {65535}, {65535}), std::vector<uint16_t>{1});
}

TEST(EltwisePlain, IntegerDivisionTruncatesAndNeverTraps) {
  EXPECT_EQ(binary<int32_t>(Function::k_div, {7, -7, 5, INT32_MIN}, {2, 2, 0, -1}),
            (std::vector<int32_t>{3, -3, 0, INT32_MIN}));
  EXPECT_EQ(binary<int32_t>(Function::k_mod, {7, -7, 7, -7, 5}, {3, 3, -3, -3, 0}),
            (std::vector<int32_t>{1, 2, -2, -1, 0}));
  EXPECT_EQ(binary<int32_t>(Function::k_fmod, {7, -7, 7, -7, INT32_MIN}, {3, 3, -3, -3, -1}),
            (std::vector<int32_t>{1, -1, 1, -1, 0}));
  EXPECT_EQ(binary<uint8_t>(Function::k_mod, {200, 7}, {7, 0}), (std::vector<uint8_t>{4, 0}));
}

TEST(EltwisePlain, FloatModulus) {
  EXPECT_EQ(binary<float>(Function::k_fmod, {5.5f, -5.5f, 1e20f}, {2, 2, 3}),
            (std::vector<float>{1.5f, -1.5f, std::fmod(1e20f, 3.0f)}));
  EXPECT_EQ(binary<float>(Function::k_mod, {5.5f, -5.5f, 5.5f}, {2, 2, -2}), (std::vector<float>{1.5f, 0.5f, -0.5f}));
}

TEST(EltwisePlain, QuantizesAsOnnxSays) {
  // saturate(round(x / scale) + zero_point), ties to even; NaN gives the lowest value.
  constexpr float kInf = std::numeric_limits<float>::infinity();
  const std::vector<float> x = {0, 1, 1.5f, 2.5f, -0.5f, 300, -300, kInf, -kInf, NAN, 251};
  const auto u8 = run<uint8_t>(one(Function::k_quantize, 1.0f, 5, DType::kU8), {tensor<float>({11}, x)}, {11});
  EXPECT_EQ(u8, (std::vector<uint8_t>{5, 6, 7, 7, 5, 255, 0, 255, 0, 0, 255}));
  const auto s8 = run<int8_t>(one(Function::k_requantize, 2.0f, -3, DType::kS8), {tensor<float>({11}, x)}, {11});
  EXPECT_EQ(s8, (std::vector<int8_t>{-3, -1, 0, 2, -4, 127, -128, 127, -128, -128, 127}));
  EXPECT_EQ(run<float>(one(Function::k_dequantize, 0.5f, 128), {tensor<uint8_t>({3}, {0, 128, 255})}, {3}),
            (std::vector<float>{-64, 0, 63.5f}));
  EXPECT_EQ(run<float>(one(Function::k_dequantize, 2.0f), {tensor<int32_t>({2}, {16777217, -3})}, {2}),
            (std::vector<float>{33554432, -6}));
}

TEST(EltwisePlain, QuantizesAlongAnAxis) {
  const auto x = tensor<float>({2, 3}, {1, 2, 3, 10, 20, 30});
  const auto scale = tensor<float>({2, 1}, {1, 10}), by_column = tensor<float>({3}, {1, 2, 3});
  EXPECT_EQ(run<uint8_t>(one(Function::k_quantize_by), {x, scale, tensor<uint8_t>({2, 1}, {7, 9})}, {2, 3}),
            (std::vector<uint8_t>{8, 9, 10, 10, 11, 12}));
  EXPECT_EQ(run<float>(one(Function::k_dequantize_by),
                       {tensor<int8_t>({2, 3}, {1, 2, 3, -1, -2, -3}), by_column, tensor<int8_t>({1}, {1})}, {2, 3}),
            (std::vector<float>{0, 2, 6, -2, -6, -12}));
}

TEST(EltwisePlain, RefusesScalesAndZeroPointsThatMakeNoSense) {
  const auto message = [](const FunctionProgram& program, DType from, DType to) {
    const TensorView src = TensorView::contiguous(from, Dims{4}, static_cast<void*>(nullptr));
    const TensorView dst = TensorView::contiguous(to, Dims{4}, static_cast<void*>(nullptr));
    const Status status = check_eltwise(program, std::vector{src}, dst);
    return status.ok() ? "ok" : status.error().message;
  };
  const auto u8 = [](float scale, float zero_point) {
    return one(Function::k_quantize, scale, zero_point, DType::kU8);
  };
  EXPECT_EQ(message(u8(1, 255), DType::kF32, DType::kU8), "ok");
  for (const float scale : {0.0f, -1.0f, NAN, std::numeric_limits<float>::infinity()})
    EXPECT_NE(message(u8(scale, 0), DType::kF32, DType::kU8).find("a scale of"), std::string::npos);
  for (const float zero_point : {-1.0f, 256.0f, 0.5f, NAN})
    EXPECT_NE(message(u8(1, zero_point), DType::kF32, DType::kU8).find("a zero point of"), std::string::npos);
  EXPECT_NE(message(one(Function::k_dequantize, 1, -129), DType::kS8, DType::kF32).find("zero point"),
            std::string::npos);
  EXPECT_NE(message(one(Function::k_quantize, 1, 0, DType::kS32), DType::kF32, DType::kS32).find("not defined"),
            std::string::npos);
  EXPECT_NE(message(u8(1, 0), DType::kF64, DType::kU8).find("not defined"), std::string::npos);
}

TEST(EltwisePlain, BitsAndShifts) {
  EXPECT_EQ(binary<uint8_t>(Function::k_shift_left, {1, 129, 1}, {7, 1, 8}), (std::vector<uint8_t>{128, 2, 0}));
  EXPECT_EQ(binary<uint64_t>(Function::k_shift_right, {256, 1}, {4, 64}), (std::vector<uint64_t>{16, 0}));
  EXPECT_EQ(binary<int16_t>(Function::k_bitwise_xor, {-1}, {5}), std::vector<int16_t>{-6});
  EXPECT_EQ(run<int32_t>(one(Function::k_bitwise_not), {tensor<int32_t>({1}, {0})}, {1}), std::vector<int32_t>{-1});
}

TEST(EltwisePlain, IntegerClipTakesBoundsOfAnySize) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  const auto x = tensor<int32_t>({4}, {INT32_MIN, -5, 5, INT32_MAX});
  EXPECT_EQ(run<int32_t>(one(Function::k_clip, -kInf, kInf), {x}, {4}),
            (std::vector<int32_t>{INT32_MIN, -5, 5, INT32_MAX}));
  EXPECT_EQ(run<int32_t>(one(Function::k_clip, -2.5f, 4.5f), {x}, {4}), (std::vector<int32_t>{-2, -2, 4, 4}));
  EXPECT_EQ(run<uint8_t>(one(Function::k_clip, -1, 300), {tensor<uint8_t>({2}, {0, 255})}, {2}),
            (std::vector<uint8_t>{0, 255}));
}

TEST(EltwisePlain, PowerOfMixedTypes) {
  const auto power = one(Function::k_pow);
  EXPECT_EQ(
      run<int32_t>(power, {tensor<int32_t>({5}, {2, -3, 0, 1, -1}), tensor<int64_t>({5}, {10, 3, -1, -7, -3})}, {5}),
      (std::vector<int32_t>{1024, -27, 0, 1, -1}));
  EXPECT_EQ(run<int32_t>(power, {tensor<int32_t>({2}, {9, 2}), tensor<float>({2}, {0.5f, 3.0f})}, {2}),
            (std::vector<int32_t>{3, 8}));
  EXPECT_EQ(run<float>(power, {tensor<float>({2}, {3, 2}), tensor<int32_t>({2}, {2, -1})}, {2}),
            (std::vector<float>{9, 0.5f}));
}

TEST(EltwisePlain, BoolAndWhere) {
  EXPECT_EQ(binary<bool>(Function::k_logical_xor, {true, true, false}, {true, false, false}),
            (std::vector<bool>{false, true, false}));
  EXPECT_EQ(binary<bool>(Function::k_equal, {true, false}, {true, true}), (std::vector<bool>{true, false}));
  const auto mask = tensor<bool>({3}, {true, false, true});
  EXPECT_EQ(
      run<int64_t>(one(Function::k_where), {mask, tensor<int64_t>({3}, {1, 2, 3}), tensor<int64_t>({1}, {9})}, {3}),
      (std::vector<int64_t>{1, 9, 3}));
  EXPECT_EQ(run<bool>(one(Function::k_less), {tensor<int16_t>({2}, {1, 2}), tensor<int16_t>({2}, {2, 1})}, {2}),
            (std::vector<bool>{true, false}));
  EXPECT_EQ(run<bool>(one(Function::k_is_nan), {tensor<double>({2}, {NAN, 1})}, {2}), (std::vector<bool>{true, false}));
}

template <typename To, typename From>
std::vector<To> cast(const std::vector<From>& x) {
  const Dims dims = {static_cast<int64_t>(x.size())};
  return run<To>(one(Function::k_cast, 0, 0, dtype_of<To>::value), {tensor(dims, x)}, dims);
}

TEST(EltwisePlain, CastsTruncateTowardsZero) {
  EXPECT_EQ((cast<int32_t, float>({2.9f, -2.9f, 1e10f, NAN, -2147483648.0f})),
            (std::vector<int32_t>{2, -2, INT32_MIN, INT32_MIN, INT32_MIN}));
  EXPECT_EQ((cast<uint8_t, float>({255.9f, 256.0f, -1.0f})), (std::vector<uint8_t>{255, 0, 255}));
  EXPECT_EQ((cast<int64_t, double>({1e18, -1e19, 9.2233720368547758e18})),
            (std::vector<int64_t>{1000000000000000000, INT64_MIN, INT64_MIN}));
  EXPECT_EQ((cast<uint64_t, float>({1.8e19f, 5.5f})), (std::vector<uint64_t>{static_cast<uint64_t>(1.8e19f), 5}));
  EXPECT_EQ((cast<uint32_t, float>({4e9f, -1.0f})), (std::vector<uint32_t>{4000000000U, UINT32_MAX}));
  EXPECT_EQ((cast<bool, float>({0.0f, -0.0f, 0.5f, NAN})), (std::vector<bool>{false, false, true, true}));
  EXPECT_EQ((cast<float, int64_t>({16777217, -3})), (std::vector<float>{16777216, -3}));
  EXPECT_EQ((cast<int8_t, int32_t>({300, -129})), (std::vector<int8_t>{44, 127}));
  EXPECT_EQ((cast<float, bool>({true, false})), (std::vector<float>{1, 0}));
}

TEST(EltwisePlain, NarrowFloatsRoundEveryResult) {
  const uint16_t one_third = bf16_from_f32(1.0f / 3), big = bf16_from_f32(256);
  uint16_t in[2] = {one_third, big}, out[2] = {};
  const Dims dims = {2};
  const TensorView x = TensorView::contiguous(DType::kBF16, dims, static_cast<void*>(in));
  const TensorView y = TensorView::contiguous(DType::kBF16, dims, static_cast<void*>(out));
  FunctionProgram program{1, {instruction(Function::k_mul, 0, 0), instruction(Function::k_add, 1, 0)}};
  ASSERT_TRUE(check_eltwise(program, std::vector{x}, y).ok());
  ASSERT_TRUE(eltwise_reference(program, std::vector{x}, y).ok());
  for (int i = 0; i < 2; ++i) {
    const float value = f32_from_bf16(in[i]);
    EXPECT_EQ(out[i], bf16_from_f32(f32_from_bf16(bf16_from_f32(value * value)) + value));
  }
}

TEST(Float16, EveryHalfSurvivesARoundTrip) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const bool is_nan = (half & 0x7c00U) == 0x7c00U && (half & 0x3ffU) != 0;
    const float value = f32_from_f16(half);
    ASSERT_EQ(std::isnan(value), is_nan);
    ASSERT_EQ(f16_from_f32(value), is_nan ? half | 0x200U : half) << bits;
  }
}

TEST(Float16, RoundsToNearestEven) {
  EXPECT_EQ(f16_from_f32(1.0f + 0x1p-11f), 0x3c00);      // half way, even below
  EXPECT_EQ(f16_from_f32(1.0f + 3 * 0x1p-11f), 0x3c02);  // half way, even above
  EXPECT_EQ(f16_from_f32(65519.0f), 0x7bff);
  EXPECT_EQ(f16_from_f32(65520.0f), 0x7c00);
  EXPECT_EQ(f16_from_f32(0x1p-25f), 0);  // half of the smallest subnormal
  EXPECT_EQ(f16_from_f32(0x1.8p-25f), 1);
  EXPECT_EQ(f16_from_f32(-1e10f), 0xfc00);
  EXPECT_EQ(bf16_from_f32(1.0f + 0x1p-8f), 0x3f80);
  EXPECT_EQ(bf16_from_f32(1.0f + 3 * 0x1p-8f), 0x3f82);
  EXPECT_EQ(bf16_from_f32(-1e-40f), 0x8000);
  EXPECT_EQ(bf16_from_f32(3.4e38f), 0x7f80);
}

TEST(EltwisePlain, RefusesWhatDoesNotFit) {
  auto x = tensor<float>({2, 3}, std::vector<float>(6)), y = tensor<int32_t>({2, 3}, std::vector<int32_t>(6));
  auto narrow = tensor<float>({2}, {1, 2});
  EXPECT_FALSE(check_eltwise(one(Function::k_add), std::vector{x.view(), y.view()}, x.view()).ok());
  EXPECT_FALSE(check_eltwise(one(Function::k_add), std::vector{x.view(), narrow.view()}, x.view()).ok());
  EXPECT_FALSE(check_eltwise(one(Function::k_relu), std::vector{x.view()}, y.view()).ok());
  EXPECT_FALSE(check_eltwise(one(Function::k_add), std::vector{x.view()}, x.view()).ok());
  EXPECT_FALSE(check_eltwise(FunctionProgram{1, {}}, std::vector{x.view()}, x.view()).ok());
  EXPECT_FALSE(
      check_eltwise(FunctionProgram{20, {instruction(Function::k_relu)}}, std::vector(20, x.view()), x.view()).ok());
}

}  // namespace
}  // namespace tegula::kernels
