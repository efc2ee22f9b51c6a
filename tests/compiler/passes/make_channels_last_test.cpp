#include "compiler/passes/make_channels_last.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

TEST(MakeChannelsLast, TransposesAroundConv) {
  EXPECT_EQ(after(make_channels_last, R"(
      y = conv(%x:f32[n,3,8,9], %w:f32[4,3,1,1]=random(1), %b:f32[4]=random(2)) {kernel=[1,1]}
      return y)"),
            R"(
      t = transpose(%x:f32[n,3,8,9]) {perm=[0,2,3,1]}
      u = conv(t, %w:f32[4,3,1,1]=random(1), %b:f32[4]=random(2)) {kernel=[1,1], channels_last=1}
      y = transpose(u) {perm=[0,3,1,2]}
      return y)");
}

TEST(MakeChannelsLast, KnowsOneAndThreeDimensions) {
  EXPECT_EQ(after(make_channels_last, R"(
      c = conv_transpose(%x:f32[n,2,8], %w:f32[2,3,1]=random(1)) {kernel=[1], sizes=[8]}
      y = group_norm(c, %s:f32[3]=random(2), %b:f32[3]=random(3)) {groups=3, epsilon=0.5}
      return y)"),
            R"(
      t = transpose(%x:f32[n,2,8]) {perm=[0,2,1]}
      u = conv_transpose(t, %w:f32[2,3,1]=random(1)) {kernel=[1], sizes=[8], channels_last=1}
      z = group_norm(u, %s:f32[3]=random(2), %b:f32[3]=random(3)) {groups=3, epsilon=0.5, channels_last=1}
      y = transpose(z) {perm=[0,2,1]}
      return y)");
}

TEST(MakeChannelsLast, TransposesIndicesOnlyWhenTheyAreRead) {
  EXPECT_EQ(after(make_channels_last, R"(
      y, i = pool(%x:f32[n,3,8,8]) {kind="max", kernel=[2,2], strides=[2,2]}
      return y, i)"),
            R"(
      t = transpose(%x:f32[n,3,8,8]) {perm=[0,2,3,1]}
      u, v = pool(t) {kind="max", kernel=[2,2], strides=[2,2], channels_last=1}
      y = transpose(u) {perm=[0,3,1,2]}
      i = transpose(v) {perm=[0,3,1,2]}
      return y, i)");
}

TEST(MakeChannelsLast, TransposesOperandsOfPostOps) {
  EXPECT_EQ(after(make_channels_last, R"(
      input %x: f32[n,3,8,8]
      input %r: f32[n,4,8,8]
      y = conv(x, %w:f32[4,3,1,1]=random(1)) {kernel=[1,1], post_ops=[add(%r), mul(%c:f32[4,1,1]=random(2))]}
      return y)"),
            R"(
      input %x: f32[n,3,8,8]
      input %r: f32[n,4,8,8]
      t = transpose(x) {perm=[0,2,3,1]}
      s = transpose(r) {perm=[0,2,3,1]}
      u = conv(t, %w:f32[4,3,1,1]=random(1)) {kernel=[1,1], channels_last=1, post_ops=[add(%s), mul(%c:f32[1,1,1,4]=random(2))]}
      y = transpose(u) {perm=[0,3,1,2]}
      return y)");
}

TEST(MakeChannelsLast, LeavesWhatIsChannelsLast) {
  expect_unchanged(make_channels_last, R"(
      y = conv(%x:f32[n,8,8,3], %w:f32[4,3,1,1]=random(1)) {kernel=[1,1], channels_last=1}
      return y)");
}

TEST(MakeChannelsLast, KeepsValues) {
  expect_same_values(make_channels_last, R"(
      a = conv(%x:f32[n,3,6,5], %w:f32[4,3,3,3]=random(1)) {kernel=[3,3], pads_begin=[1,1], pads_end=[1,1]}
      b = group_norm(a, %s:f32[4]=random(2), %t:f32[4]=random(3)) {groups=2, epsilon=0.5}
      y, i = pool(b) {kind="max", kernel=[2,2], strides=[2,2]}
      return y, i)");
}

}  // namespace
}  // namespace tegula::compiler
