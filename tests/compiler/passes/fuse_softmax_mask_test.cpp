#include "compiler/passes/fuse_softmax_mask.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

constexpr const char* kScaledAndMasked = R"(
    d = div(%x:f32[n,2,4,4], %root:f32[]=7.0)
    a = add(d, %mask:f32[n,1,1,4])
    y = softmax(a) {axis=3}
    return y)";

TEST(FuseSoftmaxMask, TakesScaleAndMask) {
  EXPECT_EQ(after(fuse_softmax_mask, R"(
      s = mul(%x:f32[n,2,4,4], %c:f32[]=0.25)
      a = add(%mask:f32[n,1,1,4], s)
      y = softmax(a) {axis=3}
      return y)"),
            R"(
      input %x: f32[n,2,4,4]
      input %mask: f32[n,1,1,4]
      y = softmax(x, mask) {axis=3, scale=0.25}
      return y)");
}

TEST(FuseSoftmaxMask, TakesAScaleAlone) {
  EXPECT_EQ(after(fuse_softmax_mask, R"(
      s = mul(%x:f32[2,3], %c:f32[]=0.25)
      y = softmax(s) {axis=1, log=1}
      return y)"),
            R"(
      y = softmax(%x:f32[2,3]) {axis=1, log=1, scale=0.25}
      return y)");
}

TEST(FuseSoftmaxMask, PrefersScoresToAMaskOfTheirShape) {
  EXPECT_EQ(after(fuse_softmax_mask, R"(
      s = matmul(%q:f32[4,2], %k:f32[2,4])
      a = add(%mask:f32[4,4], s)
      y = softmax(a) {axis=1}
      return y)"),
            R"(
      input %q: f32[4,2]
      input %k: f32[2,4]
      input %mask: f32[4,4]
      s = matmul(q, k)
      y = softmax(s, mask) {axis=1}
      return y)");
}

constexpr const char* kFilled = R"(
    input %hidden: bool[1,4]
    input %x: f32[2,4]
    s = mul(x, %c:f32[]=0.25)
    f = where(hidden, %low:f32[]=-inf, s)
    y = softmax(f) {axis=1}
    return y)";

TEST(FuseSoftmaxMask, TakesScoresFilledWithMinusInfinity) {
  EXPECT_EQ(after(fuse_softmax_mask, kFilled), R"(
      input %hidden: bool[1,4]
      input %x: f32[2,4]
      m = where(hidden, %low:f32[]=-inf, %zero:f32[]=0.0)
      y = softmax(x, m) {axis=1, scale=0.25}
      return y)");
  EXPECT_EQ(after(fuse_softmax_mask, R"(
      f = where(%shown:bool[1,4], %x:f32[2,4], %low:f32[]=-3.4028235e38)
      y = softmax(f) {axis=1}
      return y)"),
            R"(
      input %shown: bool[1,4]
      input %x: f32[2,4]
      m = where(shown, %zero:f32[]=0.0, %low:f32[]=-3.4028235e38)
      y = softmax(x, m) {axis=1}
      return y)");
}

TEST(FuseSoftmaxMask, KeepsScoresFilledWithOtherNumbers) {
  expect_unchanged(fuse_softmax_mask, R"(
      f = where(%shown:bool[1,4], %x:f32[2,4], %low:f32[]=-10000.0)
      y = softmax(f) {axis=1}
      return y)");
}

TEST(FuseSoftmaxMask, KeepsASumThatSomethingElseReads) {
  expect_unchanged(fuse_softmax_mask, R"(
      a = add(%x:f32[2,4], %mask:f32[1,4])
      y = softmax(a) {axis=1}
      return y, a)");
}

TEST(FuseSoftmaxMask, KeepsASumInWhichBothAreBroadcast) {
  expect_unchanged(fuse_softmax_mask, R"(
      a = add(%x:f32[2,1], %mask:f32[1,4])
      y = softmax(a) {axis=1}
      return y)");
}

TEST(FuseSoftmaxMask, KeepsAScaleBehindTheMask) {
  EXPECT_EQ(after(fuse_softmax_mask, R"(
      a = add(%x:f32[2,4], %mask:f32[1,4])
      s = mul(a, %c:f32[]=0.25)
      y = softmax(s) {axis=1}
      return y)"),
            R"(
      a = add(%x:f32[2,4], %mask:f32[1,4])
      y = softmax(a) {axis=1, scale=0.25}
      return y)");
}

TEST(FuseSoftmaxMask, KeepsScalesThatVary) {
  expect_unchanged(fuse_softmax_mask, R"(
      s = mul(%x:f32[2,2], %c:f32[2]=[0.25, 0.5])
      y = softmax(s) {axis=1}
      return y)");
}

TEST(FuseSoftmaxMask, KeepsValues) {
  expect_same_values(fuse_softmax_mask, kScaledAndMasked);
  expect_same_values(fuse_softmax_mask, kFilled);
}

}  // namespace
}  // namespace tegula::compiler
