#include "compiler/precision/assign_bf16.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/passes/fuse_elementwise_chains.h"
#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

using ::testing::HasSubstr;

Bf16Options options_of(const std::vector<const char*>& allow, const std::vector<const char*>& deny) {
  Bf16Options options;
  const auto add = [](const std::vector<const char*>& texts, std::vector<NodeSelector>& selectors) {
    for (const char* text : texts) {
      auto selector = NodeSelector::parse(text);
      ASSERT_TRUE(selector.ok()) << selector.error().message;
      selectors.push_back(std::move(*selector));
    }
  };
  add(allow, options.allow);
  add(deny, options.deny);
  return options;
}

Graph assigned_graph(std::string_view text, const Bf16Options& options) {
  Graph graph = graph_of(text);
  const auto changed = assign_bf16(graph, options);
  EXPECT_TRUE(changed.ok()) << changed.error().message;
  const Status status = verify(graph);
  EXPECT_TRUE(status.ok()) << status.error().message << "\n" << print(graph);
  return graph;
}

GraphText assigned(std::string_view text, const std::vector<const char*>& allow = {},
                   const std::vector<const char*>& deny = {}) {
  return GraphText(assigned_graph(text, options_of(allow, deny)));
}

Result<bool> with_defaults(Graph& graph) {
  return assign_bf16(graph, {});
}

std::string message(std::string_view text, const std::vector<const char*>& allow,
                    const std::vector<const char*>& deny) {
  Graph graph = graph_of(text);
  const auto changed = assign_bf16(graph, options_of(allow, deny));
  return changed.ok() ? "" : changed.error().message;
}

/// The rules of the nodes, in order, by the names of their first outputs.
std::vector<std::string> rules(std::string_view text, const std::vector<const char*>& allow = {},
                               const std::vector<const char*>& deny = {}) {
  std::vector<std::string> list;
  const Graph graph = assigned_graph(text, options_of(allow, deny));
  for (const auto& node : graph.nodes()) list.push_back(concat(node->output()->name, ": ", node->rule));
  return list;
}

// ---------------------------------------------------------------- classes

TEST(AssignBf16, Allow) {
  EXPECT_EQ(assigned(R"(
      y = matmul(%x:f32[m,64], %w:f32[64,64]=fill(0.5), %b:f32[64]=random(2)) {post_ops=[relu]}
      z = matmul(y, %v:f32[64,32]=fill(0.25))
      return z)"),
            R"(
      b = cast(%x:f32[m,64]) {to=bf16}
      y = matmul(b, %w:bf16[64,64]=fill(0.5), %b0:f32[64]=random(2)) {to=bf16, post_ops=[relu]}
      z = matmul(y, %v:bf16[64,32]=fill(0.25))
      return z)");
}

TEST(AssignBf16, AllowConvolutionsWithResidual) {
  EXPECT_EQ(assigned(R"(
      c = conv(%x:f32[n,8,8,16], %w:f32[16,16,3,3]=fill(0.5)) {kernel=[3,3], pads_begin=[1,1], pads_end=[1,1], channels_last=1, post_ops=[relu]}
      d = conv(c, %u:f32[16,1,3,3]=fill(0.5)) {kernel=[3,3], groups=16, pads_begin=[1,1], pads_end=[1,1], channels_last=1}
      e = conv(d, %v:f32[16,16,1,1]=fill(0.25)) {kernel=[1,1], channels_last=1, post_ops=[add(%c)]}
      p, _ = pool(e) {kind="max", kernel=[2,2], strides=[2,2], channels_last=1}
      m = reduce(p) {kind="mean", axes=[1,2]}
      z = matmul(m, %k:f32[16,10]=fill(1))
      return z)"),
            R"(
      b = cast(%x:f32[n,8,8,16]) {to=bf16}
      c = conv(b, %w:bf16[16,16,3,3]=fill(0.5)) {kernel=[3,3], pads_begin=[1,1], pads_end=[1,1], channels_last=1, to=bf16, post_ops=[relu]}
      d = conv(c, %u:f32[16,1,3,3]=fill(0.5)) {kernel=[3,3], groups=16, pads_begin=[1,1], pads_end=[1,1], channels_last=1, to=bf16}
      e = conv(d, %v:bf16[16,16,1,1]=fill(0.25)) {kernel=[1,1], channels_last=1, to=bf16, post_ops=[add(%c)]}
      p, _ = pool(e) {kind="max", kernel=[2,2], strides=[2,2], channels_last=1}
      m = reduce(p) {kind="mean", axes=[1,2], to=bf16}
      z = matmul(m, %k:bf16[16,10]=fill(1))
      return z)");
}

TEST(AssignBf16, InferBetweenAllowed) {
  const char* const text = R"(
      y = matmul(%x:f32[m,64], %w:f32[64,64]=fill(0.5))
      n = layer_norm(y, %s:f32[64]=random(1), %o:f32[64]=random(2)) {axis=1}
      r = relu(n)
      z = matmul(r, %v:f32[64,32]=fill(0.25))
      p = softmax(z) {axis=1}
      return p)";
  EXPECT_EQ(assigned(text), R"(
      b = cast(%x:f32[m,64]) {to=bf16}
      y = matmul(b, %w:bf16[64,64]=fill(0.5)) {to=bf16}
      n = layer_norm(y, %s:f32[64]=random(1), %o:f32[64]=random(2)) {axis=1, to=bf16}
      r = eltwise(n) {program=<cast 0 to=f32; relu 1; cast 2 to=bf16>}
      z = matmul(r, %v:bf16[64,32]=fill(0.25))
      p = softmax(z) {axis=1}
      return p)");
  EXPECT_THAT(rules(text),
              ::testing::ElementsAre("x_bf16: ", "y: bf16: allowed by default: a product of bf16 with sums in fp32",
                                     "n: bf16: between bf16 operations: its statistics are fp32",
                                     HasSubstr("r: bf16: between bf16 operations: an activation"),
                                     "z: bf16: allowed by default: a product of bf16 with sums in fp32",
                                     "p: fp32: no bf16 operation behind it"));
}

TEST(AssignBf16, InferWithOneOperandInFp32) {
  EXPECT_EQ(assigned(R"(
      y = matmul(%x:f32[m,64], %w:f32[64,64]=fill(0.5))
      s = add(%t:f32[m,64], y)
      z = matmul(s, %v:f32[64,32]=fill(0.25))
      return z)"),
            R"(
      b = cast(%x:f32[m,64]) {to=bf16}
      y = matmul(b, %w:bf16[64,64]=fill(0.5)) {to=bf16}
      s = eltwise(%t:f32[m,64], y) {program=<cast 1 to=f32; add 0 2; cast 3 to=bf16>}
      z = matmul(s, %v:bf16[64,32]=fill(0.25))
      return z)");
}

TEST(AssignBf16, Clear) {
  EXPECT_EQ(assigned(R"(
      y = matmul(%x:f32[m,64], %w:f32[64,64]=fill(0.5))
      t = transpose(y) {perm=[1,0]}
      r = reshape(t) {shape=[m,64]}
      c = concat(r, %k:f32[3,64]=fill(2)) {axis=0}
      z = matmul(c, %v:f32[64,32]=fill(0.25))
      u = transpose(z) {perm=[1,0]}
      return u)"),
            R"(
      b = cast(%x:f32[m,64]) {to=bf16}
      y = matmul(b, %w:bf16[64,64]=fill(0.5)) {to=bf16}
      t = transpose(y) {perm=[1,0]}
      r = reshape(t) {shape=[m,64]}
      c = concat(r, %k:bf16[3,64]=fill(2)) {axis=0}
      z = matmul(c, %v:bf16[64,32]=fill(0.25))
      u = transpose(z) {perm=[1,0]}
      return u)");
}

TEST(AssignBf16, EmbeddingsOfProducts) {
  EXPECT_EQ(assigned(R"(
      e = gather(%k:f32[100,64]=fill(2), %i:s64[m]) {axis=0}
      z = matmul(e, %v:f32[64,32]=fill(0.25))
      return z)"),
            R"(
      e = gather(%k:bf16[100,64]=fill(2), %i:s64[m]) {axis=0}
      z = matmul(e, %v:bf16[64,32]=fill(0.25))
      return z)");
}

TEST(AssignBf16, Deny) {
  const char* const text = R"(
      y = matmul(%x:f32[m,64], %w:f32[64,64]=fill(0.5))
      e = exp(y)
      a = affine(e) {alpha=2, beta=1}
      z = matmul(a, %v:f32[64,32]=fill(0.25))
      return z)";
  EXPECT_EQ(assigned(text), R"(
      b = cast(%x:f32[m,64]) {to=bf16}
      y = matmul(b, %w:bf16[64,64]=fill(0.5))
      e = exp(y)
      a = eltwise(e) {program=<affine 0 alpha=2 beta=1; cast 1 to=bf16>}
      z = matmul(a, %v:bf16[64,32]=fill(0.25))
      return z)");
  EXPECT_THAT(rules(text)[2], HasSubstr("e: fp32: denied by default: outside of a fused softmax"));
  EXPECT_THAT(rules(text)[3], HasSubstr("a: fp32: no bf16 operation before it"));
}

TEST(AssignBf16, NothingIsRoundedBetweenFp32Operations) {
  EXPECT_EQ(assigned(R"(
      e = exp(%x:f32[m,64])
      s = reduce(e) {kind="sum", axes=[1]}
      z = matmul(e, %v:f32[64,64]=fill(0.25))
      return s, z)"),
            R"(
      e = exp(%x:f32[m,64])
      s = reduce(e) {kind="sum", axes=[1]}
      b = cast(e) {to=bf16}
      z = matmul(b, %v:bf16[64,64]=fill(0.25))
      return s, z)");
}

TEST(AssignBf16, PositionsStayFp32) {
  const char* const text = R"(
      p = range(%start:f32[]=0, %delta:f32[]=1) {count=[n]}
      c = reshape(p) {shape=[n,1]}
      a = matmul(c, %f:f32[1,64]=fill(0.5))
      k = cos(a)
      y = matmul(%x:f32[n,64], %w:f32[64,64]=fill(0.5))
      r = mul(y, k)
      z = matmul(r, %v:f32[64,64]=fill(0.25))
      return z)";
  EXPECT_EQ(assigned(text), R"(
      p = range(%start:f32[]=0, %delta:f32[]=1) {count=[n]}
      c = reshape(p) {shape=[n,1]}
      a = matmul(c, %f:f32[1,64]=fill(0.5))
      k = cos(a)
      b = cast(%x:f32[n,64]) {to=bf16}
      y = matmul(b, %w:bf16[64,64]=fill(0.5)) {to=bf16}
      r = eltwise(y, k) {program=<cast 0 to=f32; mul 2 1; cast 3 to=bf16>}
      z = matmul(r, %v:bf16[64,64]=fill(0.25))
      return z)");
  EXPECT_EQ(rules(text)[2], "a: fp32: computes positions or indices");
}

TEST(AssignBf16, WhatBecomesAnIndexStaysFp32) {
  EXPECT_EQ(assigned(R"(
      y = matmul(%x:f32[m,64], %w:f32[64,64]=fill(0.5))
      h = mul(y, %s:f32[]=16)
      i = cast(h) {to=s64}
      z = matmul(h, %v:f32[64,64]=fill(0.25))
      return i, z)"),
            R"(
      b = cast(%x:f32[m,64]) {to=bf16}
      y = matmul(b, %w:bf16[64,64]=fill(0.5))
      h = mul(y, %s:f32[]=16)
      i = cast(h) {to=s64}
      d = cast(h) {to=bf16}
      z = matmul(d, %v:bf16[64,64]=fill(0.25))
      return i, z)");
}

TEST(AssignBf16, IntegerProductsGiveBf16) {
  EXPECT_EQ(assigned(R"(
      y = quantized_matmul(%q:u8[m,64], %w:s8[64,64]=random(1), -, %k:f32[]=0.5)
      n = layer_norm(y) {axis=1}
      z = matmul(n, %v:f32[64,32]=fill(0.25))
      d = dequantize(%r:u8[m,64]) {alpha=0.5, beta=3}
      u = matmul(d, %v)
      return z, u)"),
            R"(
      y = quantized_matmul(%q:u8[m,64], %w:s8[64,64]=random(1), -, %k:f32[]=0.5) {to=bf16}
      n = layer_norm(y) {axis=1, to=bf16}
      z = matmul(n, %v:bf16[64,32]=fill(0.25))
      d = eltwise(%r:u8[m,64]) {program=<dequantize 0 alpha=0.5 beta=3; cast 1 to=bf16>}
      u = matmul(d, %v)
      return z, u)");
}

TEST(AssignBf16, LeavesIntegerGraphs) {
  const char* const text = "y = add(%a:s64[n], %b:s64[n])\nz = gather(%t:s64[9], y) {axis=0}\nreturn z";
  expect_unchanged(with_defaults, text);
}

TEST(AssignBf16, LeavesOperationsWithoutKernels) {
  for (const char* text : {
           "y = conv(%x:f32[n,8,8,16], %w:f32[16,16,3,3]) {kernel=[3,3], channels_last=1}\nreturn y",
           "y = conv(%x:f32[n,16,8,8], %w:f32[16,16,3,3]=fill(1)) {kernel=[3,3]}\nreturn y",
           "y = softmax(%x:f32[n,16,8]) {axis=1}\nreturn y",
           "_, i = pool(%x:f32[n,8,8,16]) {kind=\"max\", kernel=[2,2], channels_last=1}\nreturn i",
       })
    expect_unchanged(with_defaults, text);
}

// ---------------------------------------------------------------- islands

TEST(AssignBf16, AnIslandThatCostsMoreThanItGainsIsNone) {
  const char* const text = R"(
      y = matmul(%x:f32[m,4], %w:f32[4,3]=fill(0.5))
      return y)";
  EXPECT_EQ(assigned(text), text);
  EXPECT_EQ(rules(text)[0], "y: fp32: 1 cast around it would cost more time than bf16 saves here");
  EXPECT_EQ(assigned(text, {"type:MatMul"}), R"(
      b = cast(%x:f32[m,4]) {to=bf16}
      y = matmul(b, %w:bf16[4,3]=fill(0.5))
      return y)");
}

TEST(AssignBf16, ConversionsAreAtTheBordersWhereTheyCanBe) {
  EXPECT_EQ(assigned(R"(
      y = matmul(%x:f32[m,64], %w:f32[64,64]=fill(0.5))
      z = matmul(y, %v:f32[64,64]=fill(0.25))
      return y, z)"),
            R"(
      b = cast(%x:f32[m,64]) {to=bf16}
      y = matmul(b, %w:bf16[64,64]=fill(0.5)) {to=bf16}
      z = matmul(y, %v:bf16[64,64]=fill(0.25))
      o = cast(y) {to=f32}
      return "y"=o, z)");
}

// ---------------------------------------------------------------- overrides

constexpr const char* kThree = R"(
      y = matmul(%x:f32[m,64], %w:f32[64,64]=fill(0.5)) @"first"
      e = exp(y) @"second"
      z = matmul(e, %v:f32[64,64]=fill(0.25)) @"third"
      return z)";

TEST(AssignBf16, UsersAllowByType) {
  EXPECT_EQ(assigned(kThree, {"type:Exp"}), R"(
      b = cast(%x:f32[m,64]) {to=bf16}
      y = matmul(b, %w:bf16[64,64]=fill(0.5)) {to=bf16}
      e = eltwise(y) {program=<cast 0 to=f32; exp 1; cast 2 to=bf16>}
      z = matmul(e, %v:bf16[64,64]=fill(0.25))
      return z)");
  EXPECT_EQ(rules(kThree, {"type:Exp"})[2], "e: bf16: the user allows operator type Exp");
}

TEST(AssignBf16, UsersDenyByName) {
  EXPECT_EQ(assigned(kThree, {}, {"name:third"}), R"(
      b = cast(%x:f32[m,64]) {to=bf16}
      y = matmul(b, %w:bf16[64,64]=fill(0.5))
      e = exp(y)
      z = matmul(e, %v:f32[64,64]=fill(0.25))
      return z)");
  EXPECT_EQ(rules(kThree, {}, {"name:third"}).back(), "z: fp32: the user denies node 'third'");
}

TEST(AssignBf16, UsersDenyByExpression) {
  EXPECT_EQ(assigned(kThree, {}, {"regex:(first|third)"}), kThree);
  EXPECT_EQ(assigned(kThree, {}, {"regex:.*ir.*"}), kThree);
}

TEST(AssignBf16, UsersDenyWhatOnlyPlacesElements) {
  EXPECT_EQ(assigned(R"(
      y = matmul(%x:f32[m,64], %w:f32[64,64]=fill(0.5))
      t = transpose(y) {perm=[1,0]}
      return t)",
                     {}, {"type:Transpose"}),
            R"(
      b = cast(%x:f32[m,64]) {to=bf16}
      y = matmul(b, %w:bf16[64,64]=fill(0.5))
      t = transpose(y) {perm=[1,0]}
      return t)");
}

TEST(AssignBf16, Fp32ProductsReadFp32Residuals) {
  EXPECT_EQ(assigned(R"(
      y = matmul(%x:f32[m,64], %w:f32[64,64]=fill(0.5))
      z = matmul(y, %v:f32[64,64]=fill(0.25)) {post_ops=[add(%y)]} @"last"
      u = matmul(y, %v)
      return z, u)",
                     {}, {"last"}),
            R"(
      b = cast(%x:f32[m,64]) {to=bf16}
      y = matmul(b, %w:bf16[64,64]=fill(0.5)) {to=bf16}
      f = cast(y) {to=f32}
      z = matmul(f, %v:f32[64,64]=fill(0.25)) {post_ops=[add(%f)]}
      u = matmul(y, %v1:bf16[64,64]=fill(0.25))
      return z, u)");
}

TEST(AssignBf16, RefusesListsThatCannotBe) {
  EXPECT_THAT(message(kThree, {"name:fourth"}, {}), HasSubstr("node 'fourth' matches nothing"));
  EXPECT_THAT(message(kThree, {}, {"type:Softmax"}), HasSubstr("operator type Softmax matches nothing"));
  EXPECT_THAT(message(kThree, {}, {"regex:x+"}), HasSubstr("match nothing"));
  EXPECT_EQ(message(kThree, {"type:MatMul"}, {"name:third"}),
            "bf16 is both allowed and denied for 'third': by operator type MatMul and by node 'third'");
  EXPECT_THAT(message("y = cumsum(%x:f32[n]) {axis=0} @\"sums\"\nreturn y", {"name:sums"}, {}),
              HasSubstr("bf16 is allowed for node 'sums' (CumSum), but no kernel of cumsum reads or writes bf16"));
}

// ---------------------------------------------------------------- and what comes behind

TEST(AssignBf16, ChainsTakeTheirConversionsAlong) {
  Graph graph = assigned_graph(R"(
      y = matmul(%x:f32[m,64], %w:f32[64,64]=fill(0.5))
      s = add(%t:f32[m,64], y)
      g = sigmoid(s)
      h = mul(g, y)
      z = matmul(h, %v:f32[64,32]=fill(0.25))
      return z)",
                               {});
  ASSERT_TRUE(fuse_elementwise_chains(graph).ok());
  EXPECT_EQ(GraphText(graph), R"(
      b = cast(%x:f32[m,64]) {to=bf16}
      y = matmul(b, %w:bf16[64,64]=fill(0.5)) {to=bf16}
      h = eltwise(%t:f32[m,64], y) {program=<cast 1 to=f32; add 0 2; sigmoid 3; cast 1 to=f32; mul 4 5; cast 6 to=bf16>}
      z = matmul(h, %v:bf16[64,32]=fill(0.25))
      return z)");
}

TEST(AssignBf16, KeepsValuesWithinRounding) {
  // Three roundings of operands, each by 2^-9 of a number, and sums of 64 terms whose errors partly cancel.
  expect_same_values(with_defaults, R"(
      y = matmul(%x:f32[n,64], %w:f32[64,64]=random(1)) {post_ops=[relu]}
      l = layer_norm(y) {axis=1}
      s = add(l, y)
      t = transpose(s) {perm=[1,0]}
      u = transpose(t) {perm=[1,0]}
      z = matmul(u, %v:f32[64,32]=random(2))
      return z)",
                     0x1p-6);
}

}  // namespace
}  // namespace tegula::compiler
