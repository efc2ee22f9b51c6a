#include "compiler/graph/bind_symbols.h"

#include <gtest/gtest.h>

namespace tegula::compiler {
namespace {

Graph read(std::string_view text) {
  auto graph = parse(text);
  EXPECT_TRUE(graph.ok()) << graph.error().message;
  return *std::move(graph);
}

TEST(BindSymbols, ReachesInputsAttributesAndResults) {
  Graph graph = read(R"(
      symbol n: 1..8
      y = reshape(%x:f32[n,6]) {shape=[3*n, 2]}
      z = relu(y)
      return z)");
  ASSERT_TRUE(bind_symbols(graph, {{"n", 4}}).ok());
  EXPECT_EQ(graph.find_value("x")->shape, (Shape{4, 6}));
  EXPECT_EQ(graph.find_value("z")->shape, (Shape{12, 2}));
  EXPECT_TRUE(graph.symbols.empty());
  EXPECT_TRUE(verify(graph).ok());
}

TEST(BindSymbols, LeavesOtherSymbols) {
  Graph graph = read("y = add(%x:f32[n,m], %z:f32[n,1])\nreturn y");
  ASSERT_TRUE(bind_symbols(graph, {{"m", 2}}).ok());
  EXPECT_EQ(graph.find_value("y")->shape, (Shape{Dim::symbol("n"), 2}));
}

TEST(BindSymbols, ChecksConstraints) {
  const char* text = "y = add(%x:f32[n], %z:f32[m])\nreturn y";
  Graph holds = read(text), fails = read(text), open = read(text);
  ASSERT_TRUE(bind_symbols(holds, {{"n", 3}, {"m", 1}}).ok());
  EXPECT_TRUE(holds.constraints.empty());
  EXPECT_EQ(holds.find_value("y")->shape, (Shape{3}));
  const auto status = bind_symbols(fails, {{"n", 3}, {"m", 2}});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument);
  ASSERT_TRUE(bind_symbols(open, {{"n", 3}}).ok());
  EXPECT_EQ(open.constraints.size(), 1u);
}

}  // namespace
}  // namespace tegula::compiler
