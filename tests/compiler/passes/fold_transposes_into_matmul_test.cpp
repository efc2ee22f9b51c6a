#include "compiler/passes/fold_transposes_into_matmul.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

TEST(FoldTransposesIntoMatmul, TakesBothOperands) {
  EXPECT_EQ(after(fold_transposes_into_matmul, R"(
      s = transpose(%a:f32[n,2,3]) {perm=[0,2,1]}
      t = transpose(%b:f32[n,4,2]) {perm=[0,2,1]}
      y = matmul(s, t)
      return y)"),
            R"(
      y = matmul(%a:f32[n,2,3], %b:f32[n,4,2]) {transpose_a=1, transpose_b=1}
      return y)");
}

TEST(FoldTransposesIntoMatmul, CancelsATransposeOfItsOwn) {
  EXPECT_EQ(after(fold_transposes_into_matmul, R"(
      t = transpose(%b:f32[n,2,4]) {perm=[0,2,1]}
      y = matmul(%a:f32[n,3,2], t) {transpose_b=1}
      return y)"),
            R"(
      input %b: f32[n,2,4]
      input %a: f32[n,3,2]
      y = matmul(a, b)
      return y)");
}

TEST(FoldTransposesIntoMatmul, TransposesConstantsAtOnce) {
  EXPECT_EQ(after(fold_transposes_into_matmul, R"(
      y = matmul(%a:f32[n,3], %b:f32[2,3]=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) {transpose_b=1}
      return y)"),
            R"(
      y = matmul(%a:f32[n,3], %b:f32[3,2]=[1.0, 4.0, 2.0, 5.0, 3.0, 6.0])
      return y)");
}

TEST(FoldTransposesIntoMatmul, KeepsTransposesOfOtherDimensions) {
  expect_unchanged(fold_transposes_into_matmul, R"(
      t = transpose(%b:f32[2,n,4]) {perm=[1,0,2]}
      y = matmul(%a:f32[n,3,2], t)
      return y)");
}

TEST(FoldTransposesIntoMatmul, KeepsATransposeForOtherReaders) {
  EXPECT_EQ(after(fold_transposes_into_matmul, R"(
      t = transpose(%b:f32[4,2]) {perm=[1,0]}
      y = matmul(%a:f32[3,2], t)
      return y, t)"),
            R"(
      input %b: f32[4,2]
      input %a: f32[3,2]
      t = transpose(b) {perm=[1,0]}
      y = matmul(a, b) {transpose_b=1}
      return y, t)");
}

TEST(FoldTransposesIntoMatmul, KeepsValues) {
  expect_same_values(fold_transposes_into_matmul, R"(
      s = transpose(%a:f32[n,2,3]) {perm=[0,2,1]}
      t = transpose(%b:f32[n,4,2]) {perm=[0,2,1]}
      p = matmul(s, t)
      y = matmul(p, %w:f32[5,4]=random(1)) {transpose_b=1}
      return y)");
}

}  // namespace
}  // namespace tegula::compiler
