// Operations whose steps move, index, order or resize elements: compiled and run, against their plain loops.
#include <gtest/gtest.h>

#include "tests/support/program_testing.h"

namespace tegula::compiler {
namespace {

TEST(StepPrograms, Movement) {
  expect_program_computes(R"(
      t = transpose(%x:f32[n,4,5]) {perm=[2,0,1]}
      s = slice(%x) {starts=[0,3,1], sizes=[n,4,2], steps=[1,-1,2]}
      e = expand(%v:f32[n,1,5]) {shape=[2,n,4,5]}
      p = pad(%x) {mode="reflect", begins=[0,1,2], ends=[0,2,1]}
      q = pad(%x, %fill:f32[]=7) {mode="constant", begins=[1,-1,n], ends=[0,0,1]}
      c = concat(%x, %v, %x) {axis=1}
      return t, s, e, p, q, c)");
}

TEST(StepPrograms, Indexing) {
  expect_program_computes(R"(
      g = gather(%x:f32[n,4], %i:s64[2,2]=[0,-1,1,2]) {axis=1}
      e = gather_elements(%x, %j:s64[1,4]=[1,-1,0,2]) {axis=0}
      d = gather_nd(%x, %k:s64[2,1]=[2,-3])
      s = scatter_elements(%x, %j, %u:f32[1,4]) {axis=0, reduction="add"}
      t = scatter_nd(%x, %k, %w:f32[2,4]) {reduction="max"}
      o = one_hot(%j, %values:f32[2]=[-1,5]) {axis=2, depth=[n]}
      r = reverse_sequence(%x, %lengths:s64[4]=[1,2,3,0]) {time_axis=0}
      return g, e, d, s, t, o, r)");
}

TEST(StepPrograms, RowsOfQuantizedTables) {
  expect_program_computes(R"(
      a = gather(%t:s8[4,3,5], %i:s64[2,2]=[0,-1,1,2], %s:f32[4]=random(1)) {axis=0}
      b = gather(%u:u8[4,7], %j:s32[3,1]=[0,-1,1], %r:f32[]=0.5, %z:u8[]=100) {axis=0}
      c = gather(%u, %k:s64[3]=[3,2,-2], %s) {axis=0}
      d = gather(%u, %l:s64[3]=[1,1,0], %r) {axis=0}
      e = concat(c, %x:f32[3,2], d) {axis=1}
      m = arg_reduce(%w:f32[n,4,2]) {kind="max", axis=1, keepdims=0, select_last=0}
      p = slice(m) {starts=[0,1], sizes=[n,1], steps=[1,1]}
      g = gather(%t, p, %s) {axis=0}
      return a, b, e, g)",
                          0);
}

TEST(StepPrograms, Ordering) {
  expect_program_computes(R"(
      v, i = topk(%x:f32[n,6]) {axis=1, k=[4], largest=1}
      w, _ = topk(%x) {axis=0, k=[2], largest=0}
      a = arg_reduce(%x) {kind="min", axis=0, keepdims=0, select_last=1}
      c = cumsum(%x) {axis=1, exclusive=1, reverse=1}
      m = cumsum(%x) {axis=0, product=1}
      l = trilu(%x) {upper=0, k=[n-1]}
      return v, i, w, a, c, m, l)");
}

TEST(StepPrograms, Sizes) {
  expect_program_computes(R"(
      r = range(%start:f32[]=0.5, %delta:f32[]=0.25) {count=[2*n]}
      m = materialize() {elements=[n, 2*n, 7], shape=[3], dtype=s32}
      f = materialize() {elements=[n], shape=[], dtype=f32}
      y = relu(%x:f32[n])
      return r, m, f, y)");
}

TEST(StepPrograms, Reductions) {
  expect_program_computes(R"(
      s = reduce(%x:f32[n,4,5]) {kind="sum", axes=[1], keepdims=0}
      m = reduce(%x) {kind="mean", axes=[0,2], keepdims=1}
      l = reduce(%x) {kind="l2", axes=[0,1,2], keepdims=0}
      p = reduce(%x) {kind="log_sum_exp", axes=[2], keepdims=0}
      return s, m, l, p)");
}

// Reals: 0x4000000000000000 is 2, 0x3fe0000000000000 is 0.5.
TEST(StepPrograms, Resize) {
  expect_program_computes(R"(
      a = resize(%x:f32[1,3,4,n]) {mode="nearest", coordinates="asymmetric", nearest="floor", axes=[2,3], sizes=[8,2*n], scales=[4611686018427387904,4611686018427387904]}
      b = resize(%x) {mode="linear", axes=[2,3], sizes=[2,2*n], scales=[4602678819172646912,4611686018427387904]}
      c = resize(%x) {mode="cubic", cubic_a=-0.5, exclude_outside=1, antialias=1, axes=[2], sizes=[2], scales=[4602678819172646912]}
      d = resize(%x) {mode="linear", coordinates="tf_crop_and_resize", extrapolation=3.5, axes=[2], sizes=[4], scales=[real_ratio(4,4)], roi=[4602678819172646912,4611686018427387904]}
      return a, b, c, d)");
}

TEST(StepPrograms, Recurrent) {
  expect_program_computes(R"(
      y, h, c = recurrent(%x:f32[t,2,24], %r:f32[2,3,12]=random(5), %lengths:s32[2]=[1,3], -, %c0:f32[2,2,3]) {kind="lstm", directions=2, activations=["sigmoid","tanh","tanh","sigmoid","tanh","relu"], alphas=[0,0,0,0,0,0], betas=[0,0,0,0,0,0], in_scales=[1,1,1,1,1,1], out_scales=[1,1,1,1,1,1]}
      g, _ = recurrent(%z:f32[t,n,9], %q:f32[1,3,9]=random(6)) {kind="gru", reverse=1, activations=["sigmoid","tanh"], alphas=[0,0], betas=[0,0], in_scales=[1,1], out_scales=[1,1]}
      return y, h, c, g)");
}

// An operand for each channel has one row, however many pixels there are.
TEST(StepPrograms, ChannelOperandsOfIntegerProducts) {
  expect_program_computes(R"(
      y = quantized_conv(%x:u8[n,5,6,32], %w:s8[32,1,3,3]=random(1), -, %m:f32[32]=random(2), -, %z:s32[], %s:f32[]) {kernel=[3,3], groups=32, pads_begin=[1,1], pads_end=[1,1], channels_last=1, to=f32, post_ops=[add(%b:f32[32]=random(3)), relu]}
      p = quantized_matmul(%a:u8[n,7,32], %v:s8[32,8]=random(4), -, %k:f32[8]=random(5), -, z, s) {to=f32, post_ops=[add(%c:f32[8]=random(6))]}
      return y, p)");
}

}  // namespace
}  // namespace tegula::compiler
