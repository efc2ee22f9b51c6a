#include "compiler/passes/recognise_layer_norm.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

constexpr const char* kOfPyTorch = R"(
    m = reduce(%x:f32[n,4,6]) {kind="mean", axes=[2], keepdims=1}
    d = sub(x, m)
    q = mul(d, d)
    v = reduce(q) {kind="mean", axes=[2], keepdims=1}
    s = add(v, %eps:f32[]=0.5)
    r = sqrt(s)
    z = div(d, r)
    a = mul(z, %scale:f32[6]=random(1))
    y = add(a, %bias:f32[6]=random(2))
    return y)";

constexpr const char* kOfTensorFlow = R"(
    m = reduce(%x:f32[n,4,6]) {kind="mean", axes=[2], keepdims=1}
    q = squared_difference(x, m)
    v = reduce(q) {kind="mean", axes=[2], keepdims=1}
    s = add(v, %eps:f32[]=0.5)
    r = sqrt(s)
    i = reciprocal(r)
    f = mul(i, %scale:f32[6]=random(1))
    a = mul(x, f)
    b = mul(m, f)
    c = sub(%bias:f32[6]=random(2), b)
    y = add(a, c)
    return y)";

constexpr const char* kLayerNorm = R"(
    y = layer_norm(%x:f32[n,4,6], %scale:f32[6]=random(1), %bias:f32[6]=random(2)) {axis=2, epsilon=0.5}
    return y)";

TEST(RecogniseLayerNorm, KnowsTheSpellings) {
  EXPECT_EQ(after(recognise_layer_norm, kOfPyTorch), kLayerNorm);
  EXPECT_EQ(after(recognise_layer_norm, kOfTensorFlow), kLayerNorm);
}

TEST(RecogniseLayerNorm, KnowsDeviationsComputedTwiceAndInversePowers) {
  EXPECT_EQ(after(recognise_layer_norm, R"(
      m = reduce(%x:f32[n,4,6]) {kind="mean", axes=[2], keepdims=1}
      d = sub(x, m)
      e = sub(x, m)
      q = mul(e, e)
      v = reduce(q) {kind="mean", axes=[2], keepdims=1}
      s = add(v, %eps:f32[1]=0.5)
      i = pow(s, %power:f32[]=-0.5)
      z = mul(d, i)
      a = mul(%scale:f32[1,1,6]=random(1), z)
      y = add(a, %bias:f32[1,1,6]=random(2))
      return y)"),
            kLayerNorm);
}

TEST(RecogniseLayerNorm, KnowsSeveralDimensionsAndNoParameters) {
  EXPECT_EQ(after(recognise_layer_norm, R"(
      m = reduce(%x:f32[n,4,6]) {kind="mean", axes=[1,2], keepdims=1}
      d = sub(x, m)
      q = mul(d, d)
      v = reduce(q) {kind="mean", axes=[1,2], keepdims=1}
      s = add(v, %eps:f32[]=0.5)
      r = sqrt(s)
      y = div(d, r)
      return y)"),
            R"(
      y = layer_norm(%x:f32[n,4,6]) {axis=1, epsilon=0.5}
      return y)");
}

constexpr const char* kRmsNorm = R"(
    q = mul(%x:f32[n,6], %x)
    v = reduce(q) {kind="mean", axes=[1], keepdims=1}
    s = add(v, %eps:f32[]=0.5)
    r = sqrt(s)
    i = reciprocal(r)
    z = mul(x, i)
    y = mul(%scale:f32[6]=random(1), z)
    return y)";

TEST(RecogniseLayerNorm, KnowsRmsNorm) {
  EXPECT_EQ(after(recognise_layer_norm, kRmsNorm), R"(
      y = layer_norm(%x:f32[n,6], %scale:f32[6]=random(1)) {axis=1, epsilon=0.5, rms=1}
      return y)");
}

TEST(RecogniseLayerNorm, LeavesABiasOfRmsNormOutside) {
  EXPECT_EQ(after(recognise_layer_norm, R"(
      q = mul(%x:f32[n,6], %x)
      v = reduce(q) {kind="mean", axes=[1], keepdims=1}
      s = add(v, %eps:f32[]=0.5)
      r = sqrt(s)
      z = div(x, r)
      y = add(z, %bias:f32[6]=random(1))
      return y)"),
            R"(
      z = layer_norm(%x:f32[n,6]) {axis=1, epsilon=0.5, rms=1}
      y = add(z, %bias:f32[6]=random(1))
      return y)");
}

TEST(RecogniseLayerNorm, KeepsOtherDimensions) {
  expect_unchanged(recognise_layer_norm, changed(kOfPyTorch, "axes=[2]", "axes=[1]"));
}

TEST(RecogniseLayerNorm, KeepsMeansOverDifferentDimensions) {
  expect_unchanged(recognise_layer_norm,
                   changed(kOfPyTorch, R"((q) {kind="mean", axes=[2])", R"((q) {kind="mean", axes=[1,2])"));
}

TEST(RecogniseLayerNorm, KeepsVariancesOfAnotherValue) {
  expect_unchanged(recognise_layer_norm,
                   changed(kOfPyTorch, "q = mul(d, d)", "e = sub(%other:f32[n,4,6], m)\n q = mul(e, e)"));
}

TEST(RecogniseLayerNorm, KeepsValuesThatSomethingElseReads) {
  expect_unchanged(recognise_layer_norm, changed(kOfPyTorch, "return y", "return y, v"));
}

TEST(RecogniseLayerNorm, LeavesParametersAlongOtherDimensionsOutside) {
  expect_unchanged(recognise_layer_norm, R"(
      z = layer_norm(%x:f32[n,4,6]) {axis=2, epsilon=0.5}
      a = mul(z, %scale:f32[4,1]=random(1))
      y = add(a, %bias:f32[6]=random(2))
      return y)");
}

TEST(RecogniseLayerNorm, LeavesASecondScaleOutside) {
  EXPECT_EQ(after(recognise_layer_norm, R"(
      z = layer_norm(%x:f32[n,6]) {axis=1, epsilon=0.5}
      a = add(z, %bias:f32[6]=random(1))
      y = mul(a, %scale:f32[6]=random(2))
      return y)"),
            R"(
      a = layer_norm(%x:f32[n,6], -, %bias:f32[6]=random(1)) {axis=1, epsilon=0.5}
      y = mul(a, %scale:f32[6]=random(2))
      return y)");
}

TEST(RecogniseLayerNorm, KeepsValues) {
  expect_same_values(recognise_layer_norm, kOfPyTorch);
  expect_same_values(recognise_layer_norm, kOfTensorFlow);
  expect_same_values(recognise_layer_norm, kRmsNorm);
}

}  // namespace
}  // namespace tegula::compiler
