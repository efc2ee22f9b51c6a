#include "compiler/passes/recognise_activations.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

/// The graph that every spelling of `function` becomes.
std::string one(const std::string& function, const std::string& attributes = "") {
  return "y = " + function + "(%x:f32[2,3])" + attributes + "\nreturn y";
}

// ---------------------------------------------------------------- gelu with erf

constexpr const char* kGeluOfPyTorch = R"(
    d = div(%x:f32[2,3], %root:f32[]=1.4142135381698608)
    e = erf(d)
    p = add(e, %one:f32[]=1.0)
    m = mul(%x, p)
    y = mul(m, %half:f32[]=0.5)
    return y)";

constexpr const char* kGeluOfTensorFlow = R"(
    h = mul(%half:f32[]=0.5, %x:f32[2,3])
    d = mul(%x, %inverse:f32[]=0.70710677)
    e = erf(d)
    p = add(%one:f32[]=1.0, e)
    y = mul(h, p)
    return y)";

TEST(RecogniseActivations, GeluErf) {
  EXPECT_EQ(after(recognise_activations, kGeluOfPyTorch), one("gelu_erf"));
  EXPECT_EQ(after(recognise_activations, kGeluOfTensorFlow), one("gelu_erf"));
  EXPECT_EQ(after(recognise_activations, R"(
      d = div(%x:f32[2,3], %root:f32[1]=1.4142135)
      e = erf(d)
      p = add(e, %one:f32[1]=1.0)
      h = mul(p, %half:f32[1]=0.5)
      y = mul(h, %x)
      return y)"),
            one("gelu_erf"));
}

TEST(RecogniseActivations, GeluErfKeepsValues) {
  expect_same_values(recognise_activations, kGeluOfPyTorch);
  expect_same_values(recognise_activations, kGeluOfTensorFlow);
}

TEST(RecogniseActivations, GeluNeedsItsConstants) {
  expect_unchanged(recognise_activations, changed(kGeluOfPyTorch, "1.4142135381698608", "1.5"));
}

TEST(RecogniseActivations, GeluNeedsOneOperand) {
  expect_unchanged(recognise_activations, changed(kGeluOfPyTorch, "m = mul(%x,", "m = mul(%z:f32[2,3],"));
}

TEST(RecogniseActivations, KeepsValuesThatSomethingElseReads) {
  expect_unchanged(recognise_activations, changed(kGeluOfPyTorch, "return y", "return y, e"));
}

TEST(RecogniseActivations, KeepsWhatAConstantBroadcasts) {
  constexpr const char* kText = R"(
      s = sigmoid(%x:f32[3])
      m = mul(%x, s)
      y = mul(m, %one:f32[2,3]=fill(1))
      return y)";
  EXPECT_EQ(after(recognise_activations, kText), R"(
      m = silu(%x:f32[3])
      y = mul(m, %one:f32[2,3]=fill(1))
      return y)");
}

// ---------------------------------------------------------------- gelu with tanh

constexpr const char* kGeluTanhOfGpt2 = R"(
    h = mul(%x:f32[2,3], %half:f32[]=0.5)
    square = mul(%x, %x)
    cube = mul(square, %x)
    c = mul(cube, %k:f32[]=0.044715)
    s = add(%x, c)
    a = mul(s, %q:f32[]=0.7978845834732056)
    t = tanh(a)
    p = add(t, %one:f32[]=1.0)
    y = mul(h, p)
    return y)";

constexpr const char* kGeluTanhOfKeras = R"(
    c = mul(%x:f32[2,3], %k:f32[]=0.044715)
    d = mul(c, %x)
    s = add(d, %one:f32[]=1.0)
    q = mul(%x, %root:f32[]=0.7978846)
    a = mul(q, s)
    t = tanh(a)
    p = add(%one, t)
    m = mul(p, %half:f32[]=0.5)
    y = mul(%x, m)
    return y)";

TEST(RecogniseActivations, GeluTanh) {
  EXPECT_EQ(after(recognise_activations, kGeluTanhOfGpt2), one("gelu_tanh"));
  EXPECT_EQ(after(recognise_activations, kGeluTanhOfKeras), one("gelu_tanh"));
}

TEST(RecogniseActivations, GeluTanhKeepsValues) {
  expect_same_values(recognise_activations, kGeluTanhOfGpt2);
  expect_same_values(recognise_activations, kGeluTanhOfKeras);
}

TEST(RecogniseActivations, GeluTanhNeedsTheCube) {
  expect_unchanged(recognise_activations, R"(
      h = mul(%x:f32[2,3], %half:f32[]=0.5)
      square = mul(%x, %x)
      c = mul(square, %k:f32[]=0.044715)
      s = add(%x, c)
      a = mul(s, %q:f32[]=0.7978845834732056)
      t = tanh(a)
      p = add(t, %one:f32[]=1.0)
      y = mul(h, p)
      return y)");
}

// ---------------------------------------------------------------- the others

TEST(RecogniseActivations, Sigmoid) {
  EXPECT_EQ(after(recognise_activations, R"(
      n = neg(%x:f32[2,3])
      e = exp(n)
      d = add(e, %one:f32[]=1.0)
      y = reciprocal(d)
      return y)"),
            one("sigmoid"));
  EXPECT_EQ(after(recognise_activations, R"(
      n = neg(%x:f32[2,3])
      e = exp(n)
      d = add(%one:f32[]=1.0, e)
      y = div(%one, d)
      return y)"),
            one("sigmoid"));
}

constexpr const char* kSilu = R"(
    s = sigmoid(%x:f32[2,3])
    y = mul(s, %x)
    return y)";

TEST(RecogniseActivations, Silu) {
  EXPECT_EQ(after(recognise_activations, kSilu), one("silu"));
  EXPECT_EQ(after(recognise_activations, R"(
      n = neg(%x:f32[2,3])
      e = exp(n)
      d = add(e, %one:f32[]=1.0)
      y = div(%x, d)
      return y)"),
            one("silu"));
  expect_same_values(recognise_activations, kSilu);
}

TEST(RecogniseActivations, SiluOfAProductKeepsTheProduct) {
  EXPECT_EQ(after(recognise_activations, R"(
      t = mul(%x:f32[2,3], %two:f32[]=2.0)
      s = sigmoid(t)
      y = mul(t, s)
      return y)"),
            R"(
      t = mul(%x:f32[2,3], %two:f32[]=2.0)
      y = silu(t)
      return y)");
}

TEST(RecogniseActivations, ScaledSigmoidIsNoSilu) {
  expect_unchanged(recognise_activations, R"(
      t = mul(%x:f32[2,3], %c:f32[]=1.702)
      s = sigmoid(t)
      y = mul(%x, s)
      return y)");
}

constexpr const char* kHardSwish = R"(
    a = add(%x:f32[2,3], %three:f32[]=3.0)
    c = clip(a) {alpha=0, beta=6}
    m = mul(%x, c)
    y = div(m, %six:f32[]=6.0)
    return y)";

TEST(RecogniseActivations, HardSwish) {
  EXPECT_EQ(after(recognise_activations, kHardSwish), one("hard_swish"));
  EXPECT_EQ(after(recognise_activations, R"(
      a = add(%x:f32[2,3], %three:f32[]=3.0)
      c = clip(a) {alpha=0, beta=6}
      h = mul(c, %sixth:f32[]=0.16666667)
      y = mul(h, %x)
      return y)"),
            one("hard_swish"));
  EXPECT_EQ(after(recognise_activations, R"(
      h = hard_sigmoid(%x:f32[2,3]) {alpha=0.16666667, beta=0.5}
      y = mul(%x, h)
      return y)"),
            one("hard_swish"));
  expect_same_values(recognise_activations, kHardSwish);
}

TEST(RecogniseActivations, OtherBoundsAreNoHardSwish) {
  expect_unchanged(recognise_activations, R"(
      a = add(%x:f32[2,3], %three:f32[]=3.0)
      c = clip(a) {alpha=0, beta=5}
      m = mul(%x, c)
      y = div(m, %six:f32[]=6.0)
      return y)");
}

TEST(RecogniseActivations, HardSigmoid) {
  constexpr const char* kText = R"(
      a = add(%x:f32[2,3], %three:f32[]=3.0)
      c = clip(a) {alpha=0, beta=6}
      y = div(c, %six:f32[]=6.0)
      return y)";
  EXPECT_EQ(after(recognise_activations, kText), one("hard_sigmoid", " {alpha=0.16666667, beta=0.5}"));
  expect_same_values(recognise_activations, kText);
}

TEST(RecogniseActivations, SoftplusMishAndSoftsign) {
  constexpr const char* kMish = R"(
      e = exp(%x:f32[2,3])
      p = add(e, %one:f32[]=1.0)
      l = log(p)
      t = tanh(l)
      y = mul(%x, t)
      return y)";
  EXPECT_EQ(after(recognise_activations, kMish), one("mish"));
  expect_same_values(recognise_activations, kMish);
  EXPECT_EQ(after(recognise_activations, R"(
      s = softplus(%x:f32[2,3])
      t = tanh(s)
      y = mul(t, %x)
      return y)"),
            one("mish"));
  EXPECT_EQ(after(recognise_activations, R"(
      a = abs(%x:f32[2,3])
      p = add(%one:f32[]=1.0, a)
      y = div(%x, p)
      return y)"),
            one("softsign"));
}

TEST(RecogniseActivations, LeakyRelu) {
  constexpr const char* kText = R"(
      s = mul(%x:f32[2,3], %slope:f32[]=0.25)
      y = max(s, %x)
      return y)";
  EXPECT_EQ(after(recognise_activations, kText), one("leaky_relu", " {alpha=0.25}"));
  expect_same_values(recognise_activations, kText);
}

TEST(RecogniseActivations, SteepSlopesAreNoLeakyRelu) {
  expect_unchanged(recognise_activations, R"(
      s = mul(%x:f32[2,3], %slope:f32[]=1.5)
      y = max(s, %x)
      return y)");
}

}  // namespace
}  // namespace tegula::compiler
