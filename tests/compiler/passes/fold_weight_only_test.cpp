#include "compiler/passes/fold_weight_only.h"

#include <gtest/gtest.h>

#include "compiler/passes/pass.h"
#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

TEST(FoldWeightOnly, KeepsTheWeightsOfAProductInBytes) {
  EXPECT_EQ(after(fold_weight_only, R"(
      w = dequantize_by(%v:s8[2,3]=[1, -2, 3, 4, 5, -6], %s:f32[3]=[0.25, 0.5, 1], %z:s8[3]=fill(0))
      y = matmul(%x:f32[m,2], w, %b:f32[3]=[1, 2, 3]) {weight_only=1, post_ops=[add(%r:f32[m,3]), relu]}
      return y)"),
            R"(
      y = weight_only_matmul(%x:f32[m,2], %v:s8[2,3]=[1, -2, 3, 4, 5, -6], %s:f32[3]=[0.25, 0.5, 1], %b:f32[3]=[1, 2, 3]) {post_ops=[add(%r:f32[m,3]), relu]}
      return y)");
}

TEST(FoldWeightOnly, TakesAlphaAndTransposedWeightsOfOneScale) {
  EXPECT_EQ(after(fold_weight_only, R"(
      w = dequantize(%v:s8[3,2]=[1, -2, 3, 4, 5, -6]) {alpha=0.25}
      y = matmul(%x:f32[4,m,2], w) {weight_only=1, transpose_b=1, alpha=2.0}
      return y)"),
            R"(
      y = weight_only_matmul(%x:f32[4,m,2], %v:s8[3,2]=[1, -2, 3, 4, 5, -6], %s:f32[]=0.5) {transpose_b=1}
      return y)");
}

TEST(FoldWeightOnly, TakesConvolutionsOfOnePosition) {
  EXPECT_EQ(after(fold_weight_only, R"(
      w = dequantize_by(%v:s8[3,2,1,1]=[1, -2, 3, 4, 5, -6], %s:f32[3,1,1,1]=[0.25, 0.5, 1], %z:s8[3,1,1,1]=fill(0))
      y = conv(%x:f32[n,5,7,2], w, %b:f32[3]=[1, 2, 3]) {kernel=[1,1], channels_last=1, weight_only=1}
      return y)"),
            R"(
      y = weight_only_matmul(%x:f32[n,5,7,2], %v:s8[3,2]=[1, -2, 3, 4, 5, -6], %s:f32[3]=[0.25, 0.5, 1], %b:f32[3]=[1, 2, 3]) {transpose_b=1}
      return y)");
}

TEST(FoldWeightOnly, LeavesProductsThatNobodyAskedFor) {
  expect_unchanged(fold_weight_only, R"(
      w = dequantize(%v:s8[2,3]=[1, -2, 3, 4, 5, -6]) {alpha=0.25}
      y = matmul(%x:f32[m,2], w)
      return y)");
}

TEST(FoldWeightOnly, DropsRequestsThatNoKernelServes) {
  // A stride, zero points, scales along k, a transposed left operand, batches of weights.
  for (const auto& [asked, left] : std::vector<std::pair<const char*, const char*>>{
           {R"(
      w = dequantize(%v:s8[3,2,1,1]=[1, -2, 3, 4, 5, -6]) {alpha=0.25}
      y = conv(%x:f32[n,5,7,2], w) {kernel=[1,1], strides=[2,2], channels_last=1, weight_only=1}
      return y)",
            R"(
      w = dequantize(%v:s8[3,2,1,1]=[1, -2, 3, 4, 5, -6]) {alpha=0.25}
      y = conv(%x:f32[n,5,7,2], w) {kernel=[1,1], strides=[2,2], channels_last=1}
      return y)"},
           {R"(
      w = dequantize(%v:s8[2,3]=[1, -2, 3, 4, 5, -6]) {alpha=0.25, beta=1}
      y = matmul(%x:f32[m,2], w) {weight_only=1}
      return y)",
            R"(
      w = dequantize(%v:s8[2,3]=[1, -2, 3, 4, 5, -6]) {alpha=0.25, beta=1}
      y = matmul(%x:f32[m,2], w)
      return y)"},
           {R"(
      w = dequantize_by(%v:s8[2,3]=[1, -2, 3, 4, 5, -6], %s:f32[2,1]=[0.25, 0.5], %z:s8[2,1]=fill(0))
      y = matmul(%x:f32[m,2], w) {weight_only=1}
      return y)",
            R"(
      w = dequantize_by(%v:s8[2,3]=[1, -2, 3, 4, 5, -6], %s:f32[2,1]=[0.25, 0.5], %z:s8[2,1]=fill(0))
      y = matmul(%x:f32[m,2], w)
      return y)"},
           {R"(
      w = dequantize(%v:s8[2,3]=[1, -2, 3, 4, 5, -6]) {alpha=0.25}
      y = matmul(%x:f32[2,m], w) {weight_only=1, transpose_a=1}
      return y)",
            R"(
      w = dequantize(%v:s8[2,3]=[1, -2, 3, 4, 5, -6]) {alpha=0.25}
      y = matmul(%x:f32[2,m], w) {transpose_a=1}
      return y)"},
           {R"(
      w = dequantize(%v:s8[1,2,3]=[1, -2, 3, 4, 5, -6]) {alpha=0.25}
      y = matmul(%x:f32[1,m,2], w) {weight_only=1}
      return y)",
            R"(
      w = dequantize(%v:s8[1,2,3]=[1, -2, 3, 4, 5, -6]) {alpha=0.25}
      y = matmul(%x:f32[1,m,2], w)
      return y)"},
       })
    EXPECT_EQ(after(fold_weight_only, asked), left);
}

/// The pass changes the order of the arithmetic (the scale multiplies the sum), so values are near, not equal.
TEST(FoldWeightOnly, KeepsTheValues) {
  expect_same_values(fold_weight_only, R"(
      w = dequantize_by(%v:s8[7,3]=random(1), %s:f32[3]=[0.25, 0.5, 1], %z:s8[3]=fill(0))
      y = matmul(%x:f32[5,7], w, %b:f32[3]=[1, 2, 3]) {weight_only=1, alpha=0.5, post_ops=[relu]}
      return y)");
}

}  // namespace
}  // namespace tegula::compiler
