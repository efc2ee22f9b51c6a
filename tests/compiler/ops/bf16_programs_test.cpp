// Operations whose operands or results are bf16: compiled and run, against their plain loops. Both round fp32 results
// that differ in association or in their last bits to bf16, so a result may be the neighbouring number: 2^-7 of it.
#include <gtest/gtest.h>

#include "tests/support/program_testing.h"

namespace tegula::compiler {
namespace {

constexpr double kNeighbour = 0x1p-7;

TEST(Bf16Programs, Products) {
  expect_program_computes(R"(
      b = cast(%x:f32[n,7,19]) {to=bf16}
      g = matmul(b, %w:bf16[19,35]=random(1), %bias:f32[35]=random(2)) {to=bf16}
      h = matmul(g, %u:bf16[17,35]=random(3)) {transpose_b=1, alpha=0.5, post_ops=[relu]}
      r = matmul(b, %w) {to=bf16, post_ops=[add(%g), gelu_erf]}
      m = matmul(b, b) {transpose_b=1}
      t = matmul(g, b) {transpose_a=1, to=bf16}
      return g, h, r, m, t)",
                          kNeighbour);
}

TEST(Bf16Programs, Convolutions) {
  expect_program_computes(R"(
      b = cast(%x:f32[n,9,9,3]) {to=bf16}
      c = conv(b, %w:bf16[20,3,3,3]=random(1), %bias:f32[20]=random(2)) {kernel=[3,3], strides=[2,2], pads_begin=[1,1], pads_end=[1,1], channels_last=1, to=bf16, post_ops=[relu]}
      d = conv(c, %k:bf16[20,1,3,3]=random(3)) {kernel=[3,3], groups=20, pads_begin=[1,1], pads_end=[1,1], channels_last=1, to=bf16, post_ops=[add(%c)]}
      e = conv(c, %k) {kernel=[3,3], groups=20, strides=[2,2], pads_begin=[1,1], pads_end=[1,1], channels_last=1, to=bf16, post_ops=[relu]}
      f = conv(c, %m:f32[20,1,3,3]=random(5), %bias) {kernel=[3,3], groups=20, pads_begin=[1,1], pads_end=[1,1], channels_last=1, to=bf16, post_ops=[gelu_erf]}
      h = conv(c, %m) {kernel=[3,3], groups=20, channels_last=1, post_ops=[relu]}
      g = conv(d, %l:bf16[8,5,1,1]=random(4)) {kernel=[1,1], groups=4, channels_last=1}
      return c, d, e, f, h, g)",
                          kNeighbour);
}

TEST(Bf16Programs, Pooling) {
  expect_program_computes(R"(
      b = cast(%x:f32[n,9,9,20]) {to=bf16}
      m, _ = pool(b) {kind="max", kernel=[3,3], strides=[2,2], pads_begin=[1,1], pads_end=[1,1], channels_last=1}
      a = pool(b) {kind="average", kernel=[2,2], channels_last=1, to=bf16}
      f = pool(b) {kind="average", kernel=[3,3], pads_begin=[1,1], pads_end=[1,1], channels_last=1}
      r = reduce(b) {kind="mean", axes=[1,2], to=bf16}
      s = reduce(b) {kind="mean", axes=[1,2], keepdims=1}
      return m, a, f, r, s)",
                          kNeighbour);
}

TEST(Bf16Programs, MeansOfPartsOfRows) {
  expect_program_computes(R"(
      b = cast(%x:f32[n,4,20]) {to=bf16}
      p = slice(b) {starts=[0,0,3], sizes=[n,4,16], steps=[1,1,1]}
      r = reduce(p) {kind="mean", axes=[1], to=bf16}
      return r)",
                          kNeighbour);
}

TEST(Bf16Programs, NormsAndSoftmax) {
  expect_program_computes(R"(
      b = cast(%x:f32[n,5,24]) {to=bf16}
      y, _, _, s = layer_norm(b, %scale:f32[24]=random(1), %bias:f32[24]=random(2), %r:f32[n,5,24]) {axis=2, to=bf16, sum_to=bf16}
      z = layer_norm(%r, %scale, %bias, b) {axis=2}
      p = softmax(b, %mask:f32[n,1,24]) {axis=2, scale=0.5, to=bf16}
      q = softmax(%x) {axis=2, to=bf16}
      l = softmax(b) {axis=2, log=1}
      return y, s, z, p, q, l)",
                          kNeighbour);
}

TEST(Bf16Programs, Attention) {
  expect_program_computes(R"(
      b = cast(%x:f32[n,5,24]) {to=bf16}
      y = attention(b, b, b, %mask:f32[n,1,1,5]) {heads=3, scale=0.35, to=bf16}
      z = attention(b, b, b) {heads=3, kv_heads=3, causal=1}
      return y, z)",
                          kNeighbour);
}

TEST(Bf16Programs, Movement) {
  expect_program_computes(R"(
      b = cast(%x:f32[n,4,5]) {to=bf16}
      t = transpose(b) {perm=[2,0,1]}
      s = slice(b) {starts=[0,3,1], sizes=[n,4,2], steps=[1,-1,2]}
      e = expand(b) {shape=[2,n,4,5]}
      p = pad(b) {mode="reflect", begins=[0,1,2], ends=[0,2,1]}
      c = concat(b, b, b) {axis=1}
      r = reshape(b) {shape=[n,20]}
      g = gather(b, %i:s64[2]=[3,1]) {axis=1}
      return t, s, e, p, c, r, g)");
}

TEST(Bf16Programs, IntegerProductsGiveBf16) {
  expect_program_computes(R"(
      q = quantize(%x:f32[n,19]) {alpha=0.01, beta=128, to=u8}
      y = quantized_matmul(q, %w:s8[19,35]=random(1), -, %m:f32[35]=random(2)) {src_zero_point=128, to=bf16}
      return y)",
                          kNeighbour);
}

}  // namespace
}  // namespace tegula::compiler
