#include "compiler/passes/merge_projections.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

constexpr const char* kProjections = R"(
    q = matmul(%x:f32[b,s,3], %wq:f32[3,4]=random(1), %bq:f32[4]=random(2))
    k = matmul(x, %wk:f32[4,3]=random(3)) {transpose_b=1}
    v = matmul(x, %wv:f32[3,4]=random(4), %bv:f32[4]=random(5))
    y = attention(q, k, v) {heads=2, kv_heads=2, scale=0.5}
    return y)";

TEST(MergeProjections, MakesOneProduct) {
  EXPECT_EQ(after(merge_projections, R"(
      q = matmul(%x:f32[b,s,1], %wq:f32[1,2]=[1.0, 2.0], %bq:f32[2]=[0.5, 0.25])
      k = matmul(x, %wk:f32[2,1]=[3.0, 4.0]) {transpose_b=1}
      v = matmul(x, %wv:f32[1,2]=[5.0, 6.0])
      y = attention(q, k, v) {heads=2, kv_heads=2, scale=0.5}
      return y)"),
            R"(
      p = matmul(%x:f32[b,s,1], %w:f32[1,6]=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], %b:f32[6]=[0.5, 0.25, 0.0, 0.0, 0.0, 0.0])
      q = slice(p) {starts=[0,0,0], sizes=[b,s,2], steps=[1,1,1]}
      k = slice(p) {starts=[0,0,2], sizes=[b,s,2], steps=[1,1,1]}
      v = slice(p) {starts=[0,0,4], sizes=[b,s,2], steps=[1,1,1]}
      y = attention(q, k, v) {heads=2, kv_heads=2, scale=0.5}
      return y)");
}

TEST(MergeProjections, KeepsProductsOfDifferentOperands) {
  expect_unchanged(merge_projections, R"(
      q = matmul(%x:f32[b,s,3], %wq:f32[3,4]=random(1))
      k = matmul(%z:f32[b,s,3], %wk:f32[3,4]=random(3))
      y = attention(q, k, %v:f32[b,s,4]) {heads=2, kv_heads=2, scale=0.5}
      return y)");
}

TEST(MergeProjections, KeepsWhatOthersRead) {
  expect_unchanged(merge_projections, R"(
      q = matmul(%x:f32[b,s,3], %wq:f32[3,4]=random(1))
      k = matmul(x, %wk:f32[3,4]=random(3))
      y = attention(q, k, k) {heads=2, kv_heads=2, scale=0.5}
      z = relu(k)
      return y, z)");
}

TEST(MergeProjections, KeepsPostOpsAndOtherFactors) {
  expect_unchanged(merge_projections, R"(
      q = matmul(%x:f32[b,s,3], %wq:f32[3,4]=random(1)) {alpha=0.5}
      k = matmul(x, %wk:f32[3,4]=random(3))
      v = matmul(x, %wv:f32[3,4]=random(4)) {post_ops=[relu]}
      y = attention(q, k, v) {heads=2, kv_heads=2, scale=0.5}
      return y)");
}

TEST(MergeProjections, KeepsComputedWeights) {
  expect_unchanged(merge_projections, R"(
      input %x: f32[b,s,3]
      input %wq: f32[3,4]
      input %wk: f32[3,4]
      q = matmul(x, wq)
      k = matmul(x, wk)
      y = attention(q, k, k) {heads=2, kv_heads=2, scale=0.5}
      return y)");
}

TEST(MergeProjections, KeepsValues) {
  expect_same_values(merge_projections, kProjections);
}

}  // namespace
}  // namespace tegula::compiler
