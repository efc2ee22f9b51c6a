#include "schema/expression_text.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tegula {
namespace {

std::string text(const std::vector<ExprNode>& nodes) {
  const std::string_view names[] = {"batch", "height"};
  return expression_text(nodes, [&](std::size_t i) { return names[i]; }, static_cast<uint32_t>(nodes.size() - 1));
}

const ExprNode kBatch{.op = ExprOp::kSymbol, .value = 0}, kHeight{.op = ExprOp::kSymbol, .value = 1};
ExprNode constant(int64_t value) {
  return {.op = ExprOp::kConstant, .value = value};
}

TEST(ExpressionText, ReadsLikeAFormula) {
  EXPECT_EQ(text({constant(7)}), "7");
  EXPECT_EQ(text({kBatch, constant(12), {.op = ExprOp::kMul, .a = 0, .b = 1}}), "batch*12");
  EXPECT_EQ(
      text({kHeight, constant(2), {.op = ExprOp::kAdd, .a = 0, .b = 1}, {.op = ExprOp::kCeilDiv, .a = 2, .b = 1}}),
      "ceil((height+2)/2)");
  EXPECT_EQ(text({kBatch, kHeight, {.op = ExprOp::kSub, .a = 0, .b = 1}, {.op = ExprOp::kSub, .a = 0, .b = 2}}),
            "batch-(batch-height)");
  EXPECT_EQ(text({kBatch, kHeight, {.op = ExprOp::kSelect, .a = 0, .b = 1, .c = 0}}), "select(batch, height, batch)");
}

TEST(ExpressionText, CutsWhatNobodyWouldRead) {
  std::vector<ExprNode> nodes = {kBatch};
  for (uint32_t i = 0; i < 60; ++i) nodes.push_back({.op = ExprOp::kMax, .a = i, .b = i});  // 2^60 leaves
  EXPECT_LT(text(nodes).size(), 1000u);
  EXPECT_NE(text(nodes).find("..."), std::string::npos);
}

}  // namespace
}  // namespace tegula
