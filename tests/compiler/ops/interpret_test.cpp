#include "compiler/ops/interpret.h"

#include <gtest/gtest.h>

namespace tegula::compiler {
namespace {

Graph read(std::string_view text) {
  auto graph = parse(text);
  EXPECT_TRUE(graph.ok()) << graph.error().message;
  return *std::move(graph);
}

TEST(Interpret, RunsNodesInOrder) {
  const Graph graph = read(R"(
      a = add(%x:f32[2,2], %b:f32[2]=[10,20])
      r = reshape(a) {shape=[4]}
      y = clip(r) {alpha=0, beta=22}
      return y, a, b)");
  const auto outputs = interpret(graph, std::vector{Literal::of<float>({2, 2}, {1, 2, -30, 4})});
  ASSERT_TRUE(outputs.ok()) << outputs.error().message;
  EXPECT_EQ((*outputs)[0].to_doubles(), (std::vector<double>{11, 22, 0, 22}));
  EXPECT_EQ((*outputs)[1].to_doubles(), (std::vector<double>{11, 22, -20, 24}));
  EXPECT_EQ((*outputs)[2].to_doubles(), (std::vector<double>{10, 20}));
}

TEST(Interpret, AppliesPostOpsInOrder) {
  const Graph graph = read(R"(
      y = matmul(%x:f32[1,2], %w:f32[2,2]=[1,2,3,4]) {post_ops=[mul(%s:f32[2]=[1,-1]), sub(%r:f32[1,2], first), relu]}
      return y)");
  const auto outputs =
      interpret(graph, std::vector{Literal::of<float>({1, 2}, {1, 1}), Literal::of<float>({1, 2}, {5, 5})});
  ASSERT_TRUE(outputs.ok()) << outputs.error().message;
  EXPECT_EQ((*outputs)[0].to_doubles(), (std::vector<double>{1, 11}));  // 5 - 4, 5 + 6
}

TEST(Interpret, RefusesOtherInputsThanTheGraphs) {
  const Graph graph = read("y = relu(%x:f32[2])\nreturn y");
  EXPECT_FALSE(interpret(graph, {}).ok());
  EXPECT_FALSE(interpret(graph, std::vector{Literal::of<float>({3}, {1, 2, 3})}).ok());
}

TEST(Interpret, NeedsNumbersForSizes) {
  const Graph graph = read("y = relu(%x:f32[n])\nreturn y");
  const auto outputs = interpret(graph, std::vector{Literal::of<float>({3}, {1, 2, 3})});
  ASSERT_FALSE(outputs.ok());
}

}  // namespace
}  // namespace tegula::compiler
