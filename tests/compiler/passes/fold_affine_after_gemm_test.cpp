#include "compiler/passes/fold_affine_after_gemm.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

TEST(FoldAffineAfterGemm, FoldsBatchNormIntoConv) {
  EXPECT_EQ(after(fold_affine_after_gemm, R"(
      c = conv(%x:f32[n,2,4,4], %w:f32[3,2,1,1]=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], %b:f32[3]=[1.0, 1.0, 1.0]) {kernel=[1,1]}
      m = mul(c, %s:f32[1,3,1,1]=[1.0, 2.0, -1.0])
      y = add(m, %t:f32[1,3,1,1]=[0.0, 0.5, 0.25])
      return y)"),
            R"(
      y = conv(%x:f32[n,2,4,4], %w:f32[3,2,1,1]=[1.0, 2.0, 6.0, 8.0, -5.0, -6.0], %b:f32[3]=[1.0, 2.5, -0.75]) {kernel=[1,1]}
      return y)");
}

TEST(FoldAffineAfterGemm, FoldsIntoConvChannelsLast) {
  EXPECT_EQ(after(fold_affine_after_gemm, R"(
      c = conv(%x:f32[1,4,4,2], %w:f32[2,1,1,1]=[1.0, 2.0]) {kernel=[1,1], groups=2, channels_last=1}
      m = mul(c, %s:f32[2]=[3.0, -1.0])
      y = add(m, %t:f32[1,1,1,2]=[0.5, 0.25])
      return y)"),
            R"(
      y = conv(%x:f32[1,4,4,2], %w:f32[2,1,1,1]=[3.0, -2.0], %b:f32[2]=[0.5, 0.25]) {kernel=[1,1], groups=2, channels_last=1}
      return y)");
}

TEST(FoldAffineAfterGemm, FoldsIntoGroupsOfConvTranspose) {
  EXPECT_EQ(after(fold_affine_after_gemm, R"(
      c = conv_transpose(%x:f32[1,2,3], %w:f32[2,2,1]=[1.0, 2.0, 3.0, 4.0]) {kernel=[1], groups=2, sizes=[3]}
      y = mul(c, %s:f32[4,1]=[10.0, 20.0, 30.0, 40.0])
      return y)"),
            R"(
      y = conv_transpose(%x:f32[1,2,3], %w:f32[2,2,1]=[10.0, 40.0, 90.0, 160.0]) {kernel=[1], groups=2, sizes=[3]}
      return y)");
}

TEST(FoldAffineAfterGemm, FoldsIntoMatmul) {
  EXPECT_EQ(after(fold_affine_after_gemm, R"(
      m = matmul(%x:f32[n,2], %w:f32[2,2]=[1.0, 2.0, 3.0, 4.0])
      a = add(%b:f32[2]=[1.0, 2.0], m)
      y = mul(a, %s:f32[2]=[2.0, 3.0])
      return y)"),
            R"(
      y = matmul(%x:f32[n,2], %w:f32[2,2]=[2.0, 6.0, 6.0, 12.0], %b:f32[2]=[2.0, 6.0])
      return y)");
  EXPECT_EQ(after(fold_affine_after_gemm, R"(
      m = matmul(%x:f32[n,2], %w:f32[2,2]=[1.0, 2.0, 3.0, 4.0]) {transpose_b=1}
      y = mul(m, %s:f32[2]=[2.0, 3.0])
      return y)"),
            R"(
      y = matmul(%x:f32[n,2], %w:f32[2,2]=[2.0, 4.0, 9.0, 12.0]) {transpose_b=1}
      return y)");
}

TEST(FoldAffineAfterGemm, MovesOneFactorIntoAlpha) {
  EXPECT_EQ(after(fold_affine_after_gemm, R"(
      m = matmul(%q:f32[n,2,3], %k:f32[n,3,2])
      y = div(m, %s:f32[]=8.0)
      return y)"),
            R"(
      y = matmul(%q:f32[n,2,3], %k:f32[n,3,2]) {alpha=0.125}
      return y)");
}

TEST(FoldAffineAfterGemm, TakesABiasForWeightsThatAreNotConstant) {
  EXPECT_EQ(after(fold_affine_after_gemm, R"(
      m = matmul(%q:f32[n,2,3], %k:f32[n,3,2])
      y = sub(m, %b:f32[2]=[1.0, 2.0])
      return y)"),
            R"(
      y = matmul(%q:f32[n,2,3], %k:f32[n,3,2], %b:f32[2]=[-1.0, -2.0])
      return y)");
}

TEST(FoldAffineAfterGemm, KeepsAConvThatTwoNodesRead) {
  expect_unchanged(fold_affine_after_gemm, R"(
      c = conv(%x:f32[n,2,4,4], %w:f32[3,2,1,1]=random(1)) {kernel=[1,1]}
      y = mul(c, %s:f32[3,1,1]=random(2))
      return y, c)");
}

TEST(FoldAffineAfterGemm, KeepsScalesOfComputedWeights) {
  expect_unchanged(fold_affine_after_gemm, R"(
      m = matmul(%q:f32[n,2,3], %k:f32[n,3,2])
      y = mul(m, %s:f32[2]=random(1))
      return y)");
}

TEST(FoldAffineAfterGemm, KeepsConstantsAlongOtherDimensions) {
  expect_unchanged(fold_affine_after_gemm, R"(
      c = conv(%x:f32[n,2,4,4], %w:f32[4,2,1,1]=random(1)) {kernel=[1,1]}
      y = mul(c, %s:f32[4]=random(2))
      return y)");
}

TEST(FoldAffineAfterGemm, KeepsConstantsThatBroadcastTheResult) {
  expect_unchanged(fold_affine_after_gemm, R"(
      m = matmul(%x:f32[2,3], %w:f32[3,4]=random(1))
      y = add(m, %b:f32[1,1,4]=random(2))
      return y)");
}

TEST(FoldAffineAfterGemm, KeepsWhatStandsBehindPostOps) {
  expect_unchanged(fold_affine_after_gemm, R"(
      m = matmul(%x:f32[2,3], %w:f32[3,4]=random(1)) {post_ops=[relu]}
      y = add(m, %b:f32[4]=random(2))
      return y)");
}

TEST(FoldAffineAfterGemm, KeepsDivisionByZero) {
  expect_unchanged(fold_affine_after_gemm, R"(
      m = matmul(%x:f32[2,3], %w:f32[3,2]=random(1))
      y = div(m, %s:f32[2]=[1.0, 0.0])
      return y)");
}

TEST(FoldAffineAfterGemm, KeepsValues) {
  expect_same_values(fold_affine_after_gemm, R"(
      c = conv(%x:f32[n,4,5,5], %w:f32[6,2,3,3]=random(1), %b:f32[6]=random(2)) {kernel=[3,3], groups=2, pads_begin=[1,1], pads_end=[1,1]}
      m = mul(c, %s:f32[1,6,1,1]=random(3))
      y = add(m, %t:f32[1,6,1,1]=random(4))
      return y)");
  expect_same_values(fold_affine_after_gemm, R"(
      c = conv_transpose(%x:f32[n,4,5], %w:f32[4,3,2]=random(1)) {kernel=[2], strides=[2], groups=2, sizes=[10]}
      m = mul(c, %s:f32[6,1]=random(3))
      y = sub(m, %t:f32[6,1]=random(4))
      return y)");
  expect_same_values(fold_affine_after_gemm, R"(
      m = matmul(%x:f32[n,2,4], %w:f32[5,4]=random(1)) {transpose_b=1, alpha=0.5}
      a = add(m, %b:f32[5]=random(2))
      d = div(a, %s:f32[5]=[1.0, 2.0, 3.0, 4.0, 5.0])
      y = mul(d, %k:f32[]=0.3)
      return y)");
}

}  // namespace
}  // namespace tegula::compiler
