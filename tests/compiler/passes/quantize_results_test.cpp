#include "compiler/passes/quantize_results.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

constexpr std::string_view kLayerNorm = R"(
      n = layer_norm(%x:f32[n,8], %g:f32[8]=random(1), %b:f32[8]=random(2)) {axis=1, epsilon=0.001}
      y = quantize(n) {alpha=0.25, beta=7, to=u8}
      return y)";

TEST(QuantizeResults, LayerNormStoresQuantizedValues) {
  EXPECT_EQ(after(quantize_results, kLayerNorm), R"(
      y = layer_norm(%x:f32[n,8], %g:f32[8]=random(1), %b:f32[8]=random(2)) {axis=1, epsilon=0.001, to=u8, dst_scale_inverse=4.0, dst_zero_point=7}
      return y)");
  expect_same_values(quantize_results, kLayerNorm);
}

TEST(QuantizeResults, SoftmaxAndAttentionToo) {
  constexpr std::string_view kText = R"(
      s = softmax(%x:f32[n,8]) {axis=1}
      y = quantize(s) {alpha=0.00390625, to=u8}
      return y)";
  EXPECT_EQ(after(quantize_results, kText), R"(
      y = softmax(%x:f32[n,8]) {axis=1, to=u8, dst_scale_inverse=256.0, dst_zero_point=0}
      return y)");
  expect_same_values(quantize_results, kText);
}

TEST(QuantizeResults, LeavesResultsThatAreReadAsTheyAre) {
  for (const char* text : {"s = softmax(%x:f32[n,8]) {axis=1}\ny = quantize(s) {alpha=0.5, to=u8}\nreturn s, y",
                           "s = softmax(%x:f32[n,8]) {axis=1}\ny = quantize(s) {alpha=0.5, to=u8}\nz = exp(s)\nreturn y, z",
                           "s = exp(%x:f32[n,8])\ny = quantize(s) {alpha=0.5, to=u8}\nreturn y"})
    EXPECT_EQ(after(quantize_results, text), GraphText(text));
}

}  // namespace
}  // namespace tegula::compiler
