#include "compiler/passes/fold_activation_products.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

TEST(FoldActivationProducts, MakesAnIntegerProductOfQuantizedActivations) {
  EXPECT_EQ(after(fold_activation_products, R"(
      input %p:u8[1,2,m,8]
      input %q:u8[1,2,8,n]
      a = dequantize(%p) {alpha=0.5, beta=3}
      b = dequantize(%q) {alpha=0.25, beta=7}
      c = matmul(a, b) {alpha=0.5}
      y = quantize(c) {alpha=2, beta=9, to=u8}
      return y)"),
            R"(
      y = quantized_matmul(%p:u8[1,2,m,8], %q:u8[1,2,8,n], -, %f:f32[]=0.03125) {src_zero_point=3, right_zero_point=7, dst_zero_point=9, to=u8}
      return y)");
}

TEST(FoldActivationProducts, KeepsPostOpsInRealNumbersAndReadsTheirOperandsAsTheyLie) {
  EXPECT_EQ(after(fold_activation_products, R"(
      input %p:u8[m,8]
      input %q:u8[n,8]
      input %s:u8[m,n]
      a = dequantize(%p) {alpha=0.5}
      b = dequantize(%q) {alpha=0.25, beta=128}
      r = dequantize(%s) {alpha=0.25, beta=9}
      c = matmul(a, b, %bias:f32[n]) {transpose_b=1, post_ops=[add(%r), relu]}
      y = quantize(c) {alpha=0.5, to=u8}
      return y)"),
            R"(
      input %p:u8[m,8]
      input %q:u8[n,8]
      input %s:u8[m,n]
      input %bias:f32[n]
      y = quantized_matmul(%p, %q, -, %f:f32[]=0.125) {transpose_b=1, right_zero_point=128, dst_scale_inverse=2.0, to=u8, post_ops=[add(%bias), add(%s, scale=0.25, zero_point=9), relu]}
      return y)");
}

TEST(FoldActivationProducts, GivesRealResultsToRealReaders) {
  EXPECT_EQ(after(fold_activation_products, R"(
      a = dequantize(%p:u8[8,m]) {alpha=0.5}
      b = dequantize(%q:u8[8,n]) {alpha=0.25}
      c = matmul(a, b) {transpose_a=1}
      y = exp(c)
      return y)"),
            R"(
      c = quantized_matmul(%p:u8[8,m], %q:u8[8,n], -, %f:f32[]=0.125) {transpose_a=1}
      y = exp(c)
      return y)");
}

TEST(FoldActivationProducts, BringsS8ToU8) {
  EXPECT_EQ(after(fold_activation_products, R"(
      a = dequantize(%p:s8[2,m,3]) {alpha=0.5, beta=-3}
      b = dequantize(%v:s8[2,3,1]=[1, -2, 3, 4, -128, 127]) {alpha=0.25}
      y = matmul(a, b)
      return y)"),
            R"(
      a = dequantize(%p:s8[2,m,3]) {alpha=0.5, beta=-3}
      q = quantize(a) {alpha=0.5, beta=125, to=u8}
      y = quantized_matmul(q, %v:u8[2,3,1]=[129, 126, 131, 132, 0, 255], -, %f:f32[]=0.125) {src_zero_point=125, right_zero_point=128}
      return y)");
}

TEST(FoldActivationProducts, LeavesConstantMatricesAndRealOperandsAlone) {
  for (const char* text : {"a = dequantize(%p:u8[m,2]) {alpha=1}\nb = dequantize(%v:s8[2,2]=[1,2,3,4]) {alpha=1}\n"
                           "y = matmul(a, b)\nreturn y",
                           "a = dequantize(%p:u8[m,2]) {alpha=1}\ny = matmul(a, %b:f32[2,n])\nreturn y",
                           "b = dequantize(%q:u8[2,n]) {alpha=1}\ny = matmul(%a:f32[m,2], b)\nreturn y",
                           "q, s, z = dynamic_quantize(%x:f32[m,2])\na = dequantize_by(q, s, z)\n"
                           "b = dequantize(%v:u8[2,n]) {alpha=1}\ny = matmul(a, b)\nreturn y"})
    expect_unchanged(fold_activation_products, text);
}

TEST(FoldActivationProducts, LeavesSumsAloneThatCouldLeaveS32) {
  const auto product = [](const char* depth) {
    return concat("a = dequantize(%p:u8[1,", depth, "]) {alpha=1}\nb = dequantize(%q:u8[", depth,
                  ",1]) {alpha=1}\ny = matmul(a, b)\nreturn y");
  };
  // 33025 * 255 * 255 = 2^31 - 197023
  Graph most = graph_of(product("33025")), more = graph_of(product("33026")), symbolic = graph_of(product("k"));
  ASSERT_TRUE(*fold_activation_products(most));
  ASSERT_FALSE(*fold_activation_products(more));
  EXPECT_EQ(more.nodes().back()->rule, "fp32: its sums could leave the range of s32");
  ASSERT_TRUE(*fold_activation_products(symbolic));
  ASSERT_EQ(symbolic.constraints.size(), 1U);
  EXPECT_EQ(symbolic.constraints[0].kind, GraphConstraint::Kind::kAtLeast);
  EXPECT_EQ(symbolic.constraints[0].a.to_string(), "33025");
  EXPECT_EQ(symbolic.constraints[0].b.to_string(), "k");
}

TEST(FoldActivationProducts, KeepsValues) {
  for (const char* text : {R"(
      a = dequantize(%p:u8[2,1,m,50]) {alpha=0.5, beta=3}
      b = dequantize(%q:u8[2,50,n]) {alpha=0.25, beta=7}
      y = matmul(a, b)
      return y)",
                           R"(
      a = dequantize(%p:u8[50,m]) {alpha=0.5}
      b = dequantize(%q:s8[7,n,50]) {alpha=0.25}
      y = matmul(a, b) {alpha=0.125, transpose_a=1, transpose_b=1}
      return y)"})
    expect_same_values(fold_activation_products, text);
}

}  // namespace
}  // namespace tegula::compiler
