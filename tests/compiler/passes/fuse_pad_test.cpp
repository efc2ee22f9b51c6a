#include "compiler/passes/fuse_pad.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

constexpr const char* kPadAndConv = R"(
    p = pad(%x:f32[n,2,5,5]) {mode="constant", begins=[0,0,1,0], ends=[0,0,2,1]}
    y = conv(p, %w:f32[3,2,3,3]=random(1)) {kernel=[3,3], pads_begin=[1,1], pads_end=[0,1]}
    return y)";

TEST(FusePad, MovesZerosIntoConv) {
  EXPECT_EQ(after(fuse_pad, kPadAndConv), R"(
      y = conv(%x:f32[n,2,5,5], %w:f32[3,2,3,3]=random(1)) {kernel=[3,3], pads_begin=[2,1], pads_end=[2,2]}
      return y)");
  EXPECT_EQ(after(fuse_pad, R"(
      p = pad(%x:f32[n,5,5,2], %zero:f32[]=0.0) {mode="constant", begins=[0,1,0,0], ends=[0,0,0,0]}
      y = conv(p, %w:f32[3,2,3,3]=random(1)) {kernel=[3,3], channels_last=1}
      return y)"),
            R"(
      y = conv(%x:f32[n,5,5,2], %w:f32[3,2,3,3]=random(1)) {kernel=[3,3], channels_last=1, pads_begin=[1,0], pads_end=[0,0]}
      return y)");
}

TEST(FusePad, CountsZerosInAnAverage) {
  EXPECT_EQ(after(fuse_pad, R"(
      p = pad(%x:f32[n,2,5,5]) {mode="constant", begins=[0,0,1,1], ends=[0,0,1,1]}
      y = pool(p) {kind="average", kernel=[3,3], strides=[2,2]}
      return y)"),
            R"(
      y = pool(%x:f32[n,2,5,5]) {kind="average", kernel=[3,3], strides=[2,2], count_include_pad=1, pads_begin=[1,1], pads_end=[1,1]}
      return y)");
}

TEST(FusePad, KeepsOtherNumbersAndModes) {
  constexpr const char* kOne = R"(
      p = pad(%x:f32[n,2,5,5], %one:f32[]=1.0) {mode="constant", begins=[0,0,1,1], ends=[0,0,1,1]}
      y = conv(p, %w:f32[3,2,3,3]=random(1)) {kernel=[3,3]}
      return y)";
  expect_unchanged(fuse_pad, kOne);
  constexpr const char* kReflect = R"(
      p = pad(%x:f32[n,2,5,5]) {mode="reflect", begins=[0,0,1,1], ends=[0,0,1,1]}
      y = conv(p, %w:f32[3,2,3,3]=random(1)) {kernel=[3,3]}
      return y)";
  expect_unchanged(fuse_pad, kReflect);
}

TEST(FusePad, KeepsZerosBeforeAMaximum) {
  expect_unchanged(fuse_pad, R"(
      p = pad(%x:f32[n,2,5,5]) {mode="constant", begins=[0,0,1,1], ends=[0,0,1,1]}
      y, _ = pool(p) {kind="max", kernel=[3,3], strides=[2,2]}
      return y)");
}

TEST(FusePad, KeepsZerosBeforeAnAverageThatDoesNotCountItsPadding) {
  expect_unchanged(fuse_pad, R"(
      p = pad(%x:f32[n,2,5,5]) {mode="constant", begins=[0,0,1,1], ends=[0,0,1,1]}
      y = pool(p) {kind="average", kernel=[3,3], strides=[2,2], pads_begin=[1,1], pads_end=[1,1]}
      return y)");
}

TEST(FusePad, KeepsPaddedChannelsAndCroppedSizes) {
  constexpr const char* kChannels = R"(
      p = pad(%x:f32[n,2,5,5]) {mode="constant", begins=[0,1,1,1], ends=[0,0,1,1]}
      y = conv(p, %w:f32[3,3,3,3]=random(1)) {kernel=[3,3]}
      return y)";
  expect_unchanged(fuse_pad, kChannels);
  constexpr const char* kCrop = R"(
      p = pad(%x:f32[n,2,5,5]) {mode="constant", begins=[0,0,-1,1], ends=[0,0,1,1]}
      y = conv(p, %w:f32[3,2,3,3]=random(1)) {kernel=[3,3]}
      return y)";
  expect_unchanged(fuse_pad, kCrop);
}

TEST(FusePad, KeepsAPadForOtherReaders) {
  EXPECT_EQ(after(fuse_pad, R"(
      p = pad(%x:f32[n,2,5,5]) {mode="constant", begins=[0,0,1,1], ends=[0,0,1,1]}
      y = conv(p, %w:f32[3,2,3,3]=random(1)) {kernel=[3,3]}
      return y, p)"),
            R"(
      p = pad(%x:f32[n,2,5,5]) {mode="constant", begins=[0,0,1,1], ends=[0,0,1,1]}
      y = conv(x, %w:f32[3,2,3,3]=random(1)) {kernel=[3,3], pads_begin=[1,1], pads_end=[1,1]}
      return y, p)");
}

TEST(FusePad, KeepsValues) {
  expect_same_values(fuse_pad, kPadAndConv);
  expect_same_values(fuse_pad, R"(
      p = pad(%x:f32[n,2,5,5]) {mode="constant", begins=[0,0,1,1], ends=[0,0,1,1]}
      y = pool(p) {kind="average", kernel=[3,3], strides=[2,2]}
      return y)");
  expect_same_values(fuse_pad, R"(
      p = pad(%x:f32[n,2,5,5], %low:f32[]=-inf) {mode="constant", begins=[0,0,1,1], ends=[0,0,1,1]}
      y, _ = pool(p) {kind="max", kernel=[3,3], strides=[2,2]}
      return y)");
}

}  // namespace
}  // namespace tegula::compiler
