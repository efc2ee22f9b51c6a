// Products of two quantized activations through all passes, the writer and the runtime. Scales are powers of two, so
// that fp32 holds every number exactly and the results are those of the graph with its Q/DQ as it stands.
#include <gtest/gtest.h>

#include <string>

#include "tests/support/program_testing.h"

namespace tegula::compiler {
namespace {

TEST(ActivationProducts, ComputesWhatTheModelSays) {
  const char* const attention = R"(
      a = dequantize(%p:u8[2,3,17,40]) {alpha=0.5, beta=128}
      b = dequantize(%q:u8[2,3,33,40]) {alpha=0.25, beta=BETA}
      s = matmul(a, b) {transpose_b=1}
      t = quantize(s) {alpha=16, beta=100, to=u8}
      u = dequantize(t) {alpha=16, beta=100}
      v = dequantize(%r:u8[2,3,33,21]) {alpha=0.5, beta=BETA}
      o = matmul(u, v)
      w = relu(o)
      x = quantize(w) {alpha=256, to=u8}
      y = dequantize(x) {alpha=256}
      return y)";
  for (const char* zero_point : {"128", "0", "77", "255"}) {
    std::string text = attention;
    for (std::size_t at; (at = text.find("BETA")) != std::string::npos;) text.replace(at, 4, zero_point);
    expect_program_computes(text, 0);
  }
}

TEST(ActivationProducts, ComputesWithSizesThatAreBoundLater) {
  expect_program_computes(R"(
      a = dequantize(%p:u8[batch,m,k]) {alpha=0.5, beta=128}
      b = dequantize(%q:s8[k,n]) {alpha=0.25, beta=3}
      y = matmul(a, b)
      return y)",
                          0);
}

TEST(ActivationProducts, AttentionOfAQuantizedModel) {
  for (const char* mask :
       {"softmax(scores, %mask:f32[b,1,1,t]) {axis=3, scale=0.0625}", "softmax(scores) {axis=3, scale=0.0625}"})
    expect_program_computes(std::string(R"(
        q4 = reshape(%q:u8[b,s,40]) {shape=[b,s,2,20]}
        qh = transpose(q4) {perm=[0,2,1,3]}
        qd = dequantize(qh) {alpha=0.0625, beta=128}
        k4 = reshape(%k:u8[b,t,40]) {shape=[b,t,2,20]}
        kh = transpose(k4) {perm=[0,2,3,1]}
        kd = dequantize(kh) {alpha=0.0625, beta=120}
        v4 = reshape(%v:u8[b,t,40]) {shape=[b,t,2,20]}
        vh = transpose(v4) {perm=[0,2,1,3]}
        vd = dequantize(vh) {alpha=0.5, beta=128}
        scores = matmul(qd, kd)
        p = )") + mask + R"(
        p8 = quantize(p) {alpha=0.00390625, to=u8}
        pd = dequantize(p8) {alpha=0.00390625}
        c = matmul(pd, vd)
        ct = transpose(c) {perm=[0,2,1,3]}
        o = reshape(ct) {shape=[b,s,40]}
        o8 = quantize(o) {alpha=0.25, beta=128, to=u8}
        y = dequantize(o8) {alpha=0.25, beta=128}
        return y)",
                            0);
}

}  // namespace
}  // namespace tegula::compiler
