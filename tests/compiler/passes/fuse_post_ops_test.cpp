#include "compiler/passes/fuse_post_ops.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

TEST(FusePostOps, MovesAnActivationIntoConv) {
  EXPECT_EQ(after(fuse_post_ops, R"(
      c = conv(%x:f32[1,8,8,3], %w:f32[4,3,3,3]=random(1)) {kernel=[3,3], channels_last=1}
      y = clip(c) {alpha=0, beta=6}
      return y)"),
            R"(
      y = conv(%x:f32[1,8,8,3], %w:f32[4,3,3,3]=random(1)) {kernel=[3,3], channels_last=1, post_ops=[clip(alpha=0, beta=6)]}
      return y)");
}

TEST(FusePostOps, MovesEveryActivationIntoMatmul) {
  for (const char* function : {"relu", "leaky_relu", "elu", "sigmoid", "silu", "hard_sigmoid", "hard_swish", "tanh",
                               "gelu_erf", "gelu_tanh", "mish", "softplus"}) {
    const std::string product = "matmul(%x:f32[n,3], %w:f32[3,4]=random(1))", name = function;
    EXPECT_EQ(after(fuse_post_ops, "c = " + product + "\ny = " + name + "(c)\nreturn y"),
              "y = " + product + " {post_ops=[" + name + "]}\nreturn y");
  }
}

constexpr const char* kResidualBlock = R"(
    a = conv(%x:f32[n,5,5,4], %v:f32[4,4,1,1]=random(1)) {kernel=[1,1], channels_last=1}
    b = relu(a)
    c = conv(b, %w:f32[4,4,3,3]=random(2)) {kernel=[3,3], pads_begin=[1,1], pads_end=[1,1], channels_last=1}
    s = add(c, x)
    y = relu(s)
    return y)";

TEST(FusePostOps, MovesTheResidualAndItsActivation) {
  EXPECT_EQ(after(fuse_post_ops, kResidualBlock), R"(
      b = conv(%x:f32[n,5,5,4], %v:f32[4,4,1,1]=random(1)) {kernel=[1,1], channels_last=1, post_ops=[relu]}
      y = conv(b, %w:f32[4,4,3,3]=random(2)) {kernel=[3,3], pads_begin=[1,1], pads_end=[1,1], channels_last=1, post_ops=[add(%x), relu]}
      return y)");
}

TEST(FusePostOps, LetsTheLaterProductComputeTheSum) {
  EXPECT_EQ(after(fuse_post_ops, R"(
      a = matmul(%x:f32[n,3], %v:f32[3,4]=random(1))
      b = matmul(x, %w:f32[3,4]=random(2))
      y = add(a, b)
      return y)"),
            R"(
      a = matmul(%x:f32[n,3], %v:f32[3,4]=random(1))
      y = matmul(x, %w:f32[3,4]=random(2)) {post_ops=[add(%a)]}
      return y)");
}

TEST(FusePostOps, MovesAProductDownToItsOperand) {
  EXPECT_EQ(after(fuse_post_ops, R"(
      a = matmul(%x:f32[n,3], %v:f32[3,4]=random(1))
      t = tanh(%z:f32[n,4])
      y = mul(t, a)
      return y)"),
            R"(
      input %x: f32[n,3]
      input %z: f32[n,4]
      t = tanh(z)
      y = matmul(x, %v:f32[3,4]=random(1)) {post_ops=[mul(%t)]}
      return y)");
}

TEST(FusePostOps, KeepsTheOrderOfOperands) {
  EXPECT_EQ(after(fuse_post_ops, R"(
      a = matmul(%x:f32[n,3], %v:f32[3,4]=random(1))
      d = sub(%z:f32[n,4], a)
      y = div(d, %c:f32[4]=random(2))
      return y)"),
            R"(
      input %x: f32[n,3]
      input %z: f32[n,4]
      const %c: f32[4] = random(2)
      y = matmul(x, %v:f32[3,4]=random(1)) {post_ops=[sub(%z, first), div(%c)]}
      return y)");
}

TEST(FusePostOps, KeepsAProductThatTwoNodesRead) {
  expect_unchanged(fuse_post_ops, R"(
      a = matmul(%x:f32[n,3], %v:f32[3,4]=random(1))
      y = relu(a)
      return y, a)");
}

TEST(FusePostOps, KeepsAProductAddedToItself) {
  expect_unchanged(fuse_post_ops, R"(
      a = matmul(%x:f32[n,3], %v:f32[3,4]=random(1))
      y = mul(a, a)
      return y)");
}

TEST(FusePostOps, KeepsOperandsThatVaryAlongRowsOnly) {
  expect_unchanged(fuse_post_ops, R"(
      a = matmul(%x:f32[5,3], %v:f32[3,4]=random(1))
      y = add(a, %c:f32[5,1])
      return y)");
}

TEST(FusePostOps, KeepsWhatBroadcastsTheResult) {
  expect_unchanged(fuse_post_ops, R"(
      a = matmul(%x:f32[1,3], %v:f32[3,4]=random(1))
      y = add(a, %c:f32[5,4])
      return y)");
}

TEST(FusePostOps, KeepsResultsOfOtherTypes) {
  expect_unchanged(fuse_post_ops, R"(
      a = matmul(%x:f32[5,3], %v:f32[3,4]=random(1))
      b = greater(a, %c:f32[]=0.5)
      return b)");
}

TEST(FusePostOps, KeepsActivationsOfOtherOperations) {
  expect_unchanged(fuse_post_ops, R"(
      a = softmax(%x:f32[5,3]) {axis=1}
      y = relu(a)
      return y)");
}

TEST(FusePostOps, KeepsValues) {
  expect_same_values(fuse_post_ops, kResidualBlock);
  expect_same_values(fuse_post_ops, R"(
      a = matmul(%x:f32[n,3], %v:f32[3,4]=random(1), %b:f32[4]=random(2))
      g = gelu_erf(a)
      t = tanh(%z:f32[n,4])
      d = sub(t, g)
      m = mul(d, %c:f32[4]=random(3))
      s = max(m, %k:f32[]=-0.1)
      y = add(s, z)
      return y)");
}

}  // namespace
}  // namespace tegula::compiler
