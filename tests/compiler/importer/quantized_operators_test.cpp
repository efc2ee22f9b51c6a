// Operators on quantized tensors: each against DequantizeLinear, the operator on real numbers, and QuantizeLinear.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/compiler/importer/model_text.h"
#include "tests/compiler/importer/same_values.h"

namespace tegula::compiler {
namespace {

/// Scales and zero points that the bodies below speak of. `zero`: the type of the zero points.
std::string parameters(const std::string& zero = "uint8") {
  const std::string a = zero == "uint8" ? "100" : "-20", b = zero == "uint8" ? "131" : "7",
                    y = zero == "uint8" ? "90" : "-35";
  return "sa = Constant <value_float = 0.02> ()  sb = Constant <value_float = 0.03> ()  sy = Constant <value_float = "
         "0.05> ()  za = Constant <value = " +
         zero + " {" + a + "}> ()  zb = Constant <value = " + zero + " {" + b +
         "}> ()  zy = Constant <value = " + zero + " {" + y + "}> ()  ";
}

/// `composed` against `real`, which makes `r` of the dequantized `ra` (and `rb`, where the signature has b).
void expect_same_around(const std::string& signature, const std::string& composed, const std::string& real,
                        const std::string& zero = "uint8") {
  const std::string b =
      signature.find(" b)") != std::string::npos ? "rb = DequantizeLinear(b, sb, zb)  " : std::string();
  expect_same_quantized(
      signature, parameters(zero) + composed,
      parameters(zero) + "ra = DequantizeLinear(a, sa, za)  " + b + real + "  y = QuantizeLinear(r, sy, zy)", 0);
}

TEST(QuantizedOperators, AddAndMul) {
  for (const char* type : {"uint8", "int8"}) {
    const std::string t = type;
    const std::string signature = "(" + t + "[2,3,5] a, " + t + "[3,1] b) => (" + t + "[2,3,5] y)";
    expect_same_around(signature, "y = com.microsoft.QLinearAdd(a, sa, za, b, sb, zb, sy, zy)", "r = Add(ra, rb)", t);
    expect_same_around(signature, "y = com.microsoft.QLinearMul(a, sa, za, b, sb, zb, sy, zy)", "r = Mul(ra, rb)", t);
  }
}

TEST(QuantizedOperators, AbsentZeroPointsAreZero) {
  expect_same_quantized("(int8[4] a, int8[4] b) => (int8[4] y)",
                        parameters() + "y = com.microsoft.QLinearAdd(a, sa, , b, sb, , sy)",
                        parameters() +
                            "ra = DequantizeLinear(a, sa)  rb = DequantizeLinear(b, sb)  r = Add(ra, rb)  z = "
                            "Constant <value = int8 {0}> ()  y = QuantizeLinear(r, sy, z)",
                        0);
}

TEST(QuantizedOperators, Functions) {
  const std::string signature = "(uint8[2,7] a) => (uint8[2,7] y)";
  expect_same_around(signature, "y = com.microsoft.QLinearSigmoid(a, sa, za, sy, zy)", "r = Sigmoid(ra)");
  expect_same_around(signature, "y = com.microsoft.QLinearLeakyRelu <alpha = 0.2> (a, sa, za, sy, zy)",
                     "r = LeakyRelu <alpha = 0.2> (ra)");
  expect_same_around(signature, "y = com.microsoft.QLinearLeakyRelu(a, sa, za, sy, zy)", "r = LeakyRelu(ra)");
  expect_same_around(signature, "y = com.microsoft.QLinearSoftmax <axis = 0, opset = 13> (a, sa, za, sy, zy)",
                     "r = Softmax <axis = 0> (ra)");
}

TEST(QuantizedOperators, SoftmaxBefore13FlattensFromItsAxis) {
  expect_same_around(
      "(uint8[2,3,2] a) => (uint8[2,3,2] y)",
      "y = com.microsoft.QLinearSoftmax <axis = 1, opset = 12> (a, sa, za, sy, zy)",
      "s = Constant <value_ints = [2,6]> ()  f = Reshape(ra, s)  m = Softmax <axis = 1> (f)  t = Constant "
      "<value_ints = [2,3,2]> ()  r = Reshape(m, t)");
}

TEST(QuantizedOperators, Pooling) {
  expect_same_around("(uint8[1,3,5,5] a) => (uint8[1,3,2,2] y)",
                     "y = com.microsoft.QLinearAveragePool <kernel_shape = [3,3], strides = [2,2]> (a, sa, za, sy, zy)",
                     "r = AveragePool <kernel_shape = [3,3], strides = [2,2]> (ra)");
  expect_same_around("(uint8[1,3,5,5] a) => (uint8[1,3,1,1] y)",
                     "y = com.microsoft.QLinearGlobalAveragePool(a, sa, za, sy, zy)", "r = GlobalAveragePool(ra)");
}

TEST(QuantizedOperators, PoolingWithChannelsLast) {
  expect_same_around(
      "(uint8[1,5,5,3] a) => (uint8[1,2,2,3] y)",
      "y = com.microsoft.QLinearAveragePool <channels_last = 1, kernel_shape = [3,3], strides = [2,2]> (a, sa, za, sy, "
      "zy)",
      "f = Transpose <perm = [0,3,1,2]> (ra)  p = AveragePool <kernel_shape = [3,3], strides = [2,2]> (f)  r = "
      "Transpose "
      "<perm = [0,2,3,1]> (p)");
  expect_same_around("(uint8[1,5,5,3] a) => (uint8[1,1,1,3] y)",
                     "y = com.microsoft.QLinearGlobalAveragePool <channels_last = 1> (a, sa, za, sy, zy)",
                     "x = Constant <value_ints = [1,2]> ()  r = ReduceMean(ra, x)");
}

TEST(QuantizedOperators, Concat) {
  expect_same_around("(uint8[2,3] a, uint8[2,4] b) => (uint8[2,7] y)",
                     "y = com.microsoft.QLinearConcat <axis = 1> (sy, zy, a, sa, za, b, sb, zb)",
                     "r = Concat <axis = 1> (ra, rb)");
}

constexpr const char* kMatrix =
    "w = Constant <value = int8[4,3] {-7, 3, 120, 5, 9, -128, 77, -31, 2, 15, -16, 101}> ()  ";
constexpr const char* kTransposed =
    "w = Constant <value = int8[3,4] {-7, 5, 77, 15, 3, 9, -31, -16, 120, -128, 2, 101}> ()  ";
constexpr const char* kWeights =
    "sw = Constant <value = float[3] {0.01, 0.02, 0.005}> ()  zw = Constant <value = int8[3] {0, 0, 0}> ()  c = "
    "Constant <value = int32[3] {1000, -2500, 77}> ()  ";
/// The right operand as reals, columns having a scale each.
constexpr const char* kRealWeights = "rw = DequantizeLinear <axis = 1> (w, sw, zw)  ";
/// The s32 bias as reals: of scale sa * sw.
constexpr const char* kRealBias = "sc = Mul(sa, sw)  rc = DequantizeLinear <axis = 0> (c, sc)  ";

TEST(QuantizedOperators, QGemm) {
  const std::string signature = "(uint8[2,4] a) => (uint8[2,3] y)", given = std::string(kMatrix) + kWeights;
  const std::string real = std::string(kRealWeights) + kRealBias;
  expect_same_around(signature, given + "y = com.microsoft.QGemm(a, sa, za, w, sw, zw, c, sy, zy)",
                     given + real + "r = Gemm(ra, rw, rc)");
  expect_same_around(
      signature,
      kTransposed + std::string(kWeights) + "y = com.microsoft.QGemm <transB = 1> (a, sa, za, w, sw, zw, c, sy, zy)",
      given + real + "r = Gemm(ra, rw, rc)");
  // alpha scales bias and product alike: the bias has the scale alpha * sa * sw.
  expect_same_around(signature, given + "y = com.microsoft.QGemm <alpha = 0.5> (a, sa, za, w, sw, zw, c, sy, zy)",
                     given + real + "s = Gemm(ra, rw, rc)  h = Constant <value_float = 0.5> ()  r = Mul(s, h)");
  expect_same("(uint8[2,4] a) => (float[2,3] y)",
              parameters() + given + "y = com.microsoft.QGemm(a, sa, za, w, sw, zw, c)",
              parameters() + given + "ra = DequantizeLinear(a, sa, za)  " + real + "y = Gemm(ra, rw, rc)");
}

TEST(QuantizedOperators, MatMulIntegerToFloat) {
  const std::string given =
      parameters() + kMatrix + kWeights + "bias = Constant <value = float[3] {0.5, -1.0, 2.0}> ()  ";
  const std::string real = "ra = DequantizeLinear(a, sa, za)  " + std::string(kRealWeights);
  expect_same("(uint8[2,4] a) => (float[2,3] y)",
              given + "y = com.microsoft.MatMulIntegerToFloat(a, w, sa, sw, za, zw, bias)",
              given + real + "m = MatMul(ra, rw)  y = Add(m, bias)");
  expect_same("(uint8[2,4] a) => (float[2,3] y)", given + "y = com.microsoft.MatMulIntegerToFloat(a, w, sa, sw, za)",
              given + real + "y = MatMul(ra, rw)");
}

TEST(QuantizedOperators, DynamicQuantizeMatMul) {
  const std::string given =
      std::string(kMatrix) + kWeights + "bias = Constant <value = float[3] {0.5, -1.0, 2.0}> ()  ";
  const std::string real =
      "q, s, z = DynamicQuantizeLinear(a)  ra = DequantizeLinear(q, s, z)  " + std::string(kRealWeights);
  expect_same("(float[2,4] a) => (float[2,3] y)", given + "y = com.microsoft.DynamicQuantizeMatMul(a, w, sw, zw, bias)",
              given + real + "m = MatMul(ra, rw)  y = Add(m, bias)");
  expect_same("(float[2,4] a) => (float[2,3] y)", given + "y = com.microsoft.DynamicQuantizeMatMul(a, w, sw)",
              given + real + "y = MatMul(ra, rw)");
}

TEST(QuantizedOperators, SayWhatIsWrong) {
  const auto message = [](const std::string& body) {
    return imported("(uint8[2,4] a) => (uint8[2,3] y) {" + parameters() + kMatrix + kWeights + body + "}");
  };
  EXPECT_THAT(message("y = com.microsoft.QLinearAdd(a, sa, za, a, sa, za)"),
              testing::HasSubstr("6 inputs; 7 or 8 expected"));
  EXPECT_THAT(message("y = com.microsoft.QLinearSigmoid(a, sa, za)"), testing::HasSubstr("3 inputs; 4 or 5 expected"));
  EXPECT_THAT(message("y = com.microsoft.QLinearConcat <axis = 1> (sy, zy, a, sa)"), testing::HasSubstr("4 inputs"));
}

}  // namespace
}  // namespace tegula::compiler
