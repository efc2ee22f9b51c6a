#include <gtest/gtest.h>

#include <cmath>

#include "compiler/graph/graph.h"
#include "compiler/graph/graph_text.h"
#include "compiler/graph/random_literal.h"
#include "compiler/ops/op_def.h"

namespace tegula::compiler {
namespace {

std::string printed(std::string_view text) {
  const auto graph = parse(text);
  if (!graph.ok()) return graph.error().message;
  const auto status = verify(*graph);
  EXPECT_TRUE(status.ok()) << status.error().message;
  return print(*graph);
}

TEST(GraphText, PrintsWhatItReads) {
  const char* text = R"(symbol batch: 1..64
symbol 'past seq': 0..
input %x: f32[batch,3]
input %sizes: s64[2] holds [h,w]
const %w: f32[3] = [1, -0.5, 1e+20]
const %"onnx::Add_1": s64[] = 7
const %zero: f32[1000] = fill(0)
const %half: bf16[2] = bits[16256, 0]
const %flag: bool[2] = [0, 1]
const %none: f32[0] = []
%y = mul(%x, %w) : f32[batch,3] @"Mul_0" @"a \"b\""
%r = relu(%y) : f32[batch,3]
%c = clip(%r) {beta=6} : f32[batch,3]
%i = cast(%c) {to=s32} : s32[batch,3]
%e = eltwise(%c, %y) {program=<add 0 1; clip 2 alpha=-0.1 beta=6; cast 3 to=f64>} : f64[batch,3]
%s = add(%sizes, %"onnx::Add_1") : s64[2]
%v = reshape(%e) {shape=[3*batch]} : f64[3*batch]
require equal(h*w, 49) "node 'x': why"
return %i, %v, "sum"=%s
)";
  EXPECT_EQ(printed(text), text);
}

TEST(GraphText, WhatNodesRequireStandsOnce) {
  const std::string text = printed("y = mul(%x:f32[batch,n], %w:f32[3]=[1,2,3])\nreturn y");
  EXPECT_NE(text.find("require broadcast(n, 3)"), std::string::npos) << text;
  EXPECT_EQ(printed(text), text);
}

TEST(GraphText, ReadsShortForms) {
  EXPECT_EQ(printed(R"(
      # operands declared where they are used
      c = add(%x:f32[2,3], b:f32[3]=[1,2,3])   # and no '%'
      y = relu(c)
      return y)"),
            R"(input %x: f32[2,3]
const %b: f32[3] = [1, 2, 3]
%c = add(%x, %b) : f32[2,3]
%y = relu(%c) : f32[2,3]
return %y
)");
}

TEST(GraphText, KnowsElementsOfShapeInputs) {
  const auto graph = parse("input sizes: s64[2] holds [h, 2*w]\n y = neg(sizes)\n return y");
  ASSERT_TRUE(graph.ok()) << graph.error().message;
  EXPECT_EQ(to_string(*graph->find_value("y")->contents), "[-h,-2*w]");
}

TEST(GraphText, LargeConstantsPrintAsTheirChecksum) {
  const std::string text = printed("y = add(x:f32[64], w:f32[64]=random(7))\nreturn y");
  EXPECT_NE(text.find("const %w: f32[64] = random("), std::string::npos) << text;
  EXPECT_NE(printed(text).find("const %w: f32[64] = random("), std::string::npos) << printed(text);
}

TEST(GraphText, NamesTheLineThatIsWrong) {
  const auto error = [](std::string_view text) {
    const auto graph = parse(text);
    return graph.ok() ? std::string("accepted") : graph.error().message;
  };
  EXPECT_EQ(error("x = relu(y)\nreturn x"), "graph text, line 1: there is no value 'y'");
  EXPECT_EQ(error("x = nothing(y:f32[1])\nreturn x"), "graph text, line 1: there is no operation 'nothing'");
  EXPECT_EQ(error("input x: f32[2]\ny = relu(x) : f32[3]\nreturn y"), "graph text, line 2: the type of 'y' is f32[2]");
  EXPECT_EQ(
      error("y = add(x:f32[2], z:f32[3])\nreturn y"),
      "graph text, line 1: node '?' (eltwise): shapes [2] and [3], dimension 0: sizes 2 and 3 cannot be broadcast");
  EXPECT_EQ(error("const w: f32[2] = [1, 2, 3]\nreturn w"), "graph text, line 1: the type says 2 elements, here are 3");
  EXPECT_EQ(error("const w: u8[1] = [300]\nreturn w"), "graph text, line 1: an element is no u8");
  EXPECT_EQ(error("x = relu(y:f32[1])"), "graph text, line 1: 'return' is missing");
  EXPECT_EQ(error("input x: f33[2]\nreturn x"), "graph text, line 1: 'f33' is no element type");
  EXPECT_EQ(error("input x: f32[2]\ninput x: f32[2]\nreturn x"), "graph text, line 2: there is a value 'x' already");
}

TEST(RandomLiteral, IsTheSameEverywhere) {
  EXPECT_EQ(random_literal(DType::kF32, {4}, 1).to_doubles(),
            (std::vector<double>{492 / 1024.0, 417 / 1024.0, -274 / 1024.0, 656 / 1024.0}));
  EXPECT_EQ(random_literal(DType::kF16, {64}, 5).to_doubles(), random_literal(DType::kF32, {64}, 5).to_doubles());
  for (const double x : random_literal(DType::kBF16, {64}, 5).to_doubles()) EXPECT_EQ(x * 128, std::floor(x * 128));
}

// ---------------------------------------------------------------- verify

class VerifyTest : public testing::Test {
 protected:
  VerifyTest() : graph_(*parse("c = add(%x:f32[2,3], %w:f32[3]=[1,2,3])\ny = relu(c)\nreturn y")) {}
  Node* node(std::string_view output) { return graph_.find_value(output)->producer; }
  std::string broken() {
    const auto status = verify(graph_);
    return status.ok() ? "fine" : status.error().message;
  }
  Graph graph_;
};

TEST_F(VerifyTest, AcceptsWhatTheGraphBuilt) {
  EXPECT_EQ(broken(), "fine");
}

TEST_F(VerifyTest, SeesWrongTypes) {
  graph_.find_value("c")->shape = {2, 4};
  EXPECT_EQ(broken(), "graph: node 'c' (eltwise) writes f32[2,3], but 'c' is f32[2,4]");
}

TEST_F(VerifyTest, SeesOperandsThatDoNotFit) {
  graph_.find_value("x")->shape = {2, 5};
  EXPECT_NE(broken().find("no longer fits"), std::string::npos) << broken();
}

TEST_F(VerifyTest, SeesWrongOrder) {
  graph_.move_before(node("y"), node("c"));
  EXPECT_EQ(broken(), "graph: node 'y' (eltwise) reads 'c' before it is written");
}

TEST_F(VerifyTest, SeesForgottenUsers) {
  graph_.find_value("c")->users.clear();
  EXPECT_NE(broken().find("is missing among the users"), std::string::npos) << broken();
}

TEST_F(VerifyTest, SeesSuperfluousUsers) {
  graph_.find_value("x")->users.push_back(node("y"));
  EXPECT_EQ(broken(), "graph: value 'x' has users that do not read it");
}

TEST_F(VerifyTest, SeesPostOpsWhereNoneAreTaken) {
  graph_.add_post_op(node("c"), {.function = Function::k_relu});
  EXPECT_EQ(broken(), "graph: node 'c' (eltwise) has post-ops, but its operation takes none");
}

TEST_F(VerifyTest, SeesLiteralsOfAnotherType) {
  graph_.find_value("w")->literal = Literal::of<float>({2}, {1, 2});
  EXPECT_NE(broken().find("its elements are f32[2]"), std::string::npos) << broken();
}

}  // namespace
}  // namespace tegula::compiler
