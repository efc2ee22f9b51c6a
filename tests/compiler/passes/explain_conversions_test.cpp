#include "compiler/passes/explain_conversions.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

/// The rules of the nodes that have one, a line each.
std::string rules(std::string_view text) {
  auto graph = parse(text);
  if (!graph.ok()) return graph.error().message;
  const auto changed = explain_conversions(*graph);
  EXPECT_TRUE(changed.ok() && !*changed);
  std::string lines;
  for (const auto& node : graph->nodes())
    if (!node->rule.empty()) lines += node->rule + "\n";
  return lines;
}

TEST(ExplainConversions, NamesWhatStandsBeforeAndBehind) {
  EXPECT_EQ(rules(R"(
      q = quantize(%x:f32[2,4]) {alpha=0.5, to=u8}
      t = transpose(q) {perm=[1,0]} @"t"
      y = dequantize(t) {alpha=0.5}
      return y)"),
            "stays: input 'x' is f32; 't' (Transpose) reads u8\n"
            "stays: 't' (Transpose) gives u8; output 'y' is f32\n");
}

TEST(ExplainConversions, CastsBetweenFloatsCountOthersDoNot) {
  EXPECT_EQ(rules(R"(
      a = cast(%x:f32[2]) {to=bf16}
      b = exp(a) @"b"
      c = abs(a) @"c"
      d = neg(a) @"d"
      i = cast(%n:s64[2]) {to=f32}
      return b, c, d, i)"),
            "stays: input 'x' is f32; 'b' (Exp) reads bf16, 'c' (Abs) reads bf16 and others\n");
}

TEST(ExplainConversions, ChainsThatComputeAreNoConversions) {
  EXPECT_EQ(rules(R"(
      y = eltwise(%q:u8[4]) {program=<dequantize 0 alpha=0.5; exp 1; quantize 2 alpha=0.25 to=u8>}
      return y)"),
            "");
}

}  // namespace
}  // namespace tegula::compiler
