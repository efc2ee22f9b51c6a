#include "compiler/passes/push_reshapes.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

TEST(PushReshapes, MovesBelowBiasAndActivation) {
  EXPECT_EQ(after(push_reshapes, R"(
      m = matmul(%x:f32[6,3], %w:f32[3,4]=random(1))
      r = reshape(m) {shape=[2,3,4]}
      a = add(r, %b:f32[4]=random(2))
      y = relu(a)
      return y)"),
            R"(
      m = matmul(%x:f32[6,3], %w:f32[3,4]=random(1))
      a = add(m, %b:f32[1,4]=random(2))
      c = relu(a)
      y = reshape(c) {shape=[2,3,4]}
      return y)");
}

TEST(PushReshapes, ReshapesAResidual) {
  EXPECT_EQ(after(push_reshapes, R"(
      m = matmul(%x:f32[6,3], %w:f32[3,4]=random(1))
      r = reshape(m) {shape=[2,3,4]}
      y = add(r, %z:f32[2,3,4])
      return y)"),
            R"(
      input %x: f32[6,3]
      input %z: f32[2,3,4]
      m = matmul(x, %w:f32[3,4]=random(1))
      u = reshape(z) {shape=[6,4]}
      a = add(m, u)
      y = reshape(a) {shape=[2,3,4]}
      return y)");
}

TEST(PushReshapes, MeetsTheNextReshape) {
  EXPECT_EQ(after(push_reshapes, R"(
      m = matmul(%q:f32[6,3,4], %k:f32[6,4,3])
      r = reshape(m) {shape=[2,3,3,3]}
      a = add(r, %c:f32[1,1,3,3]=random(2))
      b = reshape(a) {shape=[6,3,3]}
      y = softmax(b) {axis=2}
      return y)"),
            R"(
      m = matmul(%q:f32[6,3,4], %k:f32[6,4,3])
      a = add(m, %c:f32[1,3,3]=random(2))
      y = softmax(a) {axis=2}
      return y)");
}

TEST(PushReshapes, KeepsAReshapeThatSomethingElseReads) {
  expect_unchanged(push_reshapes, R"(
      m = matmul(%x:f32[6,3], %w:f32[3,4]=random(1))
      r = reshape(m) {shape=[2,3,4]}
      y = relu(r)
      return y, r)");
}

TEST(PushReshapes, KeepsOperandsThatVaryAlongAPartOfADimension) {
  expect_unchanged(push_reshapes, R"(
      m = matmul(%x:f32[6,3], %w:f32[3,4]=random(1))
      r = reshape(m) {shape=[2,3,4]}
      y = add(r, %c:f32[3,1]=random(2))
      return y)");
}

TEST(PushReshapes, KeepsReshapesOfOtherOperations) {
  expect_unchanged(push_reshapes, R"(
      m = softmax(%x:f32[6,4]) {axis=1}
      r = reshape(m) {shape=[2,3,4]}
      y = relu(r)
      return y)");
}

TEST(PushReshapes, KeepsValues) {
  expect_same_values(push_reshapes, R"(
      m = matmul(%x:f32[6,3], %w:f32[3,4]=random(1))
      r = reshape(m) {shape=[2,3,2,2]}
      a = add(r, %b:f32[2,2]=random(2))
      s = mul(a, %c:f32[2,3,1,1]=random(3))
      y = sub(%z:f32[2,3,2,2], s)
      return y)");
}

}  // namespace
}  // namespace tegula::compiler
