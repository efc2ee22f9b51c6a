#include "compiler/passes/simplify_shapes.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

TEST(SimplifyShapes, RemovesWhatMovesNothing) {
  EXPECT_EQ(after(simplify_shapes, R"(
      a = reshape(%x:f32[n,4]) {shape=[n,4]}
      b = slice(a) {starts=[0,0], sizes=[n,4], steps=[1,1]}
      c = expand(b) {shape=[n,4]}
      d = pad(c) {mode="constant", begins=[0,0], ends=[0,0]}
      e = concat(d) {axis=1}
      f = transpose(e) {perm=[0,1]}
      y = relu(f)
      return y)"),
            R"(
      y = relu(%x:f32[n,4])
      return y)");
}

TEST(SimplifyShapes, MergesReshapes) {
  EXPECT_EQ(after(simplify_shapes, R"(
      a = reshape(%x:f32[n,4,6]) {shape=[n,24]}
      b = reshape(a) {shape=[n,2,12]}
      y = reshape(b) {shape=[n,8,3]}
      return y)"),
            R"(
      y = reshape(%x:f32[n,4,6]) {shape=[n,8,3]}
      return y)");
  EXPECT_EQ(after(simplify_shapes, R"(
      a = reshape(%x:f32[n,4,6]) {shape=[n,24]}
      b = reshape(a) {shape=[n,4,6]}
      y = relu(b)
      return y)"),
            R"(
      y = relu(%x:f32[n,4,6])
      return y)");
}

TEST(SimplifyShapes, MergesTransposes) {
  EXPECT_EQ(after(simplify_shapes, R"(
      a = transpose(%x:f32[n,4,5,6]) {perm=[0,2,3,1]}
      y = transpose(a) {perm=[0,2,1,3]}
      return y)"),
            R"(
      y = transpose(%x:f32[n,4,5,6]) {perm=[0,3,2,1]}
      return y)");
}

TEST(SimplifyShapes, MakesReshapesOfTransposesThatMoveOnes) {
  EXPECT_EQ(after(simplify_shapes, R"(
      y = transpose(%x:f32[n,1,5,6]) {perm=[0,2,3,1]}
      return y)"),
            R"(
      y = reshape(%x:f32[n,1,5,6]) {shape=[n,5,6,1]}
      return y)");
}

TEST(SimplifyShapes, DropsExpandsThatBroadcastingDoes) {
  EXPECT_EQ(after(simplify_shapes, R"(
      e = expand(%c:f32[1,4]) {shape=[n,4]}
      y = add(%x:f32[n,4], e)
      return y)"),
            R"(
      input %c: f32[1,4]
      input %x: f32[n,4]
      y = add(x, c)
      return y)");
}

TEST(SimplifyShapes, KeepsExpandsThatGiveTheResultItsShape) {
  expect_unchanged(simplify_shapes, R"(
      e = expand(%c:f32[1,4]) {shape=[n,4]}
      y = add(%x:f32[4], e)
      return y)");
}

TEST(SimplifyShapes, MakesSlicesOfConstantIndices) {
  EXPECT_EQ(after(simplify_shapes, R"(
      a = gather(%x:f32[n,4,6], %i:s64[]=-1) {axis=1}
      b = gather(x, %j:s64[2]=[4, 1]) {axis=2}
      return a, b)"),
            R"(
      c = slice(%x:f32[n,4,6]) {starts=[0,3,0], sizes=[n,1,6], steps=[1,1,1]}
      a = reshape(c) {shape=[n,6]}
      b = slice(x) {starts=[0,0,4], sizes=[n,4,2], steps=[1,1,-3]}
      return a, b)");
}

TEST(SimplifyShapes, KeepsOtherIndices) {
  constexpr const char* kUneven = R"(
      y = gather(%x:f32[n,6], %i:s64[3]=[0, 1, 3]) {axis=1}
      return y)";
  expect_unchanged(simplify_shapes, kUneven);
  constexpr const char* kSymbolicSize = R"(
      y = gather(%x:f32[n,6], %i:s64[]=0) {axis=0}
      return y)";
  expect_unchanged(simplify_shapes, kSymbolicSize);
  constexpr const char* kMatrixOfIndices = R"(
      y = gather(%x:f32[n,6], %i:s64[1,2]=[0, 1]) {axis=1}
      return y)";
  expect_unchanged(simplify_shapes, kMatrixOfIndices);
}

constexpr const char* kQkv = R"(
    a = reshape(%x:f32[n,s,24]) {shape=[n,s,3,2,4]}
    q = slice(a) {starts=[0,0,0,0,0], sizes=[n,s,1,2,4], steps=[1,1,1,1,1]}
    k = slice(a) {starts=[0,0,1,0,0], sizes=[n,s,2,2,4], steps=[1,1,1,1,1]}
    return q, k)";

TEST(SimplifyShapes, SlicesAboveAReshape) {
  EXPECT_EQ(after(simplify_shapes, kQkv), R"(
      q1 = slice(%x:f32[n,s,24]) {starts=[0,0,0], sizes=[n,s,8], steps=[1,1,1]}
      q = reshape(q1) {shape=[n,s,1,2,4]}
      k1 = slice(x) {starts=[0,0,8], sizes=[n,s,16], steps=[1,1,1]}
      k = reshape(k1) {shape=[n,s,2,2,4]}
      return q, k)");
}

TEST(SimplifyShapes, KeepsSlicesOfInnerParts) {
  constexpr const char* kInner = R"(
      a = reshape(%x:f32[n,24]) {shape=[n,3,8]}
      y = slice(a) {starts=[0,0,0], sizes=[n,3,4], steps=[1,1,1]}
      return y)";
  expect_unchanged(simplify_shapes, kInner);
  constexpr const char* kMerged = R"(
      a = reshape(%x:f32[n,3,8]) {shape=[n,24]}
      y = slice(a) {starts=[0,8], sizes=[n,8], steps=[1,1]}
      return y)";
  expect_unchanged(simplify_shapes, kMerged);
}

TEST(SimplifyShapes, KeepsWhatMovesSomething) {
  expect_unchanged(simplify_shapes, R"(
      a = slice(%x:f32[4,4]) {starts=[3,0], sizes=[4,4], steps=[-1,1]}
      b = transpose(a) {perm=[1,0]}
      c = pad(b) {mode="constant", begins=[1,0], ends=[0,0]}
      y = reshape(c) {shape=[4,5]}
      return y)");
}

TEST(SimplifyShapes, KeepsValues) {
  expect_same_values(simplify_shapes, kQkv, 0);
  expect_same_values(simplify_shapes, R"(
      a = gather(%x:f32[n,4,6], %i:s64[]=-1) {axis=1}
      b = gather(x, %j:s64[2]=[4, 1]) {axis=2}
      return a, b)",
                     0);
  expect_same_values(simplify_shapes, R"(
      a = reshape(%x:f32[n,4,6]) {shape=[n,24]}
      b = reshape(a) {shape=[n,2,12]}
      c = transpose(b) {perm=[0,2,1]}
      d = transpose(c) {perm=[1,0,2]}
      e = expand(%z:f32[12,1,2]) {shape=[12,n,2]}
      y = mul(d, e)
      return y)");
}

}  // namespace
}  // namespace tegula::compiler
