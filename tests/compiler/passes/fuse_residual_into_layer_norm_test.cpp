#include "compiler/passes/fuse_residual_into_layer_norm.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

constexpr const char* kSumAndNorm = R"(
    s = add(%x:f32[n,4,6], %r:f32[n,4,6])
    y = layer_norm(s, %scale:f32[6]=random(1), %bias:f32[6]=random(2)) {axis=2, epsilon=0.5}
    return y)";

TEST(FuseResidualIntoLayerNorm, TakesTheSum) {
  EXPECT_EQ(after(fuse_residual_into_layer_norm, kSumAndNorm), R"(
      input %x: f32[n,4,6]
      input %r: f32[n,4,6]
      y = layer_norm(x, %scale:f32[6]=random(1), %bias:f32[6]=random(2), r) {axis=2, epsilon=0.5}
      return y)");
}

TEST(FuseResidualIntoLayerNorm, TakesItWithoutParameters) {
  EXPECT_EQ(after(fuse_residual_into_layer_norm, R"(
      s = add(%x:f32[n,6], %r:f32[n,6])
      y = layer_norm(s) {axis=1, epsilon=0.5, rms=1}
      return y)"),
            R"(
      input %x: f32[n,6]
      input %r: f32[n,6]
      y = layer_norm(x, -, -, r) {axis=1, epsilon=0.5, rms=1}
      return y)");
}

TEST(FuseResidualIntoLayerNorm, KeepsASumThatSomethingElseReads) {
  expect_unchanged(fuse_residual_into_layer_norm, R"(
      s = add(%x:f32[n,6], %r:f32[n,6])
      y = layer_norm(s) {axis=1, epsilon=0.5}
      return y, s)");
}

TEST(FuseResidualIntoLayerNorm, KeepsASumThatBroadcasts) {
  expect_unchanged(fuse_residual_into_layer_norm, R"(
      s = add(%x:f32[n,4,6], %r:f32[4,6])
      y = layer_norm(s) {axis=2, epsilon=0.5}
      return y)");
}

TEST(FuseResidualIntoLayerNorm, KeepsASecondResidual) {
  expect_unchanged(fuse_residual_into_layer_norm, R"(
      s = add(%x:f32[n,6], %r:f32[n,6])
      y = layer_norm(s, -, -, %q:f32[n,6]) {axis=1, epsilon=0.5}
      return y)");
}

TEST(FuseResidualIntoLayerNorm, KeepsValues) {
  expect_same_values(fuse_residual_into_layer_norm, kSumAndNorm);
}

}  // namespace
}  // namespace tegula::compiler
