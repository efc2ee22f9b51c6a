#include "compiler/passes/canonicalise.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

TEST(Canonicalise, PutsConstantsSecond) {
  EXPECT_EQ(after(canonicalise, R"(
      y = add(%c:f32[3]=random(1), %x:f32[2,3])
      return y)"),
            R"(
      y = add(%x:f32[2,3], %c:f32[3]=random(1))
      return y)");
}

TEST(Canonicalise, KeepsTheOrderOfDifferencesAndQuotients) {
  expect_unchanged(canonicalise, R"(
      d = sub(%c:f32[3]=random(1), %x:f32[2,3])
      y = div(%c, d)
      return y)");
}

TEST(Canonicalise, TurnsSubtractedConstantsIntoSums) {
  EXPECT_EQ(after(canonicalise, R"(
      y = sub(%x:f32[2], %c:f32[2]=[1.5, -2.0])
      return y)"),
            R"(
      y = add(%x:f32[2], %c:f32[2]=[-1.5, 2.0])
      return y)");
}

TEST(Canonicalise, TurnsDivisionByPowersOfTwoIntoProducts) {
  EXPECT_EQ(after(canonicalise, R"(
      y = div(%x:f32[2], %c:f32[2]=[8.0, -0.5])
      return y)"),
            R"(
      y = mul(%x:f32[2], %c:f32[2]=[0.125, -2.0])
      return y)");
}

TEST(Canonicalise, KeepsDivisionsThatWouldRound) {
  expect_unchanged(canonicalise, R"(
      y = div(%x:f32[2], %c:f32[2]=[8.0, 3.0])
      return y)");
}

TEST(Canonicalise, SpellsOutSmallPowers) {
  EXPECT_EQ(after(canonicalise, R"(
      a = pow(%x:f32[2], %one:f32[]=1.0)
      b = pow(a, %two:f32[]=2.0)
      c = pow(b, %three:f32[]=3.0)
      d = pow(c, %half:f32[]=0.5)
      y = pow(d, %minus_one:f32[]=-1.0)
      return y)"),
            R"(
      b = mul(%x:f32[2], %x)
      s = mul(b, b)
      c = mul(s, b)
      d = sqrt(c)
      y = reciprocal(d)
      return y)");
}

TEST(Canonicalise, KeepsOtherPowers) {
  expect_unchanged(canonicalise, R"(
      y = pow(%x:f32[2], %c:f32[]=2.5)
      return y)");
}

TEST(Canonicalise, TurnsBoundsIntoOneClip) {
  EXPECT_EQ(after(canonicalise, R"(
      low = max(%x:f32[2,3], %zero:f32[]=0.0)
      y = min(low, %six:f32[]=6.0)
      return y)"),
            R"(
      y = clip(%x:f32[2,3]) {alpha=0, beta=6}
      return y)");
  EXPECT_EQ(after(canonicalise, R"(
      high = min(%six:f32[1]=6.0, %x:f32[2,3])
      y = max(%zero:f32[1]=0.0, high)
      return y)"),
            R"(
      y = clip(%x:f32[2,3]) {alpha=0, beta=6}
      return y)");
}

TEST(Canonicalise, TurnsAMaximumWithZeroIntoRelu) {
  EXPECT_EQ(after(canonicalise, R"(
      y = max(%x:f32[2,3], %zero:f32[]=0.0)
      return y)"),
            R"(
      y = relu(%x:f32[2,3])
      return y)");
}

TEST(Canonicalise, MergesClips) {
  EXPECT_EQ(after(canonicalise, R"(
      a = relu(%x:f32[2])
      b = clip(a) {alpha=-1, beta=4}
      y = clip(b) {alpha=1, beta=6}
      return y)"),
            R"(
      y = clip(%x:f32[2]) {alpha=1, beta=4}
      return y)");
}

TEST(Canonicalise, KeepsAClipThatSomethingElseReads) {
  expect_unchanged(canonicalise, R"(
      a = relu(%x:f32[2])
      y = clip(a) {alpha=-1, beta=4}
      return y, a)");
}

TEST(Canonicalise, KeepsBoundsThatDifferByElement) {
  expect_unchanged(canonicalise, R"(
      y = max(%x:f32[2], %c:f32[2]=[0.0, 1.0])
      return y)");
}

TEST(Canonicalise, RemovesWhatHasNoEffect) {
  EXPECT_EQ(after(canonicalise, R"(
      a = add(%x:f32[2,3], %zero:f32[3]=fill(0))
      b = mul(a, %one:f32[]=1.0)
      c = identity(b)
      d = cast(c) {to=f32}
      e = div(d, %one)
      f = sub(e, %zero)
      y = neg(f)
      return y)"),
            R"(
      y = neg(%x:f32[2,3])
      return y)");
}

TEST(Canonicalise, KeepsWhatBroadcastsOrConverts) {
  expect_unchanged(canonicalise, R"(
      a = add(%x:f32[3], %zero:f32[2,3]=fill(0))
      b = cast(a) {to=s32}
      return b)");
}

TEST(Canonicalise, KeepsIntegers) {
  expect_unchanged(canonicalise, R"(
      y = sub(%x:s64[3], %c:s64[3]=[1, 2, 3])
      return y)");
}

TEST(Canonicalise, KeepsValues) {
  expect_same_values(canonicalise, R"(
      a = sub(%x:f32[n,3], %s:f32[3]=random(1))
      b = div(a, %four:f32[]=4.0)
      c = pow(b, %three:f32[]=3.0)
      d = max(%low:f32[]=-0.25, c)
      y = min(d, %high:f32[]=0.5)
      return y)");
}

}  // namespace
}  // namespace tegula::compiler
