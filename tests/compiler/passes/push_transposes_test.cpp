#include "compiler/passes/push_transposes.h"

#include <gtest/gtest.h>

#include "compiler/passes/make_channels_last.h"
#include "compiler/passes/merge_duplicates.h"
#include "compiler/passes/simplify_shapes.h"
#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

/// The passes as they follow each other in the pipeline.
Result<bool> relay(Graph& graph) {
  TEGULA_ASSIGN_OR_RETURN(const bool relaid, make_channels_last(graph));
  TEGULA_ASSIGN_OR_RETURN(const bool pushed, push_transposes(graph));
  TEGULA_ASSIGN_OR_RETURN(const bool simplified, simplify_shapes(graph));
  TEGULA_ASSIGN_OR_RETURN(const bool merged, merge_duplicates(graph));
  return relaid || pushed || simplified || merged;
}

TEST(PushTransposes, MergesAndCancelsChains) {
  EXPECT_EQ(after(push_transposes, R"(
      a = transpose(%x:f32[2,3,4]) {perm=[1,2,0]}
      b = transpose(a) {perm=[2,0,1]}
      y = relu(b)
      return y)"),
            R"(
      y = relu(%x:f32[2,3,4])
      return y)");
  EXPECT_EQ(after(push_transposes, R"(
      a = transpose(%x:f32[2,3,4]) {perm=[1,2,0]}
      y = transpose(a) {perm=[1,0,2]}
      return y)"),
            R"(
      y = transpose(%x:f32[2,3,4]) {perm=[2,1,0]}
      return y)");
}

// ---------------------------------------------------------------- elementwise

TEST(PushTransposes, GoesThroughElementwiseChains) {
  EXPECT_EQ(after(push_transposes, R"(
      t = transpose(%x:f32[n,5,6,4]) {perm=[0,3,1,2]}
      a = mul(t, %c:f32[4,1,1]=random(1))
      b = add(a, %k:f32[]=2.0)
      y = transpose(b) {perm=[0,2,3,1]}
      return y)"),
            R"(
      a = mul(%x:f32[n,5,6,4], %c:f32[1,1,1,4]=random(1))
      y = add(a, %k:f32[]=2.0)
      return y)");
}

TEST(PushTransposes, JoinsOperandsWithTheSameTranspose) {
  EXPECT_EQ(after(push_transposes, R"(
      s = transpose(%x:f32[n,5,4]) {perm=[0,2,1]}
      t = transpose(%z:f32[n,5,4]) {perm=[0,2,1]}
      y = add(s, t)
      return y)"),
            R"(
      a = add(%x:f32[n,5,4], %z:f32[n,5,4])
      y = transpose(a) {perm=[0,2,1]}
      return y)");
}

TEST(PushTransposes, TurnsAnOperandThatOnlyMovesOnes) {
  EXPECT_EQ(after(relay, R"(
      c = conv(%x:f32[n,3,5,6], %w:f32[4,3,1,1]=random(1)) {kernel=[1,1]}
      g = reshape(%g0:f32[n,4]) {shape=[n,4,1,1]}
      m = mul(c, g)
      y = conv(m, %v:f32[2,4,1,1]=random(2)) {kernel=[1,1]}
      return y)"),
            R"(
      t = transpose(%x:f32[n,3,5,6]) {perm=[0,2,3,1]}
      c = conv(t, %w:f32[4,3,1,1]=random(1)) {kernel=[1,1], channels_last=1}
      g = reshape(%g0:f32[n,4]) {shape=[n,1,1,4]}
      m = mul(c, g)
      u = conv(m, %v:f32[2,4,1,1]=random(2)) {kernel=[1,1], channels_last=1}
      y = transpose(u) {perm=[0,3,1,2]}
      return y)");
}

TEST(PushTransposes, TurnsAnOperandWhenThatPays) {
  EXPECT_EQ(after(push_transposes, R"(
      t = transpose(%x:f32[n,5,6,4]) {perm=[0,3,1,2]}
      a = add(t, %z:f32[n,4,5,6])
      r = relu(a)
      y = transpose(r) {perm=[0,2,3,1]}
      return y)"),
            R"(
      input %x: f32[n,5,6,4]
      input %z: f32[n,4,5,6]
      u = transpose(z) {perm=[0,2,3,1]}
      a = add(x, u)
      y = relu(a)
      return y)");
}

TEST(PushTransposes, KeepsATransposeWhenTheOtherOperandWouldNeedOne) {
  expect_unchanged(push_transposes, R"(
      t = transpose(%x:f32[n,5,6,4]) {perm=[0,3,1,2]}
      y = add(t, %z:f32[n,4,5,6])
      return y)");
}

TEST(PushTransposes, KeepsATransposedOperandThatIsBroadcast) {
  expect_unchanged(push_transposes, R"(
      t = transpose(%x:f32[5,4]) {perm=[1,0]}
      y = add(%z:f32[n,4,5], t)
      return y)");
}

// ---------------------------------------------------------------- other operations

TEST(PushTransposes, GoesThroughReductions) {
  EXPECT_EQ(after(push_transposes, R"(
      t = transpose(%x:f32[n,5,6,4]) {perm=[0,3,1,2]}
      a = reduce(t) {kind="mean", axes=[2,3], keepdims=0}
      b = reduce(t) {kind="max", axes=[1], keepdims=0}
      return a, b)"),
            R"(
      a = reduce(%x:f32[n,5,6,4]) {kind="mean", axes=[1,2], keepdims=0}
      b = reduce(x) {kind="max", axes=[3], keepdims=0}
      return a, b)");
}

TEST(PushTransposes, GoesThroughConcatPadSliceSoftmaxGatherAndResize) {
  EXPECT_EQ(after(push_transposes, R"(
      t = transpose(%x:f32[n,5,6,4]) {perm=[0,3,1,2]}
      u = transpose(%z:f32[n,5,6,2]) {perm=[0,3,1,2]}
      a = concat(t, u) {axis=1}
      b = pad(a) {mode="constant", begins=[0,0,1,2], ends=[0,0,3,4]}
      c = slice(b) {starts=[0,1,2,3], sizes=[n,4,3,2], steps=[1,1,2,1]}
      d = softmax(c) {axis=1}
      e = gather(d, %i:s64[2]=[1, 0]) {axis=2}
      f = resize(e) {mode="nearest", axes=[2,3], sizes=[4,6], scales=[4611686018427387904,4613937818241073152]}
      y = transpose(f) {perm=[0,2,3,1]}
      return y)"),
            R"(
      input %x: f32[n,5,6,4]
      input %z: f32[n,5,6,2]
      a = concat(x, z) {axis=3}
      b = pad(a) {mode="constant", begins=[0,1,2,0], ends=[0,3,4,0]}
      c = slice(b) {starts=[0,2,3,1], sizes=[n,3,2,4], steps=[1,2,1,1]}
      d = softmax(c) {axis=3}
      e = gather(d, %i:s64[2]=[1, 0]) {axis=1}
      y = resize(e) {mode="nearest", axes=[1,2], sizes=[4,6], scales=[4611686018427387904,4613937818241073152]}
      return y)");
}

TEST(PushTransposes, KeepsTheOrderOfNormalisedDimensions) {
  EXPECT_EQ(after(push_transposes, R"(
      t = transpose(%x:f32[4,n,6]) {perm=[1,0,2]}
      y = layer_norm(t) {axis=2, epsilon=0.5}
      return y)"),
            R"(
      a = layer_norm(%x:f32[4,n,6]) {axis=2, epsilon=0.5}
      y = transpose(a) {perm=[1,0,2]}
      return y)");
  expect_unchanged(push_transposes, R"(
      t = transpose(%x:f32[4,6,n]) {perm=[2,0,1]}
      y = layer_norm(t) {axis=1, epsilon=0.5}
      return y)");
}

TEST(PushTransposes, NeverMovesOperandsOfProducts) {
  expect_unchanged(push_transposes, R"(
      t = transpose(%x:f32[n,5,4]) {perm=[0,2,1]}
      m = matmul(t, %w:f32[5,5]=random(1))
      y = transpose(m) {perm=[0,2,1]}
      return y)");
}

// ---------------------------------------------------------------- reshapes

TEST(PushTransposes, GoesThroughReshapesThatKeepItsParts) {
  EXPECT_EQ(after(push_transposes, R"(
      t = transpose(%x:f32[n,5,6,4]) {perm=[0,3,1,2]}
      r = reshape(t) {shape=[n,4,30]}
      y = transpose(r) {perm=[0,2,1]}
      return y)"),
            R"(
      y = reshape(%x:f32[n,5,6,4]) {shape=[n,30,4]}
      return y)");
}

TEST(PushTransposes, KeepsATransposeWhoseDimensionsAreMerged) {
  constexpr const char* kText = R"(
      t = transpose(%x:f32[n,5,2,4]) {perm=[0,2,1,3]}
      y = reshape(t) {shape=[n,2,20]}
      return y)";
  EXPECT_EQ(after(push_transposes, kText), R"(
      t = transpose(%x:f32[n,5,2,4]) {perm=[0,2,1,3]}
      y = reshape(t) {shape=[n,2,20]}
      return y)");
}

TEST(PushTransposes, PermutesTheRowsOfAMatmulBehindFlatten) {
  EXPECT_EQ(after(push_transposes, R"(
      t = transpose(%x:f32[n,1,2,2]) {perm=[0,3,1,2]}
      f = reshape(t) {shape=[n,4]}
      y = matmul(f, %w:f32[4,2]=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
      return y)"),
            R"(
      f = reshape(%x:f32[n,1,2,2]) {shape=[n,4]}
      y = matmul(f, %w:f32[4,2]=[1.0, 2.0, 5.0, 6.0, 3.0, 4.0, 7.0, 8.0])
      return y)");
}

TEST(PushTransposes, MovesFunctionsAboveFlatten) {
  EXPECT_EQ(after(push_transposes, R"(
      t = transpose(%x:f32[n,1,2,2]) {perm=[0,3,1,2]}
      f = reshape(t) {shape=[n,4]}
      r = relu(f)
      s = mul(r, %c:f32[]=0.5)
      y = matmul(s, %w:f32[4,1]=[1.0, 2.0, 3.0, 4.0])
      return y)"),
            R"(
      r = relu(%x:f32[n,1,2,2])
      s = mul(r, %c:f32[]=0.5)
      f = reshape(s) {shape=[n,4]}
      y = matmul(f, %w:f32[4,1]=[1.0, 3.0, 2.0, 4.0])
      return y)");
}

TEST(PushTransposes, KeepsFunctionsOfSeveralTensorsBehindFlatten) {
  expect_unchanged(push_transposes, R"(
      t = transpose(%x:f32[n,1,2,2]) {perm=[0,3,1,2]}
      f = reshape(t) {shape=[n,4]}
      y = add(f, %z:f32[n,4])
      return y)");
}

TEST(PushTransposes, KeepsDataForComputedWeights) {
  expect_unchanged(push_transposes, R"(
      t = transpose(%x:f32[n,1,2,2]) {perm=[0,3,1,2]}
      f = reshape(t) {shape=[n,4]}
      y = matmul(f, %w:f32[4,2])
      return y)");
}

TEST(PushTransposes, LeavesOneTransposeOfAChannelShuffle) {
  EXPECT_EQ(after(relay, R"(
      c = conv(%x:f32[n,6,5,5], %w:f32[6,2,1,1]=random(1)) {kernel=[1,1], groups=3}
      a = reshape(c) {shape=[n,3,2,5,5]}
      b = transpose(a) {perm=[0,2,1,3,4]}
      d = reshape(b) {shape=[n,6,5,5]}
      y = conv(d, %v:f32[6,1,1,1]=random(2)) {kernel=[1,1], groups=6}
      return y)"),
            R"(
      t = transpose(%x:f32[n,6,5,5]) {perm=[0,2,3,1]}
      c = conv(t, %w:f32[6,2,1,1]=random(1)) {kernel=[1,1], groups=3, channels_last=1}
      a = reshape(c) {shape=[n,5,5,3,2]}
      b = transpose(a) {perm=[0,1,2,4,3]}
      d = reshape(b) {shape=[n,5,5,6]}
      u = conv(d, %v:f32[6,1,1,1]=random(2)) {kernel=[1,1], groups=6, channels_last=1}
      y = transpose(u) {perm=[0,3,1,2]}
      return y)");
}

// ---------------------------------------------------------------- whole networks

TEST(PushTransposes, LeavesOneTransposeOfAConvNet) {
  EXPECT_EQ(after(relay, R"(
      a = conv(%x:f32[n,3,8,8], %w:f32[4,3,1,1]=random(1)) {kernel=[1,1]}
      b = relu(a)
      c = conv(b, %v:f32[4,4,1,1]=random(2)) {kernel=[1,1]}
      d = add(c, b)
      e, _ = pool(d) {kind="max", kernel=[2,2], strides=[2,2]}
      f = concat(e, e) {axis=1}
      g = reduce(f) {kind="mean", axes=[2,3], keepdims=1}
      h = reshape(g) {shape=[n,8]}
      y = matmul(h, %u:f32[8,2]=random(3))
      return y)"),
            R"(
      t = transpose(%x:f32[n,3,8,8]) {perm=[0,2,3,1]}
      a = conv(t, %w:f32[4,3,1,1]=random(1)) {kernel=[1,1], channels_last=1}
      b = relu(a)
      c = conv(b, %v:f32[4,4,1,1]=random(2)) {kernel=[1,1], channels_last=1}
      d = add(c, b)
      e, i = pool(d) {kind="max", kernel=[2,2], strides=[2,2], channels_last=1}
      f = concat(e, e) {axis=3}
      g = reduce(f) {kind="mean", axes=[1,2], keepdims=1}
      h = reshape(g) {shape=[n,8]}
      y = matmul(h, %u:f32[8,2]=random(3))
      return y)");
}

TEST(PushTransposes, LeavesNoTransposeOfOneChannelOrPixel) {
  EXPECT_EQ(after(relay, R"(
      a = conv(%x:f32[n,1,8,8], %w:f32[4,1,8,8]=random(1)) {kernel=[8,8]}
      return a)"),
            R"(
      t = reshape(%x:f32[n,1,8,8]) {shape=[n,8,8,1]}
      b = conv(t, %w:f32[4,1,8,8]=random(1)) {kernel=[8,8], channels_last=1}
      a = reshape(b) {shape=[n,4,1,1]}
      return a)");
}

TEST(PushTransposes, LeavesOneTransposeOfAPatchEmbedding) {
  EXPECT_EQ(after(relay, R"(
      a = conv(%x:f32[n,3,8,8], %w:f32[4,3,2,2]=random(1)) {kernel=[2,2], strides=[2,2]}
      b = reshape(a) {shape=[n,4,16]}
      c = transpose(b) {perm=[0,2,1]}
      y = add(c, %p:f32[1,16,4]=random(2))
      return y)"),
            R"(
      t = transpose(%x:f32[n,3,8,8]) {perm=[0,2,3,1]}
      a = conv(t, %w:f32[4,3,2,2]=random(1)) {kernel=[2,2], strides=[2,2], channels_last=1}
      c = reshape(a) {shape=[n,16,4]}
      y = add(c, %p:f32[1,16,4]=random(2))
      return y)");
}

TEST(PushTransposes, LeavesOneTransposeOfAPixelShuffle) {
  const GraphText result = after(relay, R"(
      a = conv(%x:f32[n,4,5,6], %w:f32[12,4,1,1]=random(1)) {kernel=[1,1]}
      b = reshape(a) {shape=[n,3,2,2,5,6]}
      c = transpose(b) {perm=[0,1,4,2,5,3]}
      d = reshape(c) {shape=[n,3,10,12]}
      y = conv(d, %v:f32[2,3,1,1]=random(2)) {kernel=[1,1]}
      return y)");
  EXPECT_EQ(result, R"(
      t = transpose(%x:f32[n,4,5,6]) {perm=[0,2,3,1]}
      a = conv(t, %w:f32[12,4,1,1]=random(1)) {kernel=[1,1], channels_last=1}
      b = reshape(a) {shape=[n,5,6,3,2,2]}
      c = transpose(b) {perm=[0,1,4,2,5,3]}
      d = reshape(c) {shape=[n,10,12,3]}
      u = conv(d, %v:f32[2,3,1,1]=random(2)) {kernel=[1,1], channels_last=1}
      y = transpose(u) {perm=[0,3,1,2]}
      return y)");
}

// ---------------------------------------------------------------- values

TEST(PushTransposes, KeepsValues) {
  expect_same_values(push_transposes, R"(
      t = transpose(%x:f32[n,5,6,4]) {perm=[0,3,1,2]}
      u = transpose(%z:f32[n,5,6,2]) {perm=[0,3,1,2]}
      a = concat(t, u) {axis=1}
      b = pad(a) {mode="constant", begins=[0,0,1,2], ends=[0,0,3,4]}
      c = slice(b) {starts=[0,1,2,3], sizes=[n,4,3,2], steps=[1,1,2,1]}
      d = softmax(c) {axis=1}
      e = gather(d, %i:s64[2]=[1, 0]) {axis=2}
      f = resize(e) {mode="linear", axes=[2,3], sizes=[4,6], scales=[4611686018427387904,4613937818241073152]}
      g = reduce(f) {kind="mean", axes=[2], keepdims=0}
      h = mul(f, %k:f32[4,1,1]=random(1))
      r = reshape(h) {shape=[n,2,2,24]}
      s = gather(r, %j:s64[]=1) {axis=2}
      return g, h, s)");
  expect_same_values(push_transposes, R"(
      t = transpose(%x:f32[n,2,3,4]) {perm=[0,3,1,2]}
      e = reshape(t) {shape=[n,24]}
      f = tanh(e)
      p = matmul(f, %v:f32[24,5]=random(1))
      q = matmul(f, %w:f32[5,24]=random(2)) {transpose_b=1}
      return p, q)");
  expect_same_values(relay, R"(
      a = conv(%x:f32[n,4,5,6], %w:f32[12,4,1,1]=random(1)) {kernel=[1,1]}
      b = reshape(a) {shape=[n,3,2,2,5,6]}
      c = transpose(b) {perm=[0,1,4,2,5,3]}
      d = reshape(c) {shape=[n,3,10,12]}
      e = reshape(d) {shape=[n,3,120]}
      f = transpose(e) {perm=[0,2,1]}
      y = conv(d, %v:f32[2,3,3,3]=random(2)) {kernel=[3,3]}
      return y, f)");
}

}  // namespace
}  // namespace tegula::compiler
