// Which convolutions get BF16 filters that keep their sums.
#include <gtest/gtest.h>

#include "compiler/precision/assign_bf16.h"
#include "compiler/precision/round_weights.h"
#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

constexpr const char* kKeepsSums = "keeps sums";
constexpr const char* kEachElement = "each element by itself";

Literal filters_of_y(const Graph& graph) {
  for (const auto& node : graph.nodes())
    if (node->output()->name == "y") return *node->input(1)->literal;
  ADD_FAILURE() << "no y";
  return Literal::of<float>({1}, {0});
}

/// How the filters of the convolution that gives y were rounded.
std::string rounding(const std::string& text) {
  Graph graph = graph_of(text);
  const Literal filters = filters_of_y(graph);
  EXPECT_TRUE(assign_bf16(graph, {}).ok());
  EXPECT_EQ(filters_of_y(graph).dtype(), DType::kBF16);
  const std::vector<double> got = filters_of_y(graph).to_doubles(), each = rounded_to_bf16(filters).to_doubles(),
                            sums = rounded_keeping_sums(filters).to_doubles();
  EXPECT_NE(each, sums) << "the case tells nothing";
  return got == sums ? kKeepsSums : got == each ? kEachElement : "something else";
}

/// A convolution whose filters have no neighbours, over the x that `source` computes.
std::string pointwise(const std::string& source) {
  return concat(source, R"(
      y = conv(x, %w:f32[16,16,1,1]=random(1)) {channels_last=1, kernel=[1,1]}
      return y)");
}

/// x, or another value, of a convolution with these post-ops.
std::string product(const std::string& post_ops, const std::string& value = "x") {
  return concat(value, " = conv(%a_", value, ":f32[n,8,8,16], %v_", value,
                ":f32[16,16,1,1]=random(2)) {channels_last=1, kernel=[1,1]", post_ops.empty() ? "" : ", post_ops=[",
                post_ops, post_ops.empty() ? "}\n" : "]}\n");
}

TEST(FilterRounding, NeighboursKeepSumsWhateverTheSource) {
  for (const char* window : {"3,3", "1,3", "5,1"})
    EXPECT_EQ(rounding(concat("y = conv(%x:f32[n,8,8,16], %w:f32[16,16,", window,
                              "]=random(1)) {channels_last=1, kernel=[", window, "]}\nreturn y")),
              kKeepsSums)
        << window;
}

TEST(FilterRounding, SourcesOfOneSignKeepSums) {
  for (const char* post_ops :
       {"relu", "sigmoid", "clip(alpha=0, beta=6)", "clip(alpha=0.5, beta=6)", "add(%r:f32[n,8,8,16]), relu"})
    EXPECT_EQ(rounding(pointwise(product(post_ops))), kKeepsSums) << post_ops;
}

TEST(FilterRounding, SourcesOfBothSignsDoNot) {
  EXPECT_EQ(rounding(R"(
      y = conv(%x:f32[n,8,8,128], %w:f32[128,128,1,1]=random(1)) {channels_last=1, kernel=[1,1]}
      return y)"),
            kEachElement);
  for (const char* post_ops : {"", "silu", "clip(alpha=-1, beta=6)", "relu, add(%r:f32[n,8,8,16])"})
    EXPECT_EQ(rounding(pointwise(product(post_ops))), kEachElement) << post_ops;
}

TEST(FilterRounding, SignsPassThroughWhatPlacesAndAverages) {
  for (const char* mover :
       {R"(x, _ = pool(b) {kind="max", kernel=[3,3], pads_begin=[1,1], pads_end=[1,1], channels_last=1})",
        R"(x = pool(b) {kind="average", kernel=[2,2], channels_last=1})", "x = transpose(b) {perm=[0,2,1,3]}",
        "x = reshape(b) {shape=[n,4,16,16]}", "x = slice(b) {starts=[0,2,0,0], sizes=[n,4,8,16], steps=[1,1,1,1]}"}) {
    EXPECT_EQ(rounding(pointwise(product("relu", "b") + mover)), kKeepsSums) << mover;
    EXPECT_EQ(rounding(pointwise(product("silu", "b") + mover)), kEachElement) << mover;
  }
}

TEST(FilterRounding, AConcatHasOneSignWhereAllPartsHave) {
  const std::string concatenated = "x = concat(b, c) {axis=1}";
  EXPECT_EQ(rounding(pointwise(product("relu", "b") + product("sigmoid", "c") + concatenated)), kKeepsSums);
  EXPECT_EQ(rounding(pointwise(product("relu", "b") + product("silu", "c") + concatenated)), kEachElement);
}

TEST(FilterRounding, MatricesRoundEachElement) {
  EXPECT_EQ(rounding(R"(
      x = matmul(%a:f32[n,64], %v:f32[64,64]=random(2)) {post_ops=[relu]}
      y = matmul(x, %w:f32[64,64]=random(1))
      return y)"),
            kEachElement);
}

}  // namespace
}  // namespace tegula::compiler
