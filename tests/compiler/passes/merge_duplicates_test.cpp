#include "compiler/passes/merge_duplicates.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

TEST(MergeDuplicates, ComputesEqualNodesOnce) {
  EXPECT_EQ(after(merge_duplicates, R"(
      a = exp(%x:f32[2])
      b = exp(%x)
      y = add(a, b)
      return y)"),
            R"(
      a = exp(%x:f32[2])
      y = add(a, a)
      return y)");
}

TEST(MergeDuplicates, FollowsChainsAndComparesSmallConstants) {
  EXPECT_EQ(after(merge_duplicates, R"(
      a = add(%x:f32[2], %c:f32[]=1.0)
      b = add(%x, %d:f32[]=1.0)
      e = exp(a)
      f = exp(b)
      y = sub(e, f)
      return y)"),
            R"(
      a = add(%x:f32[2], %c:f32[]=1.0)
      e = exp(a)
      y = sub(e, e)
      return y)");
}

TEST(MergeDuplicates, KeepsNodesThatDiffer) {
  expect_unchanged(merge_duplicates, R"(
      a = add(%x:f32[2], %c:f32[]=1.0)
      b = add(%x, %d:f32[]=2.0)
      e = clip(a) {alpha=0, beta=6}
      f = clip(a) {alpha=0, beta=5}
      g = sub(e, f)
      h = sub(f, e)
      y = mul(g, h)
      z = mul(y, b)
      return z)");
}

TEST(MergeDuplicates, KeepsNamesOfOutputs) {
  EXPECT_EQ(after(merge_duplicates, R"(
      a = exp(%x:f32[2])
      b = exp(%x)
      return a, b)"),
            R"(
      a = exp(%x:f32[2])
      return a, "b"=a)");
}

TEST(MergeDuplicates, KeepsValues) {
  expect_same_values(merge_duplicates, R"(
      a = exp(%x:f32[n,2])
      b = exp(%x)
      y = add(a, b)
      return y, b)");
}

}  // namespace
}  // namespace tegula::compiler
