#include "compiler/passes/fold_affine_before_gemm.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

TEST(FoldAffineBeforeGemm, FoldsIntoMatmul) {
  EXPECT_EQ(after(fold_affine_before_gemm, R"(
      m = mul(%x:f32[n,2], %s:f32[2]=[2.0, 3.0])
      a = add(m, %t:f32[2]=[1.0, -1.0])
      y = matmul(a, %w:f32[2,2]=[1.0, 2.0, 3.0, 4.0])
      return y)"),
            R"(
      y = matmul(%x:f32[n,2], %w:f32[2,2]=[2.0, 4.0, 9.0, 12.0], %b:f32[2]=[-2.0, -2.0])
      return y)");
}

TEST(FoldAffineBeforeGemm, FoldsIntoAllReadersAtOnce) {
  EXPECT_EQ(after(fold_affine_before_gemm, R"(
      m = mul(%x:f32[n,2], %s:f32[2]=[2.0, 3.0])
      q = matmul(m, %v:f32[2,1]=[1.0, 2.0])
      k = matmul(m, %w:f32[1,2]=[3.0, 4.0]) {transpose_b=1}
      return q, k)"),
            R"(
      q = matmul(%x:f32[n,2], %v:f32[2,1]=[2.0, 6.0])
      k = matmul(x, %w:f32[1,2]=[6.0, 12.0]) {transpose_b=1}
      return q, k)");
}

TEST(FoldAffineBeforeGemm, FoldsAScaleIntoPaddedConv) {
  EXPECT_EQ(after(fold_affine_before_gemm, R"(
      m = mul(%x:f32[n,2,4,4], %s:f32[2,1,1]=[2.0, 3.0])
      y = conv(m, %w:f32[1,2,1,1]=[1.0, 2.0]) {kernel=[1,1], pads_begin=[1,1], pads_end=[1,1]}
      return y)"),
            R"(
      y = conv(%x:f32[n,2,4,4], %w:f32[1,2,1,1]=[2.0, 6.0]) {kernel=[1,1], pads_begin=[1,1], pads_end=[1,1]}
      return y)");
}

TEST(FoldAffineBeforeGemm, KeepsAShiftBeforePaddedConv) {
  expect_unchanged(fold_affine_before_gemm, R"(
      m = add(%x:f32[n,2,4,4], %s:f32[2,1,1]=[2.0, 3.0])
      y = conv(m, %w:f32[1,2,1,1]=[1.0, 2.0]) {kernel=[1,1], pads_begin=[1,1], pads_end=[1,1]}
      return y)");
}

TEST(FoldAffineBeforeGemm, KeepsWhatAnotherNodeReads) {
  expect_unchanged(fold_affine_before_gemm, R"(
      m = mul(%x:f32[n,2], %s:f32[2]=[2.0, 3.0])
      q = matmul(m, %v:f32[2,1]=[1.0, 2.0])
      r = relu(m)
      return q, r)");
}

TEST(FoldAffineBeforeGemm, KeepsAPostOpsOperand) {
  expect_unchanged(fold_affine_before_gemm, R"(
      m = mul(%x:f32[n,2], %s:f32[2]=[2.0, 3.0])
      q = matmul(m, %v:f32[2,2]=random(1)) {post_ops=[add(%m)]}
      return q)");
}

TEST(FoldAffineBeforeGemm, KeepsTheRightOperand) {
  expect_unchanged(fold_affine_before_gemm, R"(
      m = mul(%x:f32[2,3], %s:f32[3]=random(1))
      y = matmul(%a:f32[4,2]=random(2), m)
      return y)");
}

TEST(FoldAffineBeforeGemm, KeepsConstantsAlongOtherDimensions) {
  expect_unchanged(fold_affine_before_gemm, R"(
      m = mul(%x:f32[3,2], %s:f32[3,1]=random(1))
      y = matmul(m, %w:f32[2,2]=random(2))
      return y)");
}

TEST(FoldAffineBeforeGemm, KeepsValues) {
  expect_same_values(fold_affine_before_gemm, R"(
      m = mul(%x:f32[n,2,4], %s:f32[4]=random(1))
      a = add(m, %t:f32[4]=random(2))
      p = matmul(a, %v:f32[4,5]=random(3), %b:f32[5]=random(4)) {alpha=0.5}
      q = matmul(a, %w:f32[3,4]=random(5)) {transpose_b=1, post_ops=[relu]}
      return p, q)");
  expect_same_values(fold_affine_before_gemm, R"(
      m = mul(%x:f32[n,4,5,5], %s:f32[4,1,1]=random(1))
      a = add(m, %t:f32[4,1,1]=random(2))
      y = conv(a, %w:f32[6,2,3,3]=random(3)) {kernel=[3,3], groups=2}
      return y)");
}

}  // namespace
}  // namespace tegula::compiler
