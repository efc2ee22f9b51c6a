#include "compiler/passes/expand_conv_transpose.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

std::string model(const std::string& x, const std::string& w, const std::string& attributes,
                  const std::string& bias = "") {
  return "y = conv_transpose(%x:f32" + x + ", %w:f32" + w + "=random(1)" +
         (bias.empty() ? "" : ", %b:f32" + bias + "=random(2)") + ") {channels_last=1, " + attributes + "}\nreturn y";
}

TEST(ExpandConvTranspose, IsAConvolutionWithoutStrides) {
  EXPECT_EQ(after(expand_conv_transpose,
                  "y = conv_transpose(%x:f32[1,4,1], %w:f32[1,1,3]=[1,2,3]) {channels_last=1, kernel=[3], strides=[1], "
                  "pads_begin=[1], pads_end=[1], sizes=[4]}\nreturn y"),
            "y = conv(%x:f32[1,4,1], %w:f32[1,1,3]=[3,2,1]) {channels_last=1, transposed=1, groups=1, kernel=[3], "
            "strides=[1], "
            "dilations=[1], "
            "pads_begin=[1], pads_end=[1]}\nreturn y");
}

TEST(ExpandConvTranspose, ComputesAllPhasesAtOnce) {
  EXPECT_EQ(
      after(expand_conv_transpose,
            "y = conv_transpose(%x:f32[1,4,1], %w:f32[1,1,4]=[1,2,3,4]) {channels_last=1, kernel=[4], strides=[2], "
            "sizes=[10]}\nreturn y"),
      R"(
      c = conv(%x:f32[1,4,1], %w:f32[2,1,2]=[3,1,4,2]) {channels_last=1, transposed=1, groups=1, kernel=[2], strides=[1], dilations=[1], pads_begin=[1], pads_end=[1]}
      s = reshape(c) {shape=[5,1,2,1]}
      t = transpose(s) {perm=[0,2,1,3]}
      y = reshape(t) {shape=[1,10,1]}
      return y)");
}

TEST(ExpandConvTranspose, MovesActivationsToTheConvolution) {
  EXPECT_EQ(after(expand_conv_transpose, R"(
      c = conv_transpose(%x:f32[1,4,3], %w:f32[3,5,2]=random(1)) {channels_last=1, kernel=[2], strides=[2], sizes=[7]}
      r = relu(c)
      y = tanh(r)
      return y)")
                .text()
                .find("relu(%0"),
            std::string::npos);
}

// A kernel of 3 by strides of 2: elements 3 and 1 make the even phase, 2 alone the odd one, beside the zero point.
TEST(ExpandConvTranspose, KeepsWeightsQuantized) {
  EXPECT_EQ(after(expand_conv_transpose, R"(
      x = dequantize(%q:u8[1,4,1]) {alpha=0.5, beta=3}
      w = dequantize(%v:s8[1,1,3]=[1,2,3]) {alpha=0.25, beta=7}
      y = conv_transpose(x, w) {channels_last=1, kernel=[3], strides=[2], sizes=[9]}
      return y)"),
            R"(
      x = dequantize(%q:u8[1,4,1]) {alpha=0.5, beta=3}
      w = dequantize(%v:s8[2,1,2]=[3,1,7,2]) {alpha=0.25, beta=7}
      c = conv(x, w) {channels_last=1, transposed=1, groups=1, kernel=[2], strides=[1], dilations=[1], pads_begin=[1], pads_end=[1]}
      s = reshape(c) {shape=[5,1,2,1]}
      t = transpose(s) {perm=[0,2,1,3]}
      r = reshape(t) {shape=[1,10,1]}
      y = slice(r) {starts=[0,0,0], sizes=[1,9,1], steps=[1,1,1]}
      return y)");
}

TEST(ExpandConvTranspose, KeepsScalesOfOutputChannels) {
  // Two groups of two input and two output channels; the scales are those of a group's outputs. A tap that no weight
  // reaches holds its channel's zero point.
  EXPECT_EQ(after(expand_conv_transpose, R"(
      x = dequantize(%q:u8[1,4,4]) {alpha=0.5}
      w = dequantize_by(%v:u8[4,2,1]=[1,2,3,4,5,6,7,8], %s:f32[2,1]=[0.5,0.25], %z:u8[2,1]=[10,20])
      b = dequantize_by(%u:s32[4]=[1,2,3,4], %t:f32[4]=[0.25,0.125,0.25,0.125], %n:s32[4]=fill(0))
      y = conv_transpose(x, w, b) {channels_last=1, kernel=[1], strides=[2], sizes=[8], groups=2}
      return y)"),
            R"(
      x = dequantize(%q:u8[1,4,4]) {alpha=0.5}
      w = dequantize_by(%v:u8[8,2,1]=[1,3,2,4,10,10,20,20,5,7,6,8,10,10,20,20], %s:f32[8,1,1]=[0.5,0.25,0.5,0.25,0.5,0.25,0.5,0.25], %z:u8[8,1,1]=[10,20,10,20,10,20,10,20])
      b = dequantize_by(%u:s32[8]=[1,2,1,2,3,4,3,4], %t:f32[8]=[0.25,0.125,0.25,0.125,0.25,0.125,0.25,0.125], %n:s32[8]=fill(0))
      c = conv(x, w, b) {channels_last=1, transposed=1, groups=2, kernel=[1], strides=[1], dilations=[1], pads_begin=[0], pads_end=[0]}
      split = reshape(c) {shape=[4,2,2,2]}
      moved = transpose(split) {perm=[0,2,1,3]}
      y = reshape(moved) {shape=[1,8,4]}
      return y)");
}

TEST(ExpandConvTranspose, KeepsScalesOfInputChannelsWhereEachIsAGroup) {
  EXPECT_EQ(after(expand_conv_transpose, R"(
      x = dequantize(%q:u8[1,4,2]) {alpha=0.5}
      w = dequantize_by(%v:s8[2,2,1]=[1,2,3,4], %s:f32[2,1,1]=[0.5,0.25], %z:s8[]=0)
      y = conv_transpose(x, w) {channels_last=1, kernel=[1], strides=[1], sizes=[4], groups=2}
      return y)"),
            R"(
      x = dequantize(%q:u8[1,4,2]) {alpha=0.5}
      w = dequantize_by(%v:s8[4,1,1]=[1,2,3,4], %s:f32[4,1,1]=[0.5,0.5,0.25,0.25], %z:s8[]=0)
      y = conv(x, w) {channels_last=1, transposed=1, groups=2, kernel=[1], strides=[1], dilations=[1], pads_begin=[0], pads_end=[0]}
      return y)");
}

TEST(ExpandConvTranspose, SaysWhyScalesOfInputChannelsStayReal) {
  Graph graph = graph_of(R"(
      x = dequantize(%q:u8[1,4,2]) {alpha=0.5}
      w = dequantize_by(%v:s8[2,3,1]=[1,2,3,4,5,6], %s:f32[2,1,1]=[0.5,0.25], %z:s8[]=0)
      y = conv_transpose(x, w) {channels_last=1, kernel=[1], strides=[1], sizes=[4]}
      return y)");
  const auto changed = expand_conv_transpose(graph);
  ASSERT_TRUE(changed.ok()) << changed.error().message;
  EXPECT_TRUE(*changed);
  EXPECT_EQ(GraphText(graph), R"(
      x = dequantize(%q:u8[1,4,2]) {alpha=0.5}
      y = conv(x, %w:f32[3,2,1]=[0.5,1,1,1.25,1.5,1.5]) {channels_last=1, transposed=1, groups=1, kernel=[1], strides=[1], dilations=[1], pads_begin=[0], pads_end=[0]}
      return y)");
  EXPECT_EQ(graph.nodes().back()->rule,
            "fp32: its weights have scales of input channels; integer sums take those of output channels (axis 1)");
}

TEST(ExpandConvTranspose, SaysWhyComputedOperandsStayReal) {
  const auto rule_of = [](const std::string& operands) {
    Graph graph = graph_of("x = dequantize(%q:u8[1,4,2]) {alpha=0.5}\ny = conv_transpose(x, " + operands +
                           ") {channels_last=1, kernel=[1], strides=[1], sizes=[4]}\nreturn y");
    const auto changed = expand_conv_transpose(graph);
    EXPECT_TRUE(changed.ok() && !*changed);
    return graph.nodes().back()->rule;
  };
  EXPECT_EQ(rule_of("%w:f32[2,3,1]"), "fp32: its weights are no constant");
  EXPECT_EQ(rule_of("%w:f32[2,3,1]=random(1), %b:f32[3]"), "fp32: its bias is no constant");
}

TEST(ExpandConvTranspose, MovesWhatHasAConstantForEachChannel) {
  EXPECT_EQ(after(expand_conv_transpose, R"(
      c = conv_transpose(%x:f32[1,4,1], %w:f32[1,2,2]=[1,2,3,4]) {channels_last=1, kernel=[2], strides=[2], sizes=[8]}
      a = add(c, %b:f32[2]=[1,2])
      s = sub(%m:f32[]=3, a)
      y = relu(s)
      return y)"),
            R"(
      c = conv(%x:f32[1,4,1], %w:f32[4,1,1]=[1,3,2,4]) {channels_last=1, transposed=1, groups=1, kernel=[1], strides=[1], dilations=[1], pads_begin=[0], pads_end=[0]}
      a = add(c, %b:f32[4]=[1,2,1,2])
      s = sub(%m:f32[4]=fill(3), a)
      f = relu(s)
      p = reshape(f) {shape=[4,1,2,2]}
      t = transpose(p) {perm=[0,2,1,3]}
      y = reshape(t) {shape=[1,8,2]}
      return y)");
  expect_same_values(expand_conv_transpose, R"(
      c = conv_transpose(%x:f32[1,4,3], %w:f32[3,2,2]=random(1)) {channels_last=1, kernel=[2], strides=[2], sizes=[8]}
      a = add(c, %b:f32[2]=[1,2])
      m = sub(%s:f32[]=3, a)
      y = relu(m)
      return y)");
}

TEST(ExpandConvTranspose, KeepsValues) {
  // 1-D to 3-D, groups, dilations, padding that crops and padding that is taken off, output padding.
  for (const std::string& text : {
           model("[2,5,3]", "[3,4,4]", "kernel=[4], strides=[2], pads_begin=[1], sizes=[10]", "[4]"),
           model("[2,5,3]", "[3,4,3]", "kernel=[3], strides=[3], pads_begin=[0], sizes=[17]", "[4]"),
           model("[1,4,5,6]", "[6,2,3,3]", "kernel=[3,3], strides=[2,1], pads_begin=[1,1], sizes=[8,5], groups=2",
                 "[4]"),
           model("[1,4,5,6]", "[6,2,3,2]",
                 "kernel=[3,2], strides=[2,3], dilations=[2,1], pads_begin=[3,2], sizes=[9,11], groups=3"),
           model("[1,3,3,2]", "[2,3,5,5]",
                 "kernel=[5,5], strides=[2,2], dilations=[1,3], pads_begin=[4,0], sizes=[3,17]"),
           model("[2,2,3,2,4]", "[4,2,2,3,2]",
                 "kernel=[2,3,2], strides=[2,2,2], pads_begin=[0,1,0], sizes=[4,6,5], groups=2", "[4]"),
           model("[n,h,3,4]", "[4,2,3,3]", "kernel=[3,3], strides=[2,2], pads_begin=[1,1], sizes=[2*h,6]", "[2]"),
           model("[1,4,5,6]", "[6,2,3,3]",
                 "kernel=[3,3], strides=[1,1], dilations=[2,1], pads_begin=[2,1], sizes=[4,5]", "[2]"),
       })
    expect_same_values(expand_conv_transpose, text);
  expect_same_values(expand_conv_transpose, R"(
      c = conv_transpose(%x:f32[1,4,3], %w:f32[3,5,2]=random(1)) {channels_last=1, kernel=[2], strides=[2], sizes=[7]}
      r = relu(c)
      y = tanh(r)
      return y)");
}

TEST(ExpandConvTranspose, LeavesAlone) {
  for (const char* text : {
           "y = conv_transpose(%x:f32[1,4,3], %w:f32[3,5,2]) {channels_last=1, kernel=[2], strides=[2], "
           "sizes=[8]}\nreturn y",
           "y = conv_transpose(%x:f32[1,3,4], %w:f32[3,5,2]=random(1)) {kernel=[2], strides=[2], sizes=[8]}\nreturn y",
           "y = conv_transpose(%x:f32[1,4,3], %w:f32[3,5,2]=random(1), %b:f32[5]) {channels_last=1, kernel=[2], "
           "strides=[2], "
           "sizes=[8]}\nreturn y",
       })
    expect_unchanged(expand_conv_transpose, text);
}

}  // namespace
}  // namespace tegula::compiler
