#include <gtest/gtest.h>

#include "tests/support/program_testing.h"

namespace tegula::compiler {
namespace {

TEST(Programs, ReshapedOutputs) {
  expect_program_computes(R"(
      s = softmax(%x:f32[batch,6]) {axis=1}
      r = reshape(s) {shape=[batch, 2, 3]}
      t = softmax(r) {axis=2}
      u = reshape(t) {shape=[6*batch]}
      return u, r, s)");
}

TEST(Programs, ProductsThatKeepWeightsInBytes) {
  expect_program_computes(R"(
      m = weight_only_matmul(%x:f32[batch,37], %w:s8[37,19]=random(3), %s:f32[19]=random(4), %b:f32[19]=random(5)) {post_ops=[relu]}
      h = cast(m) {to=bf16}
      n = weight_only_matmul(h, %v:s8[21,19]=random(6), %t:f32[]=0.25) {transpose_b=1, to=bf16, post_ops=[gelu_erf]}
      y = cast(n) {to=f32}
      return y, m)");
}

TEST(Programs, ConcatsWithoutCopies) {
  expect_program_computes(R"(
      a = sigmoid(%x:f32[batch,16])
      b = tanh(%z:f32[batch,7])
      c = concat(a, b) {axis=1}
      d = exp(%x)
      e = concat(d, c, %x) {axis=1}
      s = softmax(e) {axis=1}
      t = softmax(c) {axis=1}
      return s, t)");
}

TEST(Programs, ConcatsOfBlocks) {
  expect_program_computes(R"(
      a = sigmoid(%x:f32[2,16])
      b = tanh(%z:f32[batch,16])
      c = concat(a, b) {axis=0}
      s = softmax(c) {axis=1}
      return s, c)");
}

TEST(Programs, SlicesOfRows) {
  expect_program_computes(R"(
      p = tanh(%x:f32[batch,48])
      a = slice(p) {starts=[0,0], sizes=[batch,16], steps=[1,1]}
      b = slice(p) {starts=[0,16], sizes=[batch,32], steps=[1,1]}
      y = softmax(a) {axis=1}
      z = softmax(b) {axis=1}
      j = concat(z, a, y) {axis=1}
      return y, z, j)");
}

TEST(Programs, FirstTokenOfASequence) {
  expect_program_computes(R"(
      p = tanh(%x:f32[batch,seq,8])
      a = slice(p) {starts=[0,0,0], sizes=[batch,1,8], steps=[1,1,1]}
      r = reshape(a) {shape=[batch,8]}
      m = matmul(r, %w:f32[8,5]=random(3))
      return m)");
}

TEST(Programs, ColumnsOfIndices) {
  expect_program_computes(R"(
      m = mul(%x:f32[batch,5], %c:f32[1]=[3.9])
      i = cast(m) {to=s32}
      a = slice(i) {starts=[0,3], sizes=[batch,1], steps=[1,1]}
      r = reshape(a) {shape=[batch]}
      y = gather(%w:f32[4,6]=random(3), r) {axis=0}
      b = slice(i) {starts=[0,1], sizes=[batch,2], steps=[1,1]}
      s = reshape(b) {shape=[batch,1,2]}
      z = gather(%w, s) {axis=1}
      t = transpose(s) {perm=[2,0,1]}
      return y, z, t)");
}

TEST(Programs, ReshapesOfParts) {
  expect_program_computes(R"(
      p = tanh(%x:f32[4,6])
      a = slice(p) {starts=[1,0], sizes=[2,6], steps=[1,1]}
      r = reshape(a) {shape=[3,4]}
      s = slice(r) {starts=[0,1], sizes=[3,2], steps=[1,1]}
      y = softmax(s) {axis=1}
      q = reshape(s) {shape=[6]}
      z = softmax(q) {axis=0}
      return y, z, q)");
}

TEST(Programs, InputsAndConstantsInParts) {
  expect_program_computes(R"(
      a = slice(%x:f32[batch,6]) {starts=[0,2], sizes=[batch,3], steps=[1,1]}
      b = slice(%w:f32[3,6]=random(2)) {starts=[0,1], sizes=[3,3], steps=[1,1]}
      y = softmax(a) {axis=1}
      z = matmul(y, b)
      return y, z)");
}

}  // namespace
}  // namespace tegula::compiler
