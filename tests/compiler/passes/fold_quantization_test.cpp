#include "compiler/passes/fold_quantization.h"

#include <gtest/gtest.h>

#include "compiler/passes/pass.h"
#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

TEST(FoldQuantization, MakesAnIntegerConvolutionOfAQuantizedOne) {
  EXPECT_EQ(after(fold_quantization, R"(
      x = dequantize(%q:u8[1,3,3,2]) {alpha=0.5, beta=3}
      w = dequantize_by(%v:s8[2,2,1,1]=[1, -2, 3, 4], %s:f32[2,1,1,1]=[0.25, 0.5], %z:s8[2,1,1,1]=fill(0))
      b = dequantize_by(%u:s32[2]=[10, 20], %t:f32[2]=[0.125, 0.25], %n:s32[2]=fill(0))
      c = conv(x, w, b) {kernel=[1,1], channels_last=1}
      y = quantize(c) {alpha=2, beta=7, to=u8}
      return y)"),
            R"(
      y = quantized_conv(%q:u8[1,3,3,2], %v:s8[2,2,1,1]=[1, -2, 3, 4], %b:s32[2]=[13, -1], %m:f32[2]=[0.0625, 0.125]) {kernel=[1,1], channels_last=1, src_zero_point=3, dst_zero_point=7, to=u8}
      return y)");
}

TEST(FoldQuantization, TakesScalesByChannelIntoTheMultipliers) {
  EXPECT_EQ(after(fold_quantization, R"(
      x = dequantize(%q:u8[m,2]) {alpha=0.5, beta=3}
      w = dequantize(%v:s8[2,2]=[1, -2, 3, 4]) {alpha=0.25}
      c = matmul(x, w, %b:f32[2]=[0.5, 0.25])
      y = quantize_by(c, %s:f32[2]=[0.5, 0.25], %z:u8[]=128)
      return y)"),
            R"(
      y = quantized_matmul(%q:u8[m,2], %v:s8[2,2]=[1, -2, 3, 4], %b:s32[2]=[-8, -4], %f:f32[2]=[0.25, 0.5]) {src_zero_point=3, dst_zero_point=128, to=u8}
      return y)");
  // Behind post-ops there is one scale.
  EXPECT_EQ(after(fold_quantization, R"(
      x = dequantize(%q:u8[m,2]) {alpha=0.5}
      w = dequantize(%v:s8[2,2]=[1, -2, 3, 4]) {alpha=0.25}
      c = matmul(x, w) {post_ops=[relu]}
      y = quantize_by(c, %s:f32[2]=[0.5, 0.25], %z:u8[]=128)
      return y)"),
            R"(
      c = quantized_matmul(%q:u8[m,2], %v:s8[2,2]=[1, -2, 3, 4], -, %f:f32[]=0.125) {post_ops=[relu]}
      y = quantize_by(c, %s:f32[2]=[0.5, 0.25], %z:u8[]=128)
      return y)");
}

TEST(FoldQuantization, KeepsPostOpsInRealNumbersAndReadsTheResidualAsItLies) {
  EXPECT_EQ(after(fold_quantization, R"(
      x = dequantize(%q:u8[1,3,3,2]) {alpha=0.5}
      r = dequantize(%p:u8[1,3,3,2]) {alpha=0.25, beta=9}
      w = dequantize(%v:s8[2,2,1,1]=[1, -2, 3, 4]) {alpha=0.25}
      c = conv(x, w) {kernel=[1,1], channels_last=1, post_ops=[add(%r), relu]}
      y = quantize(c) {alpha=0.5, beta=7, to=u8}
      return y)"),
            R"(
      input %q:u8[1,3,3,2]
      input %p:u8[1,3,3,2]
      y = quantized_conv(q, %v:s8[2,2,1,1]=[1, -2, 3, 4], -, %m:f32[]=0.125) {kernel=[1,1], channels_last=1, dst_zero_point=7, dst_scale_inverse=2.0, to=u8, post_ops=[add(%p, scale=0.25, zero_point=9), relu]}
      return y)");
}

TEST(FoldQuantization, GivesRealResultsToRealReaders) {
  EXPECT_EQ(after(fold_quantization, R"(
      x = dequantize(%q:u8[m,2]) {alpha=0.5}
      w = dequantize_by(%v:s8[2,2]=[1, -2, 3, 4], %s:f32[2]=[0.25, 0.5], %z:s8[2]=fill(0))
      c = matmul(x, w)
      y = exp(c)
      return y)"),
            R"(
      c = quantized_matmul(%q:u8[m,2], %v:s8[2,2]=[1, -2, 3, 4], -, %m0:f32[2]=[0.125, 0.25])
      y = exp(c)
      return y)");
}

TEST(FoldQuantization, TakesABiasOfRealNumbersIntoTheSums) {
  EXPECT_EQ(after(fold_quantization, R"(
      x = dequantize(%q:u8[m,2]) {alpha=0.5}
      w = dequantize_by(%v:s8[2,2]=[1, -2, 3, 4], %s:f32[2]=[0.25, 0.5], %z:s8[2]=fill(0))
      c = matmul(x, w) {post_ops=[add(%b:f32[2]=[1, 3.1]), silu]}
      y = quantize(c) {alpha=0.5, to=u8}
      return y)"),
            R"(
      y = quantized_matmul(%q:u8[m,2], %v:s8[2,2]=[1, -2, 3, 4], %b:s32[2]=[8, 12], %m0:f32[2]=[0.125, 0.25]) {dst_scale_inverse=2.0, to=u8, post_ops=[silu]}
      return y)");
}

// With them the scale of the result goes into the multipliers.
TEST(FoldQuantization, LeavesToSaturationWhatItDoesAsWell) {
  const auto folded = [](const std::string& post_ops, const std::string& quantization) {
    return after(fold_quantization, R"(
      x = dequantize(%q:u8[m,2]) {alpha=0.5}
      w = dequantize(%v:s8[2,2]=[1, -2, 3, 4]) {alpha=0.25}
      c = matmul(x, w) {post_ops=[)" + post_ops + R"(]}
      y = quantize(c) {)" + quantization + R"(}
      return y)");
  };
  const auto product = [](const std::string& multiplier, const std::string& attributes) {
    return R"(
      y = quantized_matmul(%q:u8[m,2], %v:s8[2,2]=[1, -2, 3, 4], -, %m:f32[]=)" + multiplier + ") {" + attributes + R"(}
      return y)";
  };
  EXPECT_EQ(folded("relu", "alpha=0.5, to=u8"), product("0.25", "to=u8"));
  EXPECT_EQ(folded("clip(alpha=0, beta=6)", "alpha=0.015625, to=u8"), product("8", "to=u8"));
  EXPECT_EQ(folded("clip(alpha=-4, beta=3.96875)", "alpha=0.03125, beta=-0, to=s8"), product("4", "to=s8"));
  // Below what quantize keeps there is something to clip.
  EXPECT_EQ(folded("relu", "alpha=0.5, beta=7, to=u8"),
            product("0.125", "dst_zero_point=7, dst_scale_inverse=2.0, to=u8, post_ops=[relu]"));
  EXPECT_EQ(folded("clip(alpha=0, beta=6)", "alpha=0.03125, to=u8"),
            product("0.125", "dst_scale_inverse=32.0, to=u8, post_ops=[clip(alpha=0, beta=6)]"));
  EXPECT_EQ(folded("relu, exp", "alpha=0.5, to=u8"),
            product("0.125", "dst_scale_inverse=2.0, to=u8, post_ops=[relu, exp]"));
}

TEST(FoldQuantization, SubtractsZeroPointsOfWeightsThatS8Holds) {
  EXPECT_EQ(after(fold_quantization, R"(
      x = dequantize(%q:u8[m,2]) {alpha=0.5, beta=2}
      w = dequantize(%v:u8[2,2]=[129, 126, 131, 132]) {alpha=0.25, beta=127}
      y = matmul(x, w)
      return y)"),
            R"(
      y = quantized_matmul(%q:u8[m,2], %v:s8[2,2]=[2, -1, 4, 5], %b:s32[2]=[-12, -8], %m0:f32[]=0.125) {src_zero_point=2}
      return y)");
}

TEST(FoldQuantization, KeepsZeroPointsOfWeightsThatItCannotSubtract) {
  EXPECT_EQ(after(fold_quantization, R"(
      x = dequantize(%q:u8[m,2]) {alpha=0.5, beta=2}
      w = dequantize(%v:s8[2,1]=[-128, 127]) {alpha=0.25, beta=3}
      y = matmul(x, w)
      return y)"),
            R"(
      y = quantized_matmul(%q:u8[m,2], %v:s8[2,1]=[-128, 127], %b:s32[1]=[14], %m0:f32[]=0.125, %z:s32[1]=[3]) {src_zero_point=2}
      return y)");
}

TEST(FoldQuantization, TakesAZeroPointAndScaleThatAreComputed) {
  EXPECT_EQ(after(fold_quantization, R"(
      q, s, z = dynamic_quantize(%x:f32[m,2])
      d = dequantize_by(q, s, z)
      w = dequantize(%v:s8[2,2]=[1, -2, 3, 4]) {alpha=0.25}
      y = matmul(d, w) {post_ops=[add(%b:f32[2]=[1, 2])]}
      return y)"),
            R"(
      q, s, z = dynamic_quantize(%x:f32[m,2]) {zero_point=s32}
      y = quantized_matmul(q, %v:s8[2,2]=[1, -2, 3, 4], -, %m0:f32[]=0.25, -, z, s) {post_ops=[add(%b:f32[2]=[1, 2])]}
      return y)");
}

TEST(FoldQuantization, ProductsShareWhatIsQuantizedWhenItRuns) {
  EXPECT_EQ(after(fold_quantization, R"(
      q, s, z = dynamic_quantize(%x:f32[m,2])
      d = dequantize_by(q, s, z)
      w = dequantize(%v:s8[2,2]=[1, -2, 3, 4]) {alpha=0.25}
      u = dequantize(%t:s8[2,2]=[5, 6, 7, 8]) {alpha=0.5}
      a = matmul(d, w)
      b = matmul(d, u)
      return a, b, z)"),
            R"(
      q, s, wide = dynamic_quantize(%x:f32[m,2]) {zero_point=s32}
      z = cast(wide) {to=u8}
      a = quantized_matmul(q, %v:s8[2,2]=[1, -2, 3, 4], -, %m0:f32[]=0.25, -, wide, s)
      b = quantized_matmul(q, %t:s8[2,2]=[5, 6, 7, 8], -, %m1:f32[]=0.5, -, wide, s)
      return a, b, z)");
}

TEST(FoldQuantization, RangesByRowBelongToMatrixProductsAndByImageToConvolutions) {
  EXPECT_EQ(after(fold_quantization, R"(
      q, s, z = dynamic_quantize(%x:f32[m,5,2]) {per_row=1}
      d = dequantize_by(q, s, z)
      w = dequantize(%v:s8[2,2]=[1, -2, 3, 4]) {alpha=0.25}
      y = matmul(d, w)
      return y)"),
            R"(
      q, s, z = dynamic_quantize(%x:f32[m,5,2]) {per_row=1, zero_point=s32}
      y = quantized_matmul(q, %v:s8[2,2]=[1, -2, 3, 4], -, %m0:f32[]=0.25, -, z, s)
      return y)");
  EXPECT_EQ(after(fold_quantization, R"(
      q, s, z = dynamic_quantize(%x:f32[m,5,2]) {per_image=1}
      d = dequantize_by(q, s, z)
      w = dequantize(%v:s8[1,2,3]=[1, -2, 3, 4, 5, 6]) {alpha=0.25}
      y = conv(d, w) {kernel=[3], channels_last=1, pads_begin=[1], pads_end=[1]}
      return y)"),
            R"(
      q, s, z = dynamic_quantize(%x:f32[m,5,2]) {per_image=1, zero_point=s32}
      y = quantized_conv(q, %v:s8[1,2,3]=[1, -2, 3, 4, 5, 6], -, %m0:f32[]=0.25, -, z, s) {kernel=[3], channels_last=1, pads_begin=[1], pads_end=[1]}
      return y)");
  // The other way round no kernel has them.
  for (const std::string_view range : {"per_image", "per_row"}) {
    const std::string text =
        concat(R"(
      q, s, z = dynamic_quantize(%x:f32[m,5,2]) {)",
               range, R"(=1}
      d = dequantize_by(q, s, z)
      w = dequantize(%v:s8)",
               range == "per_image" ? "[2,2]=fill(3)" : "[1,2,1]=fill(3)", R"() {alpha=0.25}
      y = )",
               range == "per_image" ? "matmul(d, w)" : "conv(d, w) {kernel=[1], channels_last=1}", R"(
      return y)");
    expect_unchanged(fold_quantization, text);
  }
}

TEST(FoldQuantization, KeepsValuesOfRangesByRowAndImage) {
  expect_same_values(fold_quantization, R"(
      q, s, z = dynamic_quantize(%x:f32[m,5,4]) {per_row=1}
      d = dequantize_by(q, s, z)
      w = dequantize_by(%v:s8[4,3]=random(1), %sw:f32[3]=[0.1, 0.2, 0.3], %zw:s8[3]=[1, 0, -3])
      y = matmul(d, w) {post_ops=[relu]}
      return y)");
  expect_same_values(fold_quantization, R"(
      q, s, z = dynamic_quantize(%x:f32[m,5,5,4]) {per_image=1}
      d = dequantize_by(q, s, z)
      w = dequantize(%v:s8[3,4,3,3]=random(1)) {alpha=0.25, beta=3}
      y = conv(d, w) {kernel=[3,3], channels_last=1, pads_begin=[1,1], pads_end=[1,1], post_ops=[relu]}
      return y)");
}

TEST(FoldQuantization, BringsS8FromOutsideToU8) {
  EXPECT_EQ(after(fold_quantization, R"(
      x = dequantize(%q:s8[m,2]) {alpha=0.5, beta=-3}
      w = dequantize(%v:s8[2,2]=[1, -2, 3, 4]) {alpha=0.25}
      y = matmul(x, w)
      return y)"),
            R"(
      x = dequantize(%q:s8[m,2]) {alpha=0.5, beta=-3}
      p = quantize(x) {alpha=0.5, beta=125, to=u8}
      y = quantized_matmul(p, %v:s8[2,2]=[1, -2, 3, 4], %b:s32[2]=[-500, -250], %m0:f32[]=0.125) {src_zero_point=125}
      return y)");
}

TEST(FoldQuantization, KeepsAQuantizeThatIsNotTheOnlyReader) {
  EXPECT_EQ(after(fold_quantization, R"(
      x = dequantize(%q:u8[m,2]) {alpha=0.5}
      w = dequantize(%v:s8[2,2]=[1, -2, 3, 4]) {alpha=0.25}
      c = matmul(x, w)
      e = exp(c)
      y = quantize(c) {alpha=0.5, to=u8}
      return e, y)"),
            R"(
      c = quantized_matmul(%q:u8[m,2], %v:s8[2,2]=[1, -2, 3, 4], -, %m0:f32[]=0.125)
      e = exp(c)
      y = quantize(c) {alpha=0.5, to=u8}
      return e, y)");
}

// One case for each reason to refuse.
void expect_refused(const std::string& text, const std::string& reason) {
  Graph graph = graph_of(text);
  const auto changed = fold_quantization(graph);
  ASSERT_TRUE(changed.ok()) << changed.error().message;
  EXPECT_FALSE(*changed) << print(graph);
  std::string rules;
  for (const auto& node : graph.nodes()) rules += node->rule;
  EXPECT_EQ(rules, reason) << text;
}

TEST(FoldQuantization, SaysWhyAProductStaysReal) {
  expect_refused("w = dequantize(%v:s8[2,2]=[1,2,3,4]) {alpha=1}\ny = matmul(%x:f32[m,2], w)\nreturn y", "");
  expect_refused("d = dequantize(%q:u8[m,2]) {alpha=1}\ny = matmul(d, %w:f32[2,2]=random(1))\nreturn y",
                 "fp32: its weights are no quantized constant");
  expect_refused(
      "d = dequantize(%q:u8[m,2]) {alpha=1}\nw = dequantize(%v:s8[2,2]) {alpha=1}\ny = matmul(d, w)\nreturn y",
      "fp32: its weights are no quantized constant");
  expect_refused(
      "d = dequantize(%q:u8[2,m]) {alpha=1}\nw = dequantize(%v:s8[2,2]=[1,2,3,4]) {alpha=1}\n"
      "y = matmul(d, w) {transpose_a=1}\nreturn y",
      "fp32: its left operand is transposed");
  expect_refused(
      "d = dequantize(%q:u8[m,2]) {alpha=1}\n"
      "w = dequantize_by(%v:s8[2,2]=[1,2,3,4], %s:f32[2,1]=[1,2], %z:s8[2,1]=[0,0])\ny = matmul(d, w)\nreturn y",
      "fp32: its weights have scales along another axis than the channels");
  expect_refused(
      "d = dequantize(%q:u8[b,m,2]) {alpha=1}\nw = dequantize(%v:s8[1,2,2]=[1,2,3,4]) {alpha=1}\n"
      "y = matmul(d, w)\nreturn y",
      "fp32: its right operand is no constant matrix");
  // 2^31 / (255 * 127) products are too many.
  expect_refused(
      "d = dequantize(%q:u8[m,66400]) {alpha=1}\nw = dequantize(%v:s8[66400,1]=fill(127)) {alpha=1}\n"
      "y = matmul(d, w)\nreturn y",
      "fp32: its sums could leave the range of s32");
}

TEST(FoldQuantization, KeepsValues) {
  expect_same_values(fold_quantization, R"(
      x = dequantize(%q:u8[2,5,5,4]) {alpha=0.02, beta=120}
      r = dequantize(%p:u8[2,5,5,4]) {alpha=0.25, beta=9}
      w = dequantize_by(%v:s8[4,4,3,3]=random(3), %s:f32[4,1,1,1]=[0.01, 0.02, 0.03, 0.015], %z:s8[4,1,1,1]=[1,0,-2,0])
      c = conv(x, w) {kernel=[3,3], pads_begin=[1,1], pads_end=[1,1], channels_last=1, post_ops=[add(%r), relu]}
      return c)");
}

/// The graph after the whole pipeline.
GraphText compiled(std::string_view text) {
  Graph graph = graph_of(text);
  PassOptions options;
  options.verify_each = true;
  const auto run = run_pipeline(graph, options);
  EXPECT_TRUE(run.ok()) << run.error().message;
  return GraphText(graph);
}

// The two-matmul example of Intel's tuning guide: MatMul, BiasAdd and Relu, twice.
TEST(FoldQuantization, TwoMatmulsAreTwoIntegerProductsAndOneQuantize) {
  EXPECT_EQ(compiled(R"(
      q0 = quantize(%x:f32[n,2]) {alpha=0.5, to=u8}
      d0 = dequantize(q0) {alpha=0.5}
      w0 = dequantize_by(%v0:s8[2,2]=[1, 2, -3, 4], %s0:f32[2]=[0.25, 0.5], %z0:s8[2]=fill(0))
      m0 = matmul(d0, w0)
      a0 = add(m0, %b0:f32[2]=[1, 2])
      r0 = relu(a0)
      q1 = quantize(r0) {alpha=0.5, to=u8}
      d1 = dequantize(q1) {alpha=0.5}
      w1 = dequantize_by(%v1:s8[2,2]=[1, 2, -3, 5], %s1:f32[2]=[0.25, 0.5], %z1:s8[2]=fill(0))
      m1 = matmul(d1, w1)
      a1 = add(m1, %b1:f32[2]=[3, 4])
      y = relu(a1)
      return y)"),
            R"(
      q0 = quantize(%x:f32[n,2]) {alpha=0.5, to=u8}
      q1 = quantized_matmul(q0, %v0:s8[2,2]=[1, 2, -3, 4], %b0:s32[2]=[8, 8], %k0:f32[2]=[0.25, 0.5]) {to=u8}
      y = quantized_matmul(q1, %v1:s8[2,2]=[1, 2, -3, 5], %b1:s32[2]=[24, 16], %k1:f32[2]=[0.125, 0.25]) {post_ops=[relu]}
      return y)");
}

}  // namespace
}  // namespace tegula::compiler
