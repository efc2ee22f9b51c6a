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
  expect_unchanged(recognise_softmax, changed(kStable, R"("max", axes=[1])", R"("max", axes=[2])"));
}

TEST(RecogniseSoftmax, KeepsOtherReductions) {
  expect_unchanged(recognise_softmax, changed(kPlain, "sum", "mean"));
}

TEST(RecogniseSoftmax, KeepsSeveralAxes) {
  expect_unchanged(recognise_softmax, changed(kStable, "axes=[1]", "axes=[1,2]"));
}

TEST(RecogniseSoftmax, KeepsValuesThatSomethingElseReads) {
  expect_unchanged(recognise_softmax, changed(kPlain, "return y", "return y, s"));
}

TEST(RecogniseSoftmax, KeepsValues) {
  expect_same_values(recognise_softmax, kStable);
  expect_same_values(recognise_softmax, kPlain);
}

}  // namespace
}  // namespace tegula::compiler
