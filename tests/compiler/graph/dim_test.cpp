#include "compiler/graph/dim.h"

#include <gtest/gtest.h>

#include <random>

namespace tegula::compiler {
namespace {

const Dim batch = Dim::symbol("batch"), h = Dim::symbol("h"), w = Dim::symbol("w"), n = Dim::symbol("n");

TEST(Dim, KeepsPolynomialsInOneForm) {
  EXPECT_EQ(n * 2 + n, n * 3);
  EXPECT_EQ((n + 1) * (n - 1), n * n - 1);
  EXPECT_EQ(n - n, Dim(0));
  EXPECT_EQ((h + w) * batch, batch * w + batch * h);
  EXPECT_NE(n + 1, n);
  EXPECT_TRUE((n - n + 5).is(5));
}

TEST(Dim, InfersTheMissingSizeOfReshape) {
  EXPECT_EQ(floor_div(batch * 3 * 224 * 224, 3 * 224 * 224), batch);
  EXPECT_EQ(floor_div(batch * h * 768, batch * 12 * 64), h);
  EXPECT_EQ(floor_div(batch * h * 768, batch * h), Dim(768));
  EXPECT_EQ(floor_div(batch * (h + 1) * 768, batch * (h + 1)), Dim(768));
  EXPECT_EQ(floor_div(batch * h * w, h), batch * w);
  EXPECT_EQ(floor_div(n * 12 + 24, 12), n + 2);
  EXPECT_EQ(floor_div(n * n - 1, n + 1), n - 1);
}

TEST(Dim, ReducesDivisions) {
  EXPECT_EQ(floor_div(n * 5, 2), n * 2 + floor_div(n, 2));
  EXPECT_EQ(floor_div(n * 4 + 2, 6), floor_div(n * 2 + 1, 3));
  EXPECT_EQ(floor_div(floor_div(n, 2), 3), floor_div(n, 6));
  EXPECT_EQ(floor_div(floor_div(h + 1, 2) + 1, 2), floor_div(h + 3, 4));
  EXPECT_EQ(ceil_div(n, 2), floor_div(n + 1, 2));
  EXPECT_EQ(mod(n * 4, 4), Dim(0));
  EXPECT_EQ(mod(n * 4 + 3, 4), Dim(3));
  EXPECT_EQ(mod(n * h, h), Dim(0));
  EXPECT_EQ(floor_div(mod(n, 4), 4), Dim(0));
  EXPECT_EQ(floor_div(7, -2), Dim(-4));
  EXPECT_EQ(floor_div(n, 0), Dim(0));
}

TEST(Dim, SizesOfConvolutionsAgree) {
  // A 3x3 convolution with padding 1 keeps the size; with stride 2 it halves it, rounding up.
  const auto conv = [](const Dim& size, int64_t kernel, int64_t pads, int64_t stride) {
    return floor_div(size + pads - kernel, stride) + 1;
  };
  EXPECT_EQ(conv(h, 3, 2, 1), h);
  EXPECT_EQ(conv(h, 3, 2, 2), floor_div(h + 1, 2));
  EXPECT_EQ(conv(h, 1, 0, 2), floor_div(h + 1, 2));
  EXPECT_EQ(conv(conv(h, 7, 6, 2), 3, 2, 2), floor_div(h + 3, 4));
  EXPECT_EQ(conv(h * 32, 3, 2, 2), h * 16);
}

TEST(Dim, ChoosesAtOnceWhatBoundsDecide) {
  EXPECT_EQ(min(n, INT64_MAX), n);
  EXPECT_EQ(max(n, 0), n);
  EXPECT_EQ(max(max(n - 1, 0), 0), max(n - 1, 0));
  EXPECT_EQ(min(n + 1, n), n);
  EXPECT_EQ(max(n - min(n, 5), 0), n - min(n, 5));
  EXPECT_EQ(max(n, max(h, n)), max(h, n));
  EXPECT_EQ(select(equal(n, 1), 1, n), n);
  EXPECT_EQ(select(equal(n, 1), min(n, 512), n), n);  // a position table that is as long as the sequence
  EXPECT_EQ(select(less(n, 0), n + 5, n), n);
  EXPECT_EQ(equal(n + 2, 1), Dim(0));
  EXPECT_EQ(equal(n, n + 1), Dim(0));
  EXPECT_EQ(less(mod(n, 2), 2), Dim(1));
  EXPECT_EQ(select(equal(n * 2 + 2, 1), h, n), n);
  EXPECT_TRUE((n - floor_div(n, 2)).is_at_least(0));
  EXPECT_TRUE((n * h + 1).is_at_least(1));
  EXPECT_FALSE((n - 1).is_at_least(0));
  EXPECT_FALSE((n - h).is_at_least(0));
}

TEST(Dim, ElementsOfShapeInputsMayBeNegative) {
  const Dim start = Dim::symbol("starts[0]");
  EXPECT_FALSE(start.is_at_least(0));
  const Dim counted = select(less(start, 0), start + n, start);
  EXPECT_EQ(counted.evaluate({{"starts[0]", -2}, {"n", 7}}), 5);
  EXPECT_EQ(max(start, 0).evaluate({{"starts[0]", -2}}), 0);
  const auto parsed = Dim::parse(counted.to_string());
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(*parsed, counted);
}

TEST(Dim, ComputesWithReals) {
  const Dim scale = Dim::symbol("scales[0]");
  EXPECT_EQ(real_scale_floor(n, real(2)), n * 2);
  EXPECT_EQ(real_scale_floor(n, real(0.5)), floor_div(n, 2));
  EXPECT_EQ(real_scale_floor(10, real(0.7f)), Dim(7));  // 6.99... in double
  const Dim scaled = real_scale_floor(n, scale);
  EXPECT_EQ(scaled.evaluate({{"n", 5}, {"scales[0]", real(0.6f).value()}}), 3);
  EXPECT_EQ(real_ratio(n, n), real(1));
  EXPECT_EQ(real_scale_floor(n, real_ratio(h, 4)).evaluate({{"n", 6}, {"h", 2}}), 3);
  EXPECT_EQ(real_range_count(real(1), real(2), real(0.3)), Dim(4));
  EXPECT_EQ(real_range_count(real(1), real(0), real(0.3)), Dim(0));
  EXPECT_EQ(real_range_count(real(10), scale, real(-3)).evaluate({{"scales[0]", real(6).value()}}), 2);
  for (const Dim& dim : {scaled, real_ratio(n, h), real_range_count(real(10), scale, real(-3))}) {
    const auto parsed = Dim::parse(dim.to_string());
    ASSERT_TRUE(parsed.ok()) << parsed.error().message;
    EXPECT_EQ(*parsed, dim);
  }
}

TEST(Dim, ScalesExactlyWhereItCan) {
  EXPECT_EQ(scale_floor(n, 2.0), n * 2);
  EXPECT_EQ(scale_floor(n, 0.25), floor_div(n, 4));
  EXPECT_EQ(scale_floor(7, 1.5), Dim(10));
  EXPECT_EQ(scale_floor(n, 1.5).evaluate({{"n", 7}}), 10);
}

TEST(Dim, BroadcastIsNoMaximum) {
  const Dim size = select(equal(n, 1), h, n);
  EXPECT_EQ(size.evaluate({{"n", 1}, {"h", 0}}), 0);
  EXPECT_EQ(size.evaluate({{"n", 7}, {"h", 1}}), 7);
  EXPECT_EQ(size.evaluate({{"n", 1}}), std::nullopt);
}

TEST(Dim, PrintsAndParses) {
  EXPECT_EQ((h * 4 + 2).to_string(), "4*h + 2");
  EXPECT_EQ((Dim(0) - h).to_string(), "-h");
  EXPECT_EQ((h * w - w * 2 - 1).to_string(), "h*w - 2*w - 1");
  EXPECT_EQ(floor_div(h + 1, 2).to_string(), "floor_div(h + 1, 2)");
  EXPECT_EQ(Dim::symbol("past seq").to_string(), "'past seq'");
  for (const char* text : {"3", "-3", "batch", "4*h + 2", "floor_div(h + 1, 2)", "select(equal(n, 1), h, n)",
                           "min(h, n, 5)", "scale_floor(n, 1.3)", R"('a \'b\'' + 1)", "h*h*w", "9223372036854775807",
                           "-9223372036854775808", "mod(h, n)"}) {
    const auto dim = Dim::parse(text);
    ASSERT_TRUE(dim.ok()) << dim.error().message;
    EXPECT_EQ(dim->to_string(), text);
  }
  EXPECT_EQ(*Dim::parse("( h+1 ) * 2"), h * 2 + 2);
}

TEST(Dim, RefusesTextThatIsNoExpression) {
  for (const char* text : {"", "h +", "floor_div(h)", "nothing(h)", "3 4", "99999999999999999999", "(h", "'h", "h$"})
    EXPECT_FALSE(Dim::parse(text).ok()) << text;
  EXPECT_FALSE(Dim::parse(std::string(200, '(')).ok());
}

TEST(Dim, SubstitutesAndCollectsSymbols) {
  const Dim size = floor_div(h + 1, 2) * batch;
  EXPECT_EQ(size.substitute({{"h", Dim(7)}}), batch * 4);
  EXPECT_EQ(size.substitute({{"h", w * 2}}), batch * w);
  std::vector<std::string> names;
  (size + n).collect_symbols(names);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{"batch", "h", "n"}));
}

TEST(ExpressionTable, HoldsEachRowOnce) {
  ExpressionTable table;
  const uint32_t a = table.add(floor_div(h + 1, 2) * w);
  const std::size_t rows = table.nodes().size();
  EXPECT_EQ(table.add(floor_div(h + 1, 2) * w), a);
  EXPECT_EQ(table.nodes().size(), rows);
  table.add(floor_div(h + 1, 2));
  EXPECT_EQ(table.nodes().size(), rows);
  EXPECT_EQ(table.symbols(), (std::vector<std::string>{"h", "w"}));
}

// ---------------------------------------------------------------- random expressions

/// One random expression, as a Dim and as the nodes that mean the same without any rule applied.
class RandomExpression {
 public:
  explicit RandomExpression(uint32_t seed) : random_(seed) {
    for (const char* name : {"a", "b", "c"}) add(Dim::symbol(name), {.op = ExprOp::kSymbol, .value = count_symbols_++});
    for (int i = 0; i < 14; ++i) step();
  }

  const std::vector<Dim>& dims() const { return dims_; }
  const std::vector<ExprNode>& nodes() const { return nodes_; }

 private:
  uint32_t pick(std::size_t choices) { return static_cast<uint32_t>(random_() % choices); }

  void add(Dim dim, ExprNode node) {
    dims_.push_back(std::move(dim));
    nodes_.push_back(node);
  }

  uint32_t constant(int64_t low, int64_t high) {
    const int64_t value = low + static_cast<int64_t>(pick(static_cast<std::size_t>(high - low + 1)));
    add(value, {.op = ExprOp::kConstant, .value = value});
    return static_cast<uint32_t>(nodes_.size() - 1);
  }

  void step() {
    const uint32_t a = pick(nodes_.size());
    const uint32_t b = pick(3) == 0 ? constant(-9, 9) : pick(nodes_.size());
    const uint32_t c = pick(nodes_.size());
    const Dim x = dims_[a], y = dims_[b], z = dims_[c];
    switch (pick(12)) {
      case 0: return add(x + y, {.op = ExprOp::kAdd, .a = a, .b = b});
      case 1: return add(x - y, {.op = ExprOp::kSub, .a = a, .b = b});
      case 2: return add(x * y, {.op = ExprOp::kMul, .a = a, .b = b});
      case 3: return divide(a, ExprOp::kFloorDiv);
      case 4: return divide(a, ExprOp::kCeilDiv);
      case 5: return divide(a, ExprOp::kMod);
      case 6: return add(min(x, y), {.op = ExprOp::kMin, .a = a, .b = b});
      case 7: return add(max(x, y), {.op = ExprOp::kMax, .a = a, .b = b});
      case 8: return add(select(x, y, z), {.op = ExprOp::kSelect, .a = a, .b = b, .c = c});
      case 9: return add(equal(x, y), {.op = ExprOp::kEqual, .a = a, .b = b});
      case 10: return add(less(x, y), {.op = ExprOp::kLess, .a = a, .b = b});
      default: {
        const double scale = std::array{0.5, 1.0, 2.0, 0.3, 1.7}[pick(5)];
        return add(scale_floor(x, scale), {.op = ExprOp::kScaleFloor, .a = a, .scale = scale});
      }
    }
  }

  void divide(uint32_t a, ExprOp op) {
    const uint32_t b = pick(2) == 0 ? constant(1, 9) : pick(3);  // symbols are positive in this test
    const Dim &x = dims_[a], &y = dims_[b];
    add(op == ExprOp::kFloorDiv  ? floor_div(x, y)
        : op == ExprOp::kCeilDiv ? ceil_div(x, y)
                                 : mod(x, y),
        {.op = op, .a = a, .b = b});
  }

  std::mt19937 random_;
  int64_t count_symbols_ = 0;
  std::vector<Dim> dims_;
  std::vector<ExprNode> nodes_;
};

TEST(Dim, NormalFormKeepsTheValueOfRandomExpressions) {
  for (uint32_t seed = 0; seed < 800; ++seed) {
    const RandomExpression expression(seed);
    ExpressionTable table;
    table.symbol("a"), table.symbol("b"), table.symbol("c");
    std::vector<uint32_t> rows;
    std::vector<bool> certain;
    for (const Dim& dim : expression.dims()) {
      rows.push_back(table.add(dim));
      certain.push_back(dim.is_at_least(0));
    }
    for (const std::array<int64_t, 3> symbols :
         {std::array<int64_t, 3>{1, 2, 3}, {7, 1, 4}, {12, 5, 1}, {3, 3, 3}, {64, 9, 10}}) {
      std::vector<int64_t> expected(expression.nodes().size()), values(table.nodes().size());
      evaluate(expression.nodes(), symbols, expected);
      evaluate(table.nodes(), symbols, values);
      for (std::size_t i = 0; i < rows.size(); ++i) {
        if (std::abs(expected[i]) > (int64_t{1} << 50)) break;  // saturation is not associative
        ASSERT_EQ(values[rows[i]], expected[i]) << "seed " << seed << ": " << expression.dims()[i].to_string();
        ASSERT_TRUE(!certain[i] || expected[i] >= 0) << "seed " << seed << ": " << expression.dims()[i].to_string();
      }
    }
  }
}

TEST(Dim, RandomExpressionsSurvivePrintingAndParsing) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    const RandomExpression expression(seed);
    for (const Dim& dim : expression.dims()) {
      if (dim.complexity() > 500) continue;
      const auto read = Dim::parse(dim.to_string());
      ASSERT_TRUE(read.ok()) << read.error().message;
      ASSERT_EQ(*read, dim) << dim.to_string();
    }
  }
}

TEST(Dim, BroadcastSizesDoNotDependOnTheOrder) {
  const Dim a = Dim::symbol("a"), b = Dim::symbol("b"), c = Dim::symbol("c");
  EXPECT_EQ(broadcast_of(a, b), broadcast_of(b, a));
  EXPECT_EQ(broadcast_of(broadcast_of(a, b), b), broadcast_of(a, b));
  EXPECT_EQ(broadcast_of(broadcast_of(a, b), c), broadcast_of(a, broadcast_of(c, b)));
  EXPECT_EQ(broadcast_of(a, b).evaluate({{"a", 1}, {"b", 7}}), 7);
  EXPECT_EQ(broadcast_of(a, b).evaluate({{"a", 7}, {"b", 1}}), 7);
  EXPECT_EQ(broadcast_of(a, b).evaluate({{"a", 0}, {"b", 1}}), 0);
}

}  // namespace
}  // namespace tegula::compiler
