#include "compiler/passes/recognise_softmax.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

constexpr const char* kStable = R"(
    m = reduce(%x:f32[n,4,3]) {kind="max", axes=[1], keepdims=1}
    d = sub(x, m)
    e = exp(d)
    s = reduce(e) {kind="sum", axes=[1], keepdims=1}
    y = div(e, s)
    return y)";

constexpr const char* kPlain = R"(
    e = exp(%x:f32[n,4])
    s = reduce(e) {kind="sum", axes=[1], keepdims=1}
    r = reciprocal(s)
    y = mul(r, e)
    return y)";

TEST(RecogniseSoftmax, KnowsBothSpellings) {
  EXPECT_EQ(after(recognise_softmax, kStable), "y = softmax(%x:f32[n,4,3]) {axis=1}\nreturn y");
  EXPECT_EQ(after(recognise_softmax, kPlain), "y = softmax(%x:f32[n,4]) {axis=1}\nreturn y");
}

TEST(RecogniseSoftmax, KeepsReductionsAlongDifferentAxes) {
  constexpr const char* kText = R"(
      m = reduce(%x:f32[n,4,3]) {kind="max", axes=[2], keepdims=1}
      d = sub(x, m)
      e = exp(d)
      s = reduce(e) {kind="sum", axes=[1], keepdims=1}
      y = div(e, s)
      return y)";
  EXPECT_EQ(after(recognise_softmax, kText), kText);
}

TEST(RecogniseSoftmax, KeepsOtherReductions) {
  constexpr const char* kText = R"(
      e = exp(%x:f32[n,4])
      s = reduce(e) {kind="mean", axes=[1], keepdims=1}
      y = div(e, s)
      return y)";
  EXPECT_EQ(after(recognise_softmax, kText), kText);
}

TEST(RecogniseSoftmax, KeepsSeveralAxes) {
  constexpr const char* kText = R"(
      e = exp(%x:f32[n,4,3])
      s = reduce(e) {kind="sum", axes=[1,2], keepdims=1}
      y = div(e, s)
      return y)";
  EXPECT_EQ(after(recognise_softmax, kText), kText);
}

TEST(RecogniseSoftmax, KeepsValuesThatSomethingElseReads) {
  constexpr const char* kText = R"(
      e = exp(%x:f32[n,4])
      s = reduce(e) {kind="sum", axes=[1], keepdims=1}
      y = div(e, s)
      return y, s)";
  EXPECT_EQ(after(recognise_softmax, kText), kText);
}

TEST(RecogniseSoftmax, KeepsValues) {
  expect_same_values(recognise_softmax, kStable);
  expect_same_values(recognise_softmax, kPlain);
}

}  // namespace
}  // namespace tegula::compiler
