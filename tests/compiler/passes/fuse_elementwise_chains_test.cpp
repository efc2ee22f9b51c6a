#include "compiler/passes/fuse_elementwise_chains.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

constexpr const char* kChain = R"(
    m = mul(%x:f32[n,3], %c:f32[3]=random(1))
    a = add(m, %d:f32[3]=random(2))
    y = relu(a)
    return y)";

TEST(FuseElementwiseChains, JoinsAChain) {
  EXPECT_EQ(after(fuse_elementwise_chains, kChain), R"(
      y = eltwise(%x:f32[n,3], %c:f32[3]=random(1), %d:f32[3]=random(2)) {program=<mul 0 1; add 3 2; relu 4>}
      return y)");
}

TEST(FuseElementwiseChains, JoinsATree) {
  EXPECT_EQ(after(fuse_elementwise_chains, R"(
      s = sigmoid(%x:f32[2,3])
      t = tanh(%z:f32[2,3])
      y = mul(s, t)
      return y)"),
            R"(
      input %x: f32[2,3]
      input %z: f32[2,3]
      y = eltwise(z, x) {program=<tanh 0; sigmoid 1; mul 3 2>}
      return y)");
}

TEST(FuseElementwiseChains, ReadsAnOperandOnce) {
  EXPECT_EQ(after(fuse_elementwise_chains, R"(
      t = tanh(%x:f32[2,3])
      y = mul(t, %x)
      return y)"),
            R"(
      y = eltwise(%x:f32[2,3]) {program=<tanh 0; mul 1 0>}
      return y)");
}

TEST(FuseElementwiseChains, ComputesAValueOnceThatOneNodeReadsTwice) {
  EXPECT_EQ(after(fuse_elementwise_chains, R"(
      t = tanh(%x:f32[2,3])
      y = mul(t, t)
      return y)"),
            R"(
      y = eltwise(%x:f32[2,3]) {program=<tanh 0; mul 1 1>}
      return y)");
}

TEST(FuseElementwiseChains, KeepsAValueThatTwoNodesRead) {
  expect_unchanged(fuse_elementwise_chains, R"(
      t = tanh(%x:f32[2,3])
      y = relu(t)
      return y, t)");
}

TEST(FuseElementwiseChains, KeepsASmallerValueThatIsBroadcast) {
  expect_unchanged(fuse_elementwise_chains, R"(
      t = tanh(%c:f32[3])
      y = mul(%x:f32[2,3], t)
      return y)");
}

TEST(FuseElementwiseChains, KeepsOtherTypes) {
  expect_unchanged(fuse_elementwise_chains, R"(
      t = cast(%x:s64[2,3]) {to=f32}
      g = greater(t, %c:f32[]=1.0)
      return g)");
}

TEST(FuseElementwiseChains, StopsAtTooManyOperands) {
  // Nine operands: the last sum stays by itself.
  EXPECT_EQ(after(fuse_elementwise_chains, R"(
      a = add(%x:f32[2], %i1:f32[2])
      b = mul(a, %i2:f32[2])
      c = add(b, %i3:f32[2])
      d = mul(c, %i4:f32[2])
      e = add(d, %i5:f32[2])
      f = mul(e, %i6:f32[2])
      g = add(f, %i7:f32[2])
      y = mul(g, %i8:f32[2])
      return y)"),
            R"(
      input %x: f32[2]
      input %i1: f32[2]
      input %i2: f32[2]
      input %i3: f32[2]
      input %i4: f32[2]
      input %i5: f32[2]
      input %i6: f32[2]
      input %i7: f32[2]
      input %i8: f32[2]
      g = eltwise(x, i1, i2, i3, i4, i5, i6, i7) {program=<add 0 1; mul 8 2; add 9 3; mul 10 4; add 11 5; mul 12 6; add 13 7>}
      y = mul(g, i8)
      return y)");
}

TEST(FuseElementwiseChains, KeepsValuesToTheBit) {
  expect_same_values(fuse_elementwise_chains, kChain, 0);
  expect_same_values(fuse_elementwise_chains, R"(
      t = tanh(%x:f32[n,4])
      s = sigmoid(%z:f32[1,4])
      b = sub(%z, %x)
      m = mul(t, b)
      w = div(m, s)
      y = gelu_erf(w)
      return y)",
                     0);
}

}  // namespace
}  // namespace tegula::compiler
