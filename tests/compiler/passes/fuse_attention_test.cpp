#include "compiler/passes/fuse_attention.h"

#include <gtest/gtest.h>

#include "compiler/passes/push_transposes.h"
#include "compiler/passes/simplify_shapes.h"
#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

/// With the passes that let transposes and reshapes of heads meet.
Result<bool> fuse(Graph& graph) {
  TEGULA_ASSIGN_OR_RETURN(const bool fused, fuse_attention(graph));
  if (!fused) return false;
  TEGULA_RETURN_IF_ERROR(push_transposes(graph));
  TEGULA_RETURN_IF_ERROR(simplify_shapes(graph));
  return true;
}

constexpr const char* kOfPyTorch = R"(
    input %q: f32[b,s,8]
    input %k: f32[b,t,8]
    input %v: f32[b,t,8]
    input %mask: f32[b,1,1,t]
    q4 = reshape(q) {shape=[b,s,2,4]}
    qh = transpose(q4) {perm=[0,2,1,3]}
    k4 = reshape(k) {shape=[b,t,2,4]}
    kh = transpose(k4) {perm=[0,2,3,1]}
    v4 = reshape(v) {shape=[b,t,2,4]}
    vh = transpose(v4) {perm=[0,2,1,3]}
    scores = matmul(qh, kh)
    p = softmax(scores, mask) {axis=3, scale=0.5}
    c = matmul(p, vh)
    ct = transpose(c) {perm=[0,2,1,3]}
    y = reshape(ct) {shape=[b,s,8]}
    return y)";

TEST(FuseAttention, MergesHeadsOfPyTorch) {
  EXPECT_EQ(after(fuse, kOfPyTorch), R"(
      input %q: f32[b,s,8]
      input %k: f32[b,t,8]
      input %v: f32[b,t,8]
      input %mask: f32[b,1,1,t]
      y = attention(q, k, v, mask) {heads=2, kv_heads=2, scale=0.5}
      return y)");
}

constexpr const char* kScaledOperands = R"(
    input %q: f32[b,s,8]
    input %k: f32[b,s,8]
    input %v: f32[b,s,8]
    q4 = reshape(q) {shape=[b,s,2,4]}
    qh = transpose(q4) {perm=[0,2,1,3]}
    qs = mul(qh, %c:f32[]=0.75)
    k4 = reshape(k) {shape=[b,s,2,4]}
    kh = transpose(k4) {perm=[0,2,1,3]}
    ks = div(kh, %d:f32[]=0.5)
    kt = transpose(ks) {perm=[0,1,3,2]}
    v4 = reshape(v) {shape=[b,s,2,4]}
    vh = transpose(v4) {perm=[0,2,1,3]}
    scores = matmul(qs, kt) {alpha=0.5}
    p = softmax(scores) {axis=3}
    c2 = matmul(p, vh)
    ct = transpose(c2) {perm=[0,2,1,3]}
    y = reshape(ct) {shape=[b,s,8]}
    return y)";

TEST(FuseAttention, MultipliesAllScales) {
  EXPECT_EQ(after(fuse, kScaledOperands), R"(
      input %q: f32[b,s,8]
      input %k: f32[b,s,8]
      input %v: f32[b,s,8]
      y = attention(q, k, v) {heads=2, kv_heads=2, scale=0.75}
      return y)");
}

constexpr const char* kOneHead = R"(
    input %q: f32[b,s,4]
    input %k: f32[b,t,4]
    input %v: f32[b,t,4]
    input %mask: f32[b,1,t]
    scores = matmul(q, k) {transpose_b=1}
    p = softmax(scores, mask) {axis=2, scale=0.5}
    y = matmul(p, v)
    return y)";

TEST(FuseAttention, TakesOneHead) {
  EXPECT_EQ(after(fuse, kOneHead), R"(
      input %q: f32[b,s,4]
      input %k: f32[b,t,4]
      input %v: f32[b,t,4]
      input %mask: f32[b,1,t]
      m = reshape(mask) {shape=[b,1,1,t]}
      y = attention(q, k, v, m) {heads=1, kv_heads=1, scale=0.5}
      return y)");
}

constexpr const char* kSequenceFirst = R"(
    input %q: f32[s,2,8]
    input %k: f32[s,2,8]
    input %v: f32[s,2,8]
    q3 = reshape(q) {shape=[s,4,4]}
    qh = transpose(q3) {perm=[1,0,2]}
    k3 = reshape(k) {shape=[s,4,4]}
    kh = transpose(k3) {perm=[1,2,0]}
    v3 = reshape(v) {shape=[s,4,4]}
    vh = transpose(v3) {perm=[1,0,2]}
    scores = matmul(qh, kh)
    p = softmax(scores) {axis=2, scale=0.5}
    c = matmul(p, vh)
    ct = transpose(c) {perm=[1,0,2]}
    y = reshape(ct) {shape=[s,2,8]}
    return y)";

TEST(FuseAttention, TakesBatchesAsHeadsWhenTheSequenceIsFirst) {
  EXPECT_EQ(after(fuse, kSequenceFirst), R"(
      input %q: f32[s,2,8]
      input %k: f32[s,2,8]
      input %v: f32[s,2,8]
      q1 = reshape(q) {shape=[1,s,16]}
      k1 = reshape(k) {shape=[1,s,16]}
      v1 = reshape(v) {shape=[1,s,16]}
      a = attention(q1, k1, v1) {heads=4, kv_heads=4, scale=0.5}
      y = reshape(a) {shape=[s,2,8]}
      return y)");
}

/// The products and the softmax with something put between or around them.
std::string plain(const std::string& scores, const std::string& softmax, const std::string& rest) {
  return R"(
    input %q: f32[b,2,s,4]
    input %k: f32[b,2,4,s]
    input %v: f32[b,2,s,4]
    scores = )" +
         scores + "\n    p = " + softmax + "\n    " + rest;
}

TEST(FuseAttention, KeepsScoresThatSomethingElseReads) {
  expect_unchanged(fuse_attention,
                   plain("matmul(q, k)", "softmax(scores) {axis=3}", "y = matmul(p, v)\n    return y, scores"));
}

TEST(FuseAttention, KeepsProbabilitiesThatSomethingElseReads) {
  expect_unchanged(fuse_attention,
                   plain("matmul(q, k)", "softmax(scores) {axis=3}", "y = matmul(p, v)\n    return y, p"));
}

TEST(FuseAttention, KeepsSoftmaxAlongAnotherAxis) {
  expect_unchanged(fuse_attention, plain("matmul(q, k)", "softmax(scores) {axis=2}", "y = matmul(p, v)\n    return y"));
}

TEST(FuseAttention, KeepsLogarithms) {
  expect_unchanged(fuse_attention,
                   plain("matmul(q, k)", "softmax(scores) {axis=3, log=1}", "y = matmul(p, v)\n    return y"));
}

TEST(FuseAttention, KeepsProductsWithMore) {
  expect_unchanged(fuse_attention, plain("matmul(q, k) {post_ops=[relu]}", "softmax(scores) {axis=3}",
                                         "y = matmul(p, v)\n    return y"));
}

TEST(FuseAttention, KeepsHeadsThatDependOnSymbols) {
  expect_unchanged(fuse_attention, R"(
      input %q: f32[b,h,s,4]
      input %k: f32[b,h,4,s]
      input %v: f32[b,h,s,4]
      scores = matmul(q, k)
      p = softmax(scores) {axis=3}
      y = matmul(p, v)
      return y)");
}

TEST(FuseAttention, KeepsWidthsThatDiffer) {
  expect_unchanged(fuse_attention, R"(
      input %q: f32[b,2,s,4]
      input %k: f32[b,2,4,s]
      input %v: f32[b,2,s,6]
      scores = matmul(q, k)
      p = softmax(scores) {axis=3}
      y = matmul(p, v)
      return y)");
}

TEST(FuseAttention, KeepsBatchesThatAreBroadcast) {
  expect_unchanged(fuse_attention, R"(
      input %q: f32[b,2,s,4]
      input %k: f32[1,2,4,s]
      input %v: f32[b,2,s,4]
      scores = matmul(q, k)
      p = softmax(scores) {axis=3}
      y = matmul(p, v)
      return y)");
}

TEST(FuseAttention, KeepsConstantKeys) {
  expect_unchanged(fuse_attention, R"(
      scores = matmul(%q:f32[2,3,4], %k:f32[2,4,3]=random(1))
      p = softmax(scores) {axis=2}
      y = matmul(p, %v:f32[2,3,4]=random(2))
      return y)");
}

/// A model's own integers: Q/DQ on the operands of both products.
std::string quantized(const std::string& p8 = "quantize(p) {alpha=0.00390625, to=u8}",
                      const std::string& v = "dequantize(vh) {alpha=0.5, beta=128}") {
  return concat(R"(
    input %q: u8[b,s,8]
    input %k: u8[b,t,8]
    input %v: u8[b,t,8]
    input %mask: f32[b,1,1,t]
    q4 = reshape(q) {shape=[b,s,2,4]}
    qh = transpose(q4) {perm=[0,2,1,3]}
    qd = dequantize(qh) {alpha=0.25, beta=3}
    k4 = reshape(k) {shape=[b,t,2,4]}
    kh = transpose(k4) {perm=[0,2,3,1]}
    kd = dequantize(kh) {alpha=0.125, beta=128}
    v4 = reshape(v) {shape=[b,t,2,4]}
    vh = transpose(v4) {perm=[0,2,1,3]}
    vd = )",
                v, R"(
    scores = matmul(qd, kd)
    p = softmax(scores, mask) {axis=3, scale=0.5}
    p8 = )",
                p8, R"(
    pd = dequantize(p8) {alpha=0.00390625}
    c = matmul(pd, vd)
    ct = transpose(c) {perm=[0,2,1,3]}
    y = reshape(ct) {shape=[b,s,8]}
    return y)");
}

TEST(FuseAttention, KeepsTheIntegersOfAQuantizedModel) {
  EXPECT_EQ(after(fuse, quantized()), R"(
      input %q: u8[b,s,8]
      input %k: u8[b,t,8]
      input %v: u8[b,t,8]
      input %mask: f32[b,1,1,t]
      y = attention(q, k, v, mask) {heads=2, kv_heads=2, scale=0.5, src_scale=0.25, src_zero_point=3, second_scale=0.125, second_zero_point=128, third_scale=0.5, third_zero_point=128, probability_scale=0.00390625, to=f32}
      return y)");
}

TEST(FuseAttention, KeepsAQuantizedModelsValues) {
  // Scales are powers of two, and so every number but those of softmax is exact in both forms.
  expect_same_values(fuse, quantized(), 0);
}

TEST(FuseAttention, LeavesProductsThatAreIntegerInPart) {
  const std::string integer_v = quantized("quantize(p) {alpha=0.00390625, to=u8}", "mul(vx, %half:f32[]=0.5)");
  const std::string real_v = changed(integer_v, "v4 = reshape(v)", "vz = cast(v) {to=f32}\n    v4 = reshape(vz)");
  expect_unchanged(fuse_attention, changed(real_v, "vh = transpose(v4)", "vx = transpose(v4)"));
  // Other parameters on the way up than on the way down.
  expect_unchanged(fuse_attention, quantized("quantize(p) {alpha=0.0078125, to=u8}"));
}

TEST(FuseAttention, KeepsValues) {
  expect_same_values(fuse, kOfPyTorch);
  expect_same_values(fuse, kScaledOperands);
  expect_same_values(fuse, kOneHead);
  expect_same_values(fuse, kSequenceFirst);
  expect_same_values(fuse, plain("matmul(q, k)", "softmax(scores) {axis=3}", "y = matmul(p, v)\n    return y"));
}

}  // namespace
}  // namespace tegula::compiler
