// The bounds that kernels/math states, against double libm over sweeps of the whole range and of floats by their
// bits; special values; and that nothing of it depends on how the host's libm behaves.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "kernels/math/math.h"

namespace tegula::kernels::math {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr double kSmallestNormal = std::numeric_limits<float>::min();

double ulp_of(double value) {
  if (std::fabs(value) < kSmallestNormal) return std::numeric_limits<float>::denorm_min();
  int exponent = 0;
  std::frexp(value, &exponent);
  return std::ldexp(1.0, exponent - 24);
}

struct Case {
  Function function;
  double (*reference)(double);
  double low, high;
  double ulps;
  float alpha = 0, beta = 0;
};

double sigmoid_reference(double x) {
  return 1 / (1 + std::exp(-x));
}
double silu_reference(double x) {
  return x / (1 + std::exp(-x));
}
double gelu_erf_reference(double x) {
  return x / 2 * std::erfc(-x / std::sqrt(2.0));
}
double gelu_tanh_reference(double x) {
  return x / (1 + std::exp(-2 * std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
}
double softplus_reference(double x) {
  return std::log1p(std::exp(x));
}
double mish_reference(double x) {
  return x * std::tanh(std::log1p(std::exp(x)));
}
double elu_reference(double x) {
  return x < 0 ? std::expm1(x) : x;
}

const Case kCases[] = {
    {Function::k_exp, std::exp, -104, 88.72, 3},
    {Function::k_log, std::log, 1e-45, 3.4e38, 2},
    {Function::k_erf, std::erf, -10, 10, 6},
    {Function::k_tanh, std::tanh, -20, 20, 6},
    {Function::k_sigmoid, sigmoid_reference, -87.3, 90, 4},
    {Function::k_silu, silu_reference, -87, 90, 4},
    {Function::k_gelu_erf, gelu_erf_reference, -3, 12, 14},
    {Function::k_gelu_erf, gelu_erf_reference, -5.5, -3, 50},
    {Function::k_gelu_tanh, gelu_tanh_reference, -3, 12, 14},
    {Function::k_gelu_tanh, gelu_tanh_reference, -8, -3, 90},
    {Function::k_sin, std::sin, -131072, 131072, 3},
    {Function::k_cos, std::cos, -131072, 131072, 3},
    {Function::k_tan, std::tan, -131072, 131072, 4},
    {Function::k_atan, std::atan, -1e38, 1e38, 3},
    {Function::k_atan, std::atan, -4, 4, 3},
    {Function::k_asin, std::asin, -1, 1, 4},
    {Function::k_acos, std::acos, -1, 1, 4},
    {Function::k_sinh, std::sinh, -89.4, 89.4, 4},
    {Function::k_cosh, std::cosh, -89.4, 89.4, 3},
    {Function::k_asinh, std::asinh, -1e38, 1e38, 4},
    {Function::k_asinh, std::asinh, -10, 10, 4},
    {Function::k_acosh, std::acosh, 1, 1e38, 4},
    {Function::k_acosh, std::acosh, 1, 10, 4},
    {Function::k_atanh, std::atanh, -1, 1, 4},
    {Function::k_softplus, softplus_reference, -87, 90, 3},
    {Function::k_mish, mish_reference, -87, 90, 5},
    {Function::k_elu, elu_reference, -110, 10, 3, 1.0f},
};

class MathAccuracy : public testing::TestWithParam<Case> {};

TEST_P(MathAccuracy, IsWithinTheStatedBound) {
  const Case& c = GetParam();
  double worst = 0;
  float at = 0;
  const auto check = [&](float x) {
    if (!(x >= c.low && x <= c.high)) return;
    const double expected = c.reference(x);
    if (std::fabs(expected) > std::numeric_limits<float>::max()) return;
    const double error = std::fabs(apply(c.function, x, c.alpha, c.beta) - expected) / ulp_of(expected);
    // Results below the smallest normal are exempt where the header says "while the result is normal".
    if (std::fabs(expected) < kSmallestNormal && c.function != Function::k_exp) return;
    if (!(error <= worst)) {
      worst = error;
      at = x;
    }
  };
  constexpr int kSteps = 40000;
  for (int i = 0; i <= kSteps; ++i) check(static_cast<float>(c.low + (c.high - c.low) * i / kSteps));
  for (uint32_t bits = 0; bits < 0x7f800000U; bits += 51151) {
    check(std::bit_cast<float>(bits));
    check(std::bit_cast<float>(bits | 0x80000000U));
  }
  EXPECT_LE(worst, c.ulps) << name_of(c.function) << " at " << at;
}

INSTANTIATE_TEST_SUITE_P(All, MathAccuracy, testing::ValuesIn(kCases), [](const auto& param) {
  return std::string(name_of(param.param.function)) + "_" + std::to_string(param.index);
});

TEST(MathAccuracy, Pow) {
  double worst = 0;
  uint32_t state = 1;
  const auto random = [&] { return static_cast<double>(state = state * 1664525U + 1013904223U) / 4294967296.0; };
  for (int i = 0; i < 200000; ++i) {
    const float x = i % 2 == 0 ? std::bit_cast<float>(static_cast<uint32_t>(random() * 0x7f800000))
                               : static_cast<float>(0.5 + 1.5 * random());
    const double spread = 126 / std::max(1e-3, std::fabs(std::log2(static_cast<double>(x))));
    const float y = static_cast<float>((2 * random() - 1) * spread);
    const double expected = std::pow(static_cast<double>(x), static_cast<double>(y));
    if (expected < kSmallestNormal || expected > std::numeric_limits<float>::max()) continue;
    worst = std::max(worst, std::fabs(apply(Function::k_pow, x, y) - expected) / ulp_of(expected));
  }
  EXPECT_LE(worst, 4);
}

TEST(MathSpecials, PowFollowsIeee754) {
  const float values[] = {0.0f,  -0.0f, 0.5f,  -0.5f,  1.0f,   -1.0f, 2.0f,  -2.0f, 3.0f,
                          -3.0f, 2.5f,  1e30f, -1e30f, 1e-40f, kInf,  -kInf, kNan};
  for (const float x : values)
    for (const float y : values) {
      const float expected = static_cast<float>(std::pow(static_cast<double>(x), static_cast<double>(y)));
      const float actual = apply(Function::k_pow, x, y);
      if (std::isnan(expected)) {
        EXPECT_TRUE(std::isnan(actual)) << x << " ^ " << y << " = " << actual;
      } else if (expected == 0 || std::isinf(expected)) {
        EXPECT_EQ(std::bit_cast<uint32_t>(actual), std::bit_cast<uint32_t>(expected)) << x << " ^ " << y;
      } else {
        EXPECT_NEAR(actual, expected, std::fabs(expected) * 1e-6) << x << " ^ " << y;
      }
    }
}

bool same_bits(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) || (std::isnan(a) && std::isnan(b));
}

void expect_exact_modulus(float x, float y) {
  const float rest = std::fmod(x, y);
  const float floored = rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
  ASSERT_TRUE(same_bits(apply(Function::k_fmod, x, y), rest))
      << x << " fmod " << y << " = " << apply(Function::k_fmod, x, y) << ", not " << rest;
  ASSERT_TRUE(same_bits(apply(Function::k_mod, x, y), floored)) << x << " mod " << y;
}

TEST(MathAccuracy, ModulusIsExact) {
  std::mt19937 engine(3);
  const auto random = [&] { return static_cast<uint32_t>(engine()); };
  for (int i = 0; i < 100000; ++i) {
    const uint32_t bits = random();
    const float x = std::bit_cast<float>(bits);
    // Any two numbers; exponents close together, where most quotients are small; a multiple and its neighbours.
    expect_exact_modulus(x, std::bit_cast<float>(random()));
    expect_exact_modulus(x, std::bit_cast<float>(bits - (random() % 26 << 23) + random() % 4096));
    const float y = std::bit_cast<float>(bits - (random() % 24 << 23)), n = static_cast<float>(random() % 1000);
    for (const float multiple : {n * y, std::nextafter(n * y, kInf), std::nextafter(n * y, -kInf)})
      expect_exact_modulus(multiple, y);
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST(MathSpecials, ModulusOfEdges) {
  constexpr float kTiny = std::numeric_limits<float>::denorm_min(), kMax = std::numeric_limits<float>::max();
  const float values[] = {0.0f,
                          1.0f,
                          3.0f,
                          0x1.fffffep0f,
                          kTiny,
                          3 * kTiny,
                          0x1.fffffcp-127f,
                          0x1p-126f,
                          0x1.fffffep-126f,
                          kMax,
                          0x1p127f,
                          0x1.000002p127f,
                          kInf,
                          kNan};
  for (const float x : values)
    for (const float y : values)
      for (const float signed_x : {x, -x})
        for (const float signed_y : {y, -y}) expect_exact_modulus(signed_x, signed_y);
}

TEST(MathSpecials, NanStaysNan) {
  for (int number = 0; is_valid(static_cast<Function>(number)); ++number) {
    const auto function = static_cast<Function>(number);
    // Those that leave fp32 have tests of their own: a quantized value is never NaN.
    if (arity_of(function) != 1 || returns_bool(function) || function == Function::k_cast ||
        function == Function::k_bitwise_not || function == Function::k_quantize ||
        function == Function::k_requantize || function == Function::k_dequantize)
      continue;
    EXPECT_TRUE(std::isnan(apply(function, kNan, 0.5f, 2.0f))) << name_of(function);
  }
  for (const Function function : {Function::k_min, Function::k_max, Function::k_add, Function::k_prelu}) {
    EXPECT_TRUE(std::isnan(apply(function, kNan, 1.0f))) << name_of(function);
    EXPECT_TRUE(function == Function::k_prelu || std::isnan(apply(function, 1.0f, kNan))) << name_of(function);
  }
}

struct Special {
  Function function;
  float x, expected;
};

TEST(MathSpecials, LimitsAndDomains) {
  const float denormal = std::numeric_limits<float>::denorm_min();
  const Special specials[] = {
      {Function::k_exp, kInf, kInf},
      {Function::k_exp, -kInf, 0},
      {Function::k_exp, 89, kInf},
      {Function::k_exp, -104, 0},
      {Function::k_exp, 0, 1},
      {Function::k_exp, 1e30f, kInf},
      {Function::k_exp, -1e30f, 0},
      {Function::k_log, 0, -kInf},
      {Function::k_log, -0.0f, -kInf},
      {Function::k_log, kInf, kInf},
      {Function::k_log, 1, 0},
      {Function::k_log, -1, kNan},
      {Function::k_log, -kInf, kNan},
      {Function::k_log, denormal, -103.2789306640625f},
      {Function::k_erf, kInf, 1},
      {Function::k_erf, -kInf, -1},
      {Function::k_tanh, kInf, 1},
      {Function::k_tanh, -kInf, -1},
      {Function::k_tanh, 0, 0},
      {Function::k_sigmoid, kInf, 1},
      {Function::k_sigmoid, -kInf, 0},
      {Function::k_sigmoid, 0, 0.5f},
      {Function::k_gelu_erf, kInf, kInf},
      {Function::k_gelu_erf, -kInf, 0},
      {Function::k_gelu_erf, 100, 100},
      {Function::k_gelu_erf, -100, 0},
      {Function::k_gelu_tanh, 100, 100},
      {Function::k_gelu_tanh, -100, 0},
      {Function::k_sqrt, -1, kNan},
      {Function::k_reciprocal, 0, kInf},
      {Function::k_asin, 1.5f, kNan},
      {Function::k_acos, -1, 3.1415927410125732f},
      {Function::k_acos, 1, 0},
      {Function::k_atan, kInf, 1.5707963705062866f},
      {Function::k_acosh, 0.5f, kNan},
      {Function::k_acosh, 1, 0},
      {Function::k_acosh, -3, kNan},
      {Function::k_atanh, 1, kInf},
      {Function::k_atanh, -1, -kInf},
      {Function::k_atanh, 2, kNan},
      {Function::k_asinh, kInf, kInf},
      {Function::k_asinh, -kInf, -kInf},
      {Function::k_sinh, kInf, kInf},
      {Function::k_sinh, -kInf, -kInf},
      {Function::k_cosh, -kInf, kInf},
      {Function::k_cosh, 0, 1},
      {Function::k_sin, kInf, kNan},
      {Function::k_cos, -kInf, kNan},
      {Function::k_softplus, kInf, kInf},
      {Function::k_softplus, -kInf, 0},
      {Function::k_mish, kInf, kInf},
      {Function::k_relu, -1, 0},
      {Function::k_round, 2.5f, 2},
      {Function::k_round, -1.5f, -2},
      {Function::k_sign, -3, -1},
      {Function::k_sign, 0, 0},
      {Function::k_hard_swish, -4, 0},
      {Function::k_hard_swish, 4, 4},
  };
  for (const Special& s : specials) {
    const float actual = apply(s.function, s.x, 1.0f, 1.0f);
    if (std::isnan(s.expected)) {
      EXPECT_TRUE(std::isnan(actual)) << name_of(s.function) << "(" << s.x << ") = " << actual;
    } else {
      EXPECT_EQ(actual, s.expected) << name_of(s.function) << "(" << s.x << ")";
    }
  }
}

TEST(MathSpecials, BoundedFunctionsKeepTheirBounds) {
  for (uint32_t bits = 0; bits < 0x7f800000U; bits += 30011)
    for (const uint32_t sign : {0U, 0x80000000U}) {
      const float x = std::bit_cast<float>(bits | sign);
      for (const Function function : {Function::k_erf, Function::k_tanh, Function::k_sin, Function::k_cos}) {
        const float y = apply(function, x, 0, 0);
        ASSERT_LE(std::fabs(y), 1.0f) << name_of(function) << "(" << x << ")";
      }
    }
}

TEST(MathSpecials, Predicates) {
  EXPECT_TRUE(apply_predicate(Function::k_is_nan, kNan, 0, 0, 0));
  EXPECT_FALSE(apply_predicate(Function::k_is_nan, kInf, 0, 0, 0));
  EXPECT_TRUE(apply_predicate(Function::k_is_inf, kInf, 0, 1, 0));
  EXPECT_FALSE(apply_predicate(Function::k_is_inf, -kInf, 0, 1, 0));
  EXPECT_TRUE(apply_predicate(Function::k_is_inf, -kInf, 0, 1, 1));
  EXPECT_FALSE(apply_predicate(Function::k_is_inf, kInf, 0, 0, 0));
  EXPECT_FALSE(apply_predicate(Function::k_equal, kNan, kNan, 0, 0));
  EXPECT_TRUE(apply_predicate(Function::k_equal, 0.0f, -0.0f, 0, 0));
  EXPECT_TRUE(apply_predicate(Function::k_less, -1, 0, 0, 0));
  EXPECT_FALSE(apply_predicate(Function::k_greater_or_equal, kNan, 0, 0, 0));
}

}  // namespace
}  // namespace tegula::kernels::math
