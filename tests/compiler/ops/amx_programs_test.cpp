// Whole programs on a machine with AMX, against their plain loops.
#include <gtest/gtest.h>

#include "jit/cpu_answers.h"
#include "tests/support/amx_emulator.h"
#include "tests/support/emulated_machine.h"
#include "tests/support/program_testing.h"

namespace tegula::compiler {
namespace {

class AmxPrograms : public testing::Test {
 protected:
  void SetUp() override {
    if (!test::emulated_machine().amx_bf16) GTEST_SKIP() << "no AVX-512 VNNI and BF16";
  }

  /// Computes, and with tiles where they can be counted.
  static void expect_tiles_compute(std::string_view text, double tolerance) {
    const long before = test::AmxEmulator::instructions();
    expect_program_computes(text, tolerance);
    if (jit::features_from(jit::ask_machine()).amx_int8) return;
    EXPECT_GT(test::AmxEmulator::instructions(), before + 100);
  }
};

TEST_F(AmxPrograms, IntegerConvolutions) {
  expect_tiles_compute(R"(
      a = quantized_conv(%q:u8[n,30,30,3], %w1:s8[40,3,7,7]=random(1), %b1:s32[40]=random(2), %m1:f32[40]=random(3)) {kernel=[7,7], strides=[2,2], pads_begin=[3,3], pads_end=[3,3], channels_last=1, src_zero_point=9, dst_scale_inverse=0.01, dst_zero_point=17, to=u8, post_ops=[relu]}
      b = quantized_conv(a, %w2:s8[48,40,3,3]=random(4), -, %m2:f32[]=0.001) {kernel=[3,3], pads_begin=[1,1], pads_end=[1,1], channels_last=1, src_zero_point=17, dst_zero_point=120, to=u8}
      c = quantized_conv(b, %w3:s8[48,48,3,3]=random(5), -, %m3:f32[]=0.002) {kernel=[3,3], strides=[2,2], pads_begin=[1,1], pads_end=[1,1], channels_last=1, src_zero_point=120, dst_zero_point=128, to=u8}
      d = quantized_conv(b, %w4:s8[48,48,1,1]=random(6), -, %m4:f32[]=0.01) {kernel=[1,1], strides=[2,2], channels_last=1, src_zero_point=120, dst_scale_inverse=2.0, dst_zero_point=100, to=u8, post_ops=[add(%c, scale=0.5, zero_point=128)]}
      e = quantized_conv(d, %w5:s8[20,48,1,1]=random(7), -, %m5:f32[20]=random(8), %z5:s32[20]=random(9)) {kernel=[1,1], channels_last=1, src_zero_point=100}
      return a, b, c, d, e)",
                       1e-5);
}

TEST_F(AmxPrograms, IntegerProducts) {
  expect_tiles_compute(R"(
      q, s, z = dynamic_quantize(%x:f32[n,37,72]) {per_row=1, zero_point=s32}
      a = quantized_matmul(q, %w:s8[72,35]=random(1), -, %m:f32[35]=random(2), %zw:s32[35]=random(3), z, s) {post_ops=[relu]}
      b = quantized_matmul(q, %v:s8[21,72]=random(4), -, %k:f32[]=0.01, -, z, s) {transpose_b=1, post_ops=[gelu_erf, add(%c:f32[21]=random(5))]}
      return a, b, s)",
                       1e-5);
}

TEST_F(AmxPrograms, IntegerAttention) {
  expect_tiles_compute(R"(
      a = dequantize(%p:u8[2,3,17,80]) {alpha=0.5, beta=128}
      b = dequantize(%q:u8[2,3,70,80]) {alpha=0.25, beta=77}
      s = matmul(a, b) {transpose_b=1}
      t = quantize(s) {alpha=16, beta=100, to=u8}
      u = dequantize(t) {alpha=16, beta=100}
      v = dequantize(%r:u8[2,3,70,21]) {alpha=0.5, beta=128}
      o = matmul(u, v)
      x = quantize(o) {alpha=256, beta=128, to=u8}
      y = dequantize(x) {alpha=256, beta=128}
      return y)",
                       0);
}

// A result may be the neighbouring number of bf16.
TEST_F(AmxPrograms, Bf16) {
  expect_tiles_compute(R"(
      b = cast(%x:f32[n,14,14,3]) {to=bf16}
      c = conv(b, %w:bf16[40,3,3,3]=random(1), %bias:f32[40]=random(2)) {kernel=[3,3], pads_begin=[1,1], pads_end=[1,1], channels_last=1, to=bf16, post_ops=[relu]}
      d = conv(c, %v:bf16[24,40,3,3]=random(3)) {kernel=[3,3], strides=[2,2], pads_begin=[1,1], pads_end=[1,1], channels_last=1, to=bf16}
      t = reshape(d) {shape=[n,49,24]}
      e = matmul(t, %u:bf16[24,35]=random(4)) {to=bf16, post_ops=[silu]}
      return c, d, e)",
                       0x1p-7);
}

}  // namespace
}  // namespace tegula::compiler
