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
