#include "compiler/passes/fold_constants.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

TEST(FoldConstants, EvaluatesWhatIsConstant) {
  EXPECT_EQ(after(fold_constants, R"(
      r = reshape(%c:f32[4]=[1.0, 2.0, 3.0, 4.0]) {shape=[2,2]}
      t = transpose(r) {perm=[1,0]}
      a = add(t, %d:f32[]=1.0)
      y = mul(%x:f32[2,2], a)
      return y)"),
            R"(
      y = mul(%x:f32[2,2], %c:f32[2,2]=[2.0, 4.0, 3.0, 5.0])
      return y)");
}

TEST(FoldConstants, MakesConstantOutputs) {
  EXPECT_EQ(after(fold_constants, R"(
      y = neg(%c:f32[2]=[1.0, 2.0])
      return y)"),
            R"(
      const %y: f32[2] = [-1.0, -2.0]
      return y)");
}

TEST(FoldConstants, KeepsWhatDependsOnInputs) {
  expect_unchanged(fold_constants, R"(
      y = mul(%x:f32[2], %c:f32[2]=random(1))
      return y)");
}

TEST(FoldConstants, KeepsSizesThatDependOnSymbols) {
  expect_unchanged(fold_constants, R"(
      e = expand(%c:f32[1]=[1.0]) {shape=[n]}
      y = add(%x:f32[n], e)
      return y)");
}

TEST(FoldConstants, KeepsWhatWouldBlowUp) {
  expect_unchanged(fold_constants, R"(
      e = expand(%c:f32[1]=[1.0]) {shape=[5000000]}
      y = relu(e)
      return y)");
}

TEST(FoldConstants, BlowsUpWeights) {
  EXPECT_EQ(after(fold_constants, R"(
      w = expand(%c:f32[1]=[1.0]) {shape=[5000,1000]}
      y = matmul(%x:f32[n,5000], w)
      return y)"),
            R"(
      y = matmul(%x:f32[n,5000], %w:f32[5000,1000]=fill(1))
      return y)");
}

TEST(FoldConstants, KeepsValues) {
  expect_same_values(fold_constants, R"(
      t = transpose(%c:f32[3,4]=random(1)) {perm=[1,0]}
      e = erf(t)
      y = matmul(%x:f32[n,4], e)
      return y)");
}

}  // namespace
}  // namespace tegula::compiler
