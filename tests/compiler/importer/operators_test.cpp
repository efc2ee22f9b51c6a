// Operators that are composed: each against the same thing spelled out in plain ONNX, by the reference interpreter.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/compiler/importer/model_text.h"
#include "tests/compiler/importer/same_values.h"

namespace tegula::compiler {
namespace {

TEST(Operators, BatchNormalization) {
  const char* const signature = "(float[2,3,4] x, float[3] s, float[3] b, float[3] m, float[3] r) => (float[2,3,4] y)";
  expect_same(signature, "v = Mul(r, r)  y = BatchNormalization <epsilon = 0.01> (x, s, b, m, v)",
              "v = Mul(r, r)  e = Constant <value_float = 0.01> ()  a = Constant <value_ints = [1]> ()  w = Add(v, e)  "
              "d = Sqrt(w)  "
              "m1 = Unsqueeze(m, a)  d1 = Unsqueeze(d, a)  s1 = Unsqueeze(s, a)  b1 = Unsqueeze(b, a)  "
              "c = Sub(x, m1)  n = Div(c, d1)  t = Mul(n, s1)  y = Add(t, b1)");
}

TEST(Operators, LRN) {
  expect_same("(float[1,3,2,2] x) => (float[1,3,2,2] y)", "y = LRN <size = 3, alpha = 0.6, beta = 0.5, bias = 2.0> (x)",
              "q = Mul(x, x)  k = Constant <value = float[3,3,1,1] {1, 1, 0, 1, 1, 1, 0, 1, 1}> ()  n = Conv(q, k)  "
              "f = Constant <value_float = 0.2> ()  h = Constant <value_float = 2.0> ()  a = Mul(n, f)  d = Add(a, h)  "
              "r = Sqrt(d)  y = Div(x, r)");
  // More neighbours than channels, by slices and by a pool; and none.
  for (const auto& [size, alpha] : {std::pair("6", "1.2"), std::pair("9", "1.8")})
    expect_same(
        "(float[1,3,2,2] x) => (float[1,3,2,2] y)",
        concat("y = LRN <size = ", size, ", alpha = ", alpha, ", beta = 0.5, bias = 2.0> (x)"),
        "q = Mul(x, x)  k = Constant <value = float[3,3,1,1] {1, 1, 1, 1, 1, 1, 1, 1, 1}> ()  n = Conv(q, k)  "
        "f = Constant <value_float = 0.2> ()  h = Constant <value_float = 2.0> ()  a = Mul(n, f)  d = Add(a, h)  "
        "r = Sqrt(d)  y = Div(x, r)");
  expect_same("(float[1,3,2] x) => (float[1,3,2] y)", "y = LRN <size = 1, alpha = 0.6, beta = 0.5, bias = 2.0> (x)",
              "q = Mul(x, x)  f = Constant <value_float = 0.6> ()  h = Constant <value_float = 2.0> ()  a = Mul(q, f)  "
              "d = Add(a, h)  r = Sqrt(d)  y = Div(x, r)");
}

TEST(Operators, Normalizations) {
  expect_same("(float[2,3,4] x) => (float[2,3,4] y)", "y = LpNormalization <axis = 1, p = 1> (x)",
              "a = Constant <value_ints = [1]> ()  m = Abs(x)  n = ReduceSum(m, a)  y = Div(x, n)");
  expect_same("(float[2,3,2,2] x) => (float[2,3,2,2] y)", "y = MeanVarianceNormalization(x)",
              "a = Constant <value_ints = [0,2,3]> ()  m = ReduceMean(x, a)  c = Sub(x, m)  q = Mul(c, c)  v = "
              "ReduceMean(q, a)  d = Sqrt(v)  y = Div(c, d)");
  expect_same("(float[2,4,3] x, float[2] s, float[2] b) => (float[2,4,3] y)",
              "y = GroupNormalization <num_groups = 2> (x, s, b)",
              "p = Constant <value_ints = [2,2,2,3]> ()  g = Reshape(x, p)  a = Constant <value_ints = [2,3]> ()  m = "
              "ReduceMean(g, a)  "
              "c = Sub(g, m)  q = Mul(c, c)  v = ReduceMean(q, a)  e = Constant <value_float = 0.00001> ()  w = Add(v, "
              "e)  d = Sqrt(w)  "
              "n = Div(c, d)  o = Constant <value_ints = [1,2,1,1]> ()  s1 = Reshape(s, o)  b1 = Reshape(b, o)  t = "
              "Mul(n, s1)  "
              "u = Add(t, b1)  z = Constant <value_ints = [2,4,3]> ()  y = Reshape(u, z)",
              20);
  expect_same("(float[2,3] x, float[2,3] k, float[3] g, float[3] b, float[3] i) => (float[2,3] y)",
              "y = com.microsoft.SkipLayerNormalization <epsilon = 0.00001> (x, k, g, b, i)",
              "s = Add(x, k)  t = Add(s, i)  y = LayerNormalization <epsilon = 0.00001> (t, g, b)");
  expect_same("(float[2,3] x, float[2,3] k, float[3] g) => (float[2,3] y)",
              "y = com.microsoft.SkipSimplifiedLayerNormalization(x, k, g)",
              "s = Add(x, k)  y = RMSNormalization(s, g)", 23);
}

TEST(Operators, SoftmaxFlattensBefore13) {
  const std::string signature = "(float[2,3,4] x) => (float[2,3,4] y)";
  const std::string flattened =
      "f = Flatten <axis = 1> (x)  s = Softmax <axis = 1> (f)  p = Constant <value = int64[3] {2, 3, 4}> ()  y = "
      "Reshape(s, p)";
  expect_same(signature, "y = Softmax(x)", flattened, 12);
  expect_same(signature, "y = Softmax(x)", "y = Softmax <axis = 2> (x)", 13);
}

TEST(Operators, Hardmax) {
  EXPECT_THAT(
      run_model("(float[2,3] x) => (float[2,3] y) { c = Constant <value = float[2,3] {1, 5, 5, 2, 1, 0}> ()  z = "
                "Sub(x, x)  d = Add(z, c)  "
                "y = Hardmax(d) }",
                21),
      testing::ElementsAre(0, 1, 0, 1, 0, 0));
}

TEST(Operators, Gelus) {
  const std::string signature = "(float[4,3] x, float[3] b) => (float[4,3] y)";
  expect_same(signature, "y = com.microsoft.BiasGelu(x, b)", "s = Add(x, b)  y = Gelu(s)");
  expect_same(signature, "y = com.microsoft.FastGelu(x, b)", "s = Add(x, b)  y = Gelu <approximate = \"tanh\"> (s)");
  expect_same(signature, "y = com.microsoft.QuickGelu(x)",
              "f = Constant <value_float = 1.702> ()  a = Mul(x, f)  g = Sigmoid(a)  y = Mul(x, g)");
}

TEST(Operators, FusedProducts) {
  expect_same("(float[2,4,3] a, float[2,5,4] b) => (float[2,3,5] y)",
              "y = com.microsoft.FusedMatMul <transA = 1, transB = 1, alpha = 0.5> (a, b)",
              "s = Transpose <perm = [0,2,1]> (a)  t = Transpose <perm = [0,2,1]> (b)  m = MatMul(s, t)  h = Constant "
              "<value_float = 0.5> ()  y = Mul(m, h)");
  expect_same("(float[1,2,5,5] x, float[3,2,3,3] w, float[3] b, float[1,3,3,3] z) => (float[1,3,3,3] y)",
              "y = com.microsoft.FusedConv <activation = \"LeakyRelu\", activation_params = [0.25]> (x, w, b, z)",
              "c = Conv(x, w, b)  s = Add(c, z)  y = LeakyRelu <alpha = 0.25> (s)");
}

TEST(Operators, Einsum) {
  expect_same("(float[2,3,4] a, float[2,5,4] b) => (float[2,5,3] y)", "y = Einsum <equation = \"bij,bkj->bki\"> (a, b)",
              "t = Transpose <perm = [0,2,1]> (a)  y = MatMul(b, t)");
  expect_same("(float[3,3] a, float[3] b) => (float y)", "y = Einsum <equation = \"ii,i->\"> (a, b)",
              "e = EyeLike(a)  d = Mul(a, e)  m = MatMul(d, b)  y = ReduceSum <keepdims = 0> (m)");
}

// ---------------------------------------------------------------- attention

TEST(Operators, AttentionWithGroupedHeads) {
  expect_same(
      "(float[1,4,3,2] q, float[1,2,5,2] k, float[1,2,5,2] v) => (float[1,4,3,2] y)",
      "y = Attention <scale = 0.5> (q, k, v)",
      "i = Constant <value_ints = [0,0,1,1]> ()  k4 = Gather <axis = 1> (k, i)  v4 = Gather <axis = 1> (v, i)  "
      "kt = Transpose <perm = [0,1,3,2]> (k4)  s = MatMul(q, kt)  h = Constant <value_float = 0.5> ()  t = Mul(s, h)  "
      "p = Softmax <axis = 3> (t)  y = MatMul(p, v4)",
      23);
}

TEST(Operators, AttentionHidesWholeRows) {
  // The mask hides all positions of row 1: it gives zeros.
  const std::vector<double> y = run_model(
      "(float[1,2,4] q, float[1,3,4] k, float[1,3,4] v) => (float[1,2,4] y) {"
      "m = Constant <value = bool[2,3] {1, 0, 1, 0, 0, 0}> ()  "
      "y = Attention <q_num_heads = 2, kv_num_heads = 2> (q, k, v, m) }",
      23);
  ASSERT_EQ(y.size(), 8u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NE(y[i], 0);
  for (std::size_t i = 4; i < 8; ++i) EXPECT_EQ(y[i], 0);
}

TEST(Operators, AttentionOfOnnxRuntime) {
  const std::string projection =
      "p = MatMul(x, w)  r = Add(p, b)  n = Constant <value_ints = [4,4,4]> ()  q, k, v = Split <axis = 2> (r, n)  ";
  expect_same("(float[2,3,5] x, float[5,12] w, float[12] b) => (float[2,3,4] y)",
              "y = com.microsoft.Attention <num_heads = 2, unidirectional = 1> (x, w, b)",
              projection + "y = Attention <q_num_heads = 2, kv_num_heads = 2, is_causal = 1> (q, k, v)", 23);
  expect_same("(float[2,3,5] x, float[5,12] w, float[12] b, int32[2,3] m) => (float[2,3,4] y)",
              "y = com.microsoft.Attention <num_heads = 2, mask_filter_value = -5.0> (x, w, b, m)",
              projection +
                  "f = Cast <to = 1> (m)  u = Constant <value_float = 1.0> ()  h = Sub(f, u)  c = Constant "
                  "<value_float = 5.0> ()  g = Mul(h, c)  "
                  "a = Constant <value_ints = [1,2]> ()  o = Unsqueeze(g, a)  y = Attention <q_num_heads = 2, "
                  "kv_num_heads = 2> (q, k, v, o)",
              23);
  expect_same("(float[2,3,4] q, float[2,5,4] k, float[2,5,4] v, float[12] b, float[1,2,3,5] a) => (float[2,3,4] y)",
              "y = com.microsoft.MultiHeadAttention <num_heads = 2> (q, k, v, b, , a)",
              "n = Constant <value_ints = [4,4,4]> ()  bq, bk, bv = Split(b, n)  q1 = Add(q, bq)  k1 = Add(k, bk)  v1 "
              "= Add(v, bv)  "
              "y = Attention <q_num_heads = 2, kv_num_heads = 2> (q1, k1, v1, a)",
              23);
}

TEST(Operators, EmbedLayerNormalization) {
  expect_same(
      "(int32[2,3] ids, int32[2,3] seg, float[4,5] w, float[6,5] p, float[2,5] s, float[5] g, float[5] b) => "
      "(float[2,3,5] y)",
      "y = com.microsoft.EmbedLayerNormalization <epsilon = 0.00001> (ids, seg, w, p, s, g, b)",
      "a = Gather(w, ids)  i = Constant <value_ints = [0,1,2]> ()  c = Gather(p, i)  d = Gather(s, seg)  e = Add(a, c) "
      " f = Add(e, d)  "
      "y = LayerNormalization <epsilon = 0.00001> (f, g, b)");
}

TEST(Operators, RefuseWhatTheyDoNotHave) {
  EXPECT_THAT(imported("(float[2,3,5] x, float[5,12] w, float[12] b, float[2,2,2,1,2] p) => (float[2,3,4] y) { "
                       "y = com.microsoft.Attention <num_heads = 2> (x, w, b, , p) }"),
              testing::HasSubstr("past keys and values"));
  EXPECT_THAT(imported("(float[1,2,5,5] x, float[3,2,3,3] w) => (float[1,3,3,3] y) { y = com.microsoft.FusedConv "
                       "<activation = \"Selu\"> (x, w) }"),
              testing::HasSubstr("activation 'Selu'"));
  EXPECT_THAT(imported("(float[2,3] x) => (float[2] y) { y = Einsum <equation = \"ij,jk->ik\"> (x) }"),
              testing::HasSubstr("2 terms for 1 operands"));
}

}  // namespace
}  // namespace tegula::compiler
