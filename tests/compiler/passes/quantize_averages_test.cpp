#include "compiler/passes/quantize_averages.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

TEST(QuantizeAverages, MeansReadAndWriteQuantizedValues) {
  EXPECT_EQ(after(quantize_averages, R"(
      d = dequantize(%q:u8[n,4,4,8]) {alpha=0.5, beta=3}
      m = reduce(d) {kind="mean", axes=[1,2], keepdims=1}
      y = quantize(m) {alpha=0.25, beta=7, to=u8}
      return y)"),
            R"(
      y = reduce(%q:u8[n,4,4,8]) {kind="mean", axes=[1,2], keepdims=1, src_scale=0.5, src_zero_point=3, dst_scale_inverse=4.0, dst_zero_point=7, to=u8}
      return y)");
}

TEST(QuantizeAverages, PoolingGivesRealResultsToRealReaders) {
  EXPECT_EQ(after(quantize_averages, R"(
      d = dequantize(%q:u8[n,4,4,8]) {alpha=0.5, beta=3}
      m = pool(d) {kind="average", kernel=[2,2], channels_last=1}
      y = exp(m)
      return y)"),
            R"(
      m = pool(%q:u8[n,4,4,8]) {kind="average", kernel=[2,2], channels_last=1, src_scale=0.5, src_zero_point=3, to=f32}
      y = exp(m)
      return y)");
}

TEST(QuantizeAverages, LeavesOtherReductionsAndLayouts) {
  for (const char* text : {
           "d = dequantize(%q:u8[2,4,8]) {alpha=0.5}\ny = reduce(d) {kind=\"sum\", axes=[1]}\nreturn y",
           "d = dequantize(%q:u8[2,4,8]) {alpha=0.5}\ny = reduce(d) {kind=\"mean\", axes=[2]}\nreturn y",
           "d = dequantize(%q:u8[2,4,3,8]) {alpha=0.5}\ny = reduce(d) {kind=\"mean\", axes=[0,2]}\nreturn y",
           "d = dequantize(%q:u8[2,4,4,8]) {alpha=0.5}\ny = pool(d) {kind=\"average\", kernel=[2,2]}\nreturn y",
           "d = dequantize(%q:s32[2,4,8]) {alpha=0.5}\ny = reduce(d) {kind=\"mean\", axes=[1]}\nreturn y",
           "m = reduce(%x:f32[2,4,8]) {kind=\"mean\", axes=[1]}\ny = quantize(m) {alpha=0.5, to=u8}\nreturn y",
       })
    expect_unchanged(quantize_averages, text);
}

TEST(QuantizeAverages, KeepsValues) {
  expect_same_values(quantize_averages, R"(
      d = dequantize(%q:u8[2,4,4,8]) {alpha=0.5, beta=3}
      m = reduce(d) {kind="mean", axes=[1,2], keepdims=1}
      p = pool(d) {kind="average", kernel=[2,2], pads_begin=[1,1], pads_end=[1,1], channels_last=1}
      return m, p)");
}

}  // namespace
}  // namespace tegula::compiler
