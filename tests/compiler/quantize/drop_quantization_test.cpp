#include "compiler/quantize/drop_quantization.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

TEST(DropQuantization, KeepsWhatQuantizeCutsOff) {
  EXPECT_EQ(after(drop_quantization, R"(
      q = quantize(%x:f32[n,4]) {alpha=0.5, beta=10, to=u8}
      d = dequantize(q) {alpha=0.5, beta=10}
      y = exp(d)
      return y)"),
            R"(
      c = clip(%x:f32[n,4]) {alpha=-5, beta=122.5}
      y = exp(c)
      return y)");
}

TEST(DropQuantization, PlacesRealNumbers) {
  EXPECT_EQ(after(drop_quantization, R"(
      q = quantize(%x:f32[n,4,4,2]) {alpha=0.5, to=u8}
      p = pool(q) {kind="max", kernel=[2,2], channels_last=1}
      t = transpose(p) {perm=[0,3,1,2]}
      y = dequantize(t) {alpha=0.5}
      return y)"),
            R"(
      c = clip(%x:f32[n,4,4,2]) {beta=127.5}
      p = pool(c) {kind="max", kernel=[2,2], channels_last=1}
      t = transpose(p) {perm=[0,3,1,2]}
      return "y"=t)");
}

TEST(DropQuantization, WeightsBecomeReal) {
  EXPECT_EQ(after(drop_quantization, R"(
      w = dequantize_by(%q:s8[2,2]=[1, -2, 3, 4], %s:f32[2]=[0.5, 0.25], %z:s8[2]=[0, 1])
      y = matmul(%x:f32[n,2], w)
      return y)"),
            R"(
      y = matmul(%x:f32[n,2], %w:f32[2,2]=[0.5, -0.75, 1.5, 0.75])
      return y)");
}

TEST(DropQuantization, RangesOfEachRunGoToo) {
  EXPECT_EQ(after(drop_quantization, R"(
      q, s, z = dynamic_quantize(%x:f32[n,2])
      d = dequantize_by(q, s, z)
      y = exp(d)
      return y)"),
            R"(
      y = exp(%x:f32[n,2])
      return y)");
}

TEST(DropQuantization, LeavesOtherIntegers) {
  for (const char* text :
       {"d = dequantize(%q:u8[n,4]) {alpha=0.5}\ny = exp(d)\nreturn y",
        "q = quantize(%x:f32[n,4]) {alpha=0.5, to=u8}\ny = dequantize(q) {alpha=0.25}\nreturn y",
        "q = quantize(%x:f32[n,4]) {alpha=0.5, to=u8}\nreturn q"})
    EXPECT_EQ(after(drop_quantization, text), GraphText(text));
}

}  // namespace
}  // namespace tegula::compiler
