#include "compiler/passes/move_quantization.h"

#include <gtest/gtest.h>

#include "compiler/passes/make_activations_unsigned.h"
#include "compiler/passes/round_before_residual.h"
#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

TEST(MoveQuantization, PlacesElementsOfQuantizedValues) {
  EXPECT_EQ(after(move_quantization, R"(
      d = dequantize(%q:u8[2,3,4,4]) {alpha=0.5, beta=3}
      p = pool(d) {kind="max", kernel=[2,2], strides=[2,2]}
      t = transpose(p) {perm=[0,2,3,1]}
      r = reshape(t) {shape=[2,12]}
      y = quantize(r) {alpha=0.5, beta=3, to=u8}
      return y)"),
            R"(
      p, i = pool(%q:u8[2,3,4,4]) {kind="max", kernel=[2,2], strides=[2,2]}
      t = transpose(p) {perm=[0,2,3,1]}
      y = reshape(t) {shape=[2,12]}
      return y)");
}

TEST(MoveQuantization, QuantizesBeforeElementsArePlaced) {
  EXPECT_EQ(after(move_quantization, R"(
      a = exp(%x:f32[2,4])
      b = slice(a) {starts=[0,1], sizes=[2,2], steps=[1,1]}
      y = quantize(b) {alpha=0.5, to=u8}
      return y)"),
            R"(
      a = exp(%x:f32[2,4])
      q = quantize(a) {alpha=0.5, to=u8}
      y = slice(q) {starts=[0,1], sizes=[2,2], steps=[1,1]}
      return y)");
}

TEST(MoveQuantization, JoinsValuesOfOneScale) {
  EXPECT_EQ(after(move_quantization, R"(
      a = dequantize(%p:u8[2,4]) {alpha=0.5}
      b = dequantize(%q:u8[2,4]) {alpha=0.5}
      c = concat(a, b) {axis=1}
      return c)"),
            R"(
      j = concat(%p:u8[2,4], %q:u8[2,4]) {axis=1}
      c = dequantize(j) {alpha=0.5}
      return c)");
}

TEST(MoveQuantization, JoinsValuesOfTheResultsScale) {
  EXPECT_EQ(after(move_quantization, R"(
      a = dequantize(%p:u8[2,4]) {alpha=0.5}
      b = dequantize(%q:u8[2,4]) {alpha=0.25}
      c = concat(a, b) {axis=1}
      y = quantize(c) {alpha=0.5, to=u8}
      return y)"),
            R"(
      input %p:u8[2,4]
      b = dequantize(%q:u8[2,4]) {alpha=0.25}
      r = quantize(b) {alpha=0.5, to=u8}
      y = concat(p, r) {axis=1}
      return y)");
}

TEST(MoveQuantization, PadsWithTheZeroPoint) {
  EXPECT_EQ(after(move_quantization, R"(
      d = dequantize(%q:u8[2,4]) {alpha=0.5, beta=3}
      p = pad(d) {mode="constant", begins=[0,1], ends=[0,1]}
      y = quantize(p) {alpha=0.5, beta=3, to=u8}
      return y)"),
            R"(
      y = pad(%q:u8[2,4], %z:u8[]=3) {mode="constant", begins=[0,1], ends=[0,1]}
      return y)");
}

TEST(MoveQuantization, DropsWhatTheRangeDoes) {
  EXPECT_EQ(after(move_quantization, R"(
      r = relu(%x:f32[4])
      y = quantize(r) {alpha=0.5, to=u8}
      return y)"),
            "y = quantize(%x:f32[4]) {alpha=0.5, to=u8}\nreturn y");
  EXPECT_EQ(after(move_quantization, R"(
      r = clip(%x:f32[4]) {alpha=0, beta=6}
      y = quantize(r) {alpha=0.0234375, to=u8}
      return y)"),
            "y = quantize(%x:f32[4]) {alpha=0.0234375, to=u8}\nreturn y");
}

TEST(MoveQuantization, MovesScalesOfWeightsWithTheirDimension) {
  EXPECT_EQ(after(move_quantization, R"(
      d = dequantize_by(%v:s8[2,3]=[1,2,3,4,5,6], %s:f32[2,1]=[0.5, 0.25], %z:s8[2,1]=[0, 1])
      w = transpose(d) {perm=[1,0]}
      y = matmul(%x:f32[m,3], w)
      return y)"),
            R"(
      w = dequantize_by(%v:s8[3,2]=[1,4,2,5,3,6], %s:f32[1,2]=[0.5, 0.25], %z:s8[1,2]=[0, 1])
      y = matmul(%x:f32[m,3], w)
      return y)");
}

TEST(MoveQuantization, LeavesTheRest) {
  for (const char* text : {
           // Other scales before and after.
           "d = dequantize(%q:u8[4]) {alpha=0.5}\ny = quantize(d) {alpha=0.25, to=u8}\nreturn y",
           "d = dequantize(%q:u8[4]) {alpha=0.5}\ny = quantize(d) {alpha=0.5, beta=1, to=u8}\nreturn y",
           "d = dequantize(%q:u8[4]) {alpha=0.5}\ny = quantize(d) {alpha=0.5, to=s8}\nreturn y",
           // Real numbers of two scales.
           "a = dequantize(%p:u8[4]) {alpha=0.5}\nb = dequantize(%q:u8[4]) {alpha=0.25}\n"
           "y = concat(a, b) {axis=0}\nreturn y",
           // u8 holds no -1 here.
           "d = dequantize(%q:u8[4]) {alpha=0.5}\n"
           "y = pad(d, %f:f32[]=-1) {mode=\"constant\", begins=[1], ends=[1]}\nreturn y",
           // The range goes below 0, or beyond 6.
           "r = relu(%x:f32[4])\ny = quantize(r) {alpha=0.5, beta=10, to=u8}\nreturn y",
           "r = clip(%x:f32[4]) {alpha=0, beta=6}\ny = quantize(r) {alpha=0.5, to=u8}\nreturn y",
           // Others read what is not quantized.
           "r = relu(%x:f32[4])\ne = exp(r)\ny = quantize(r) {alpha=0.5, to=u8}\nreturn y, e",
           "t = transpose(%x:f32[4,2]) {perm=[1,0]}\ny = quantize(t) {alpha=0.5, to=u8}\nreturn y, t",
           // Averages are no elements.
           "d = dequantize(%q:u8[1,2,4,4]) {alpha=0.5}\ny = pool(d) {kind=\"average\", kernel=[2,2]}\nreturn y",
       })
    expect_unchanged(move_quantization, text);
}

TEST(MoveQuantization, KeepsValues) {
  expect_same_values(move_quantization, R"(
      a = dequantize(%q:u8[2,3,4,4]) {alpha=0.5, beta=3}
      p = pool(a) {kind="max", kernel=[2,2], strides=[2,2]}
      b = dequantize(%r:u8[2,3,2,2]) {alpha=0.25, beta=7}
      c = concat(p, b) {axis=1}
      z = relu(c)
      y = quantize(z) {alpha=0.3, to=u8}
      return y)");
}

TEST(MakeActivationsUnsigned, ShiftsValuesBetweenQuantizeAndDequantize) {
  EXPECT_EQ(after(make_activations_unsigned, R"(
      q = quantize(%x:f32[4]) {alpha=0.5, beta=-3, to=s8}
      y = dequantize(q) {alpha=0.5, beta=-3}
      return y)"),
            R"(
      q = quantize(%x:f32[4]) {alpha=0.5, beta=125, to=u8}
      y = dequantize(q) {alpha=0.5, beta=125}
      return y)");
}

TEST(MakeActivationsUnsigned, KeepsWhatOthersSee) {
  for (const char* text : {"y = quantize(%x:f32[4]) {alpha=0.5, to=s8}\nreturn y",
                           "q = quantize(%x:f32[4]) {alpha=0.5, to=s8}\nd = dequantize(q) {alpha=0.5}\nreturn d, q",
                           "q = quantize(%x:f32[4]) {alpha=0.5, to=s8}\nd = reshape(q) {shape=[2,2]}\nreturn d",
                           "y = dequantize(%q:s8[4]) {alpha=0.5}\nreturn y"})
    expect_unchanged(make_activations_unsigned, text);
}

constexpr const char* kResidual = R"(
      x = dequantize(%p:u8[n,2]) {alpha=0.5}
      w = dequantize(%v:s8[2,2]=[1, -2, 3, 4]) {alpha=0.25}
      c = matmul(x, w)
      q = quantize(c) {alpha=0.5, beta=100, to=u8}
      d = dequantize(q) {alpha=0.5, beta=100}
      y = add(d, %r:f32[n,2])
      return y)";

TEST(RoundBeforeResidual, SpellsTheRoundingOut) {
  EXPECT_EQ(after(round_before_residual, kResidual), R"(
      x = dequantize(%p:u8[n,2]) {alpha=0.5}
      w = dequantize(%v:s8[2,2]=[1, -2, 3, 4]) {alpha=0.25}
      c = matmul(x, w)
      a = affine(c) {alpha=2}
      b = round(a)
      e = clip(b) {alpha=-100, beta=155}
      d = affine(e) {alpha=0.5}
      y = add(d, %r:f32[n,2])
      return y)");
  expect_same_values(round_before_residual, kResidual, 0);
}

TEST(RoundBeforeResidual, LeavesWhatIsReadElsewhereOrIsNoProduct) {
  for (const char* text : {
           "q = quantize(%c:f32[n,2]) {alpha=0.5, to=u8}\nd = dequantize(q) {alpha=0.5}\n"
           "y = add(d, %r:f32[n,2])\nreturn y",
           "x = dequantize(%p:u8[n,2]) {alpha=0.5}\nw = dequantize(%v:s8[2,2]=[1, -2, 3, 4]) {alpha=0.25}\n"
           "c = matmul(x, w)\nq = quantize(c) {alpha=0.5, to=u8}\nd = dequantize(q) {alpha=0.5}\n"
           "y = add(d, %r:f32[n,2])\nreturn y, q",
           "c = matmul(%x:f32[n,2], %w:f32[2,2]=random(1))\nq = quantize(c) {alpha=0.5, to=u8}\n"
           "d = dequantize(q) {alpha=0.5}\ny = add(d, %r:f32[n,2])\nreturn y",
       })
    expect_unchanged(round_before_residual, text);
}

}  // namespace
}  // namespace tegula::compiler
