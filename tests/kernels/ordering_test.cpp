// The best elements, their places, running sums, and tensors made from numbers: topk, arg_reduce, cumsum, trilu, range,
// materialize.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "kernels/arg_reduce/arg_reduce.h"
#include "kernels/cumsum/cumsum.h"
#include "kernels/materialize/materialize.h"
#include "kernels/range/range.h"
#include "kernels/topk/topk.h"
#include "kernels/trilu/trilu.h"
#include "tests/kernels/plain_kernel.h"

namespace tegula::kernels {
namespace {

using test::Values;

TEST(TopK, AgreesWithAStableSort) {
  std::mt19937 random(1);
  for (int trial = 0; trial < 200; ++trial) {
    const int64_t n = 1 + static_cast<int64_t>(random() % 40),
                  k = 1 + static_cast<int64_t>(random() % static_cast<uint32_t>(n));
    const bool largest = random() % 2 == 0;
    std::vector<int32_t> row(static_cast<std::size_t>(n));
    for (int32_t& x : row) x = static_cast<int32_t>(random() % 8);  // with many equal ones
    std::vector<int64_t> order(row.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      const int32_t x = row[static_cast<std::size_t>(a)], y = row[static_cast<std::size_t>(b)];
      return x == y ? a < b : largest ? x > y : x < y;
    });
    order.resize(static_cast<std::size_t>(k));
    std::vector<int32_t> best;
    for (const int64_t i : order) best.push_back(row[static_cast<std::size_t>(i)]);

    Values<int32_t> src({n, 1}, row), dst({k, 1}), only({k, 1});
    Values<int64_t> indices({k, 1});
    const TopKDesc desc{.axis = 0, .largest = largest};
    expect_runs(topk, desc, {src.view()}, {dst.view(), indices.view()});
    EXPECT_EQ(indices.values(), order);
    EXPECT_EQ(dst.values(), best);
    expect_runs(topk, desc, {src.view()}, {only.view()});
    EXPECT_EQ(only.values(), best);
  }
}

TEST(TopK, TakesNaNForTheLargest) {
  Values<float> src({4}, {1, std::nanf(""), 3, 2}), dst({2});
  Values<int64_t> indices({2});
  expect_runs(topk, TopKDesc{}, {src.view()}, {dst.view(), indices.view()});
  EXPECT_EQ(indices.values(), (std::vector<int64_t>{1, 2}));
  expect_runs(topk, TopKDesc{.largest = false}, {src.view()}, {dst.view(), indices.view()});
  EXPECT_EQ(indices.values(), (std::vector<int64_t>{0, 3}));
}

TEST(TopK, WalksRowsOfAnyAxisAndRefusesMoreThanThereAre) {
  Values<float> src({2, 2, 2}, {1, 8, 3, 6, 5, 4, 7, 2}), dst({2, 1, 2}), three({2, 3, 2});
  Values<int64_t> indices({2, 1, 2});
  expect_runs(topk, TopKDesc{.axis = 1}, {src.view()}, {dst.view(), indices.view()});
  EXPECT_EQ(dst.values(), (std::vector<float>{3, 8, 7, 4}));
  EXPECT_EQ(indices.values(), (std::vector<int64_t>{1, 0, 1, 0}));
  EXPECT_FALSE(check(TopKDesc{.axis = 1}, std::vector{src.view()}, std::vector{three.view()}).ok());
}

TEST(ArgReduce, ChoosesTheFirstOrTheLast) {
  Values<float> src({2, 3}, {3, 1, 3, 1, 2, 1});
  Values<int64_t> rows({2}), kept({2, 1}), columns({3});
  expect_runs(arg_reduce, ArgReduceDesc{.axis = 1}, {src.view()}, {rows.view()});
  EXPECT_EQ(rows.values(), (std::vector<int64_t>{0, 1}));
  expect_runs(arg_reduce, ArgReduceDesc{.axis = 1, .select_last = true}, {src.view()}, {kept.view()});
  EXPECT_EQ(kept.values(), (std::vector<int64_t>{2, 1}));
  expect_runs(arg_reduce, ArgReduceDesc{.axis = 1, .max = false, .select_last = true}, {src.view()}, {kept.view()});
  EXPECT_EQ(kept.values(), (std::vector<int64_t>{1, 2}));
  expect_runs(arg_reduce, ArgReduceDesc{.axis = 0, .max = false}, {src.view()}, {columns.view()});
  EXPECT_EQ(columns.values(), (std::vector<int64_t>{1, 0, 1}));
}

TEST(ArgReduce, FindsNaN) {
  const float nan = std::nanf("");
  Values<float> src({4}, {1, nan, nan, 5});
  Values<int64_t> dst(Dims{});
  for (const bool max : {true, false})
    for (const bool last : {true, false}) {
      expect_runs(arg_reduce, ArgReduceDesc{.max = max, .select_last = last}, {src.view()}, {dst.view()});
      EXPECT_EQ(dst.values()[0], last ? 2 : 1);
    }
}

TEST(ArgReduce, RefusesAnEmptyAxis) {
  Values<float> src({2, 0});
  Values<int64_t> dst({2});
  EXPECT_FALSE(check(ArgReduceDesc{.axis = 1}, std::vector{src.view()}, std::vector{dst.view()}).ok());
}

TEST(CumSum, AddsAlongTheAxis) {
  Values<float> src({2, 3}, {1, 2, 3, 4, 5, 6}), dst({2, 3});
  const auto sums = [&](const CumSumDesc& desc) {
    expect_runs(cumsum, desc, {src.view()}, {dst.view()});
    return dst.values();
  };
  EXPECT_EQ(sums({.axis = 1}), (std::vector<float>{1, 3, 6, 4, 9, 15}));
  EXPECT_EQ(sums({.axis = 0}), (std::vector<float>{1, 2, 3, 5, 7, 9}));
  EXPECT_EQ(sums({.axis = 1, .exclusive = true}), (std::vector<float>{0, 1, 3, 0, 4, 9}));
  EXPECT_EQ(sums({.axis = 1, .reverse = true}), (std::vector<float>{6, 5, 3, 15, 11, 6}));
  EXPECT_EQ(sums({.axis = 1, .exclusive = true, .reverse = true}), (std::vector<float>{5, 3, 0, 11, 6, 0}));
}

TEST(CumSum, Multiplies) {
  Values<float> src({3}, {2, 3, 4}), dst({3});
  expect_runs(cumsum, CumSumDesc{.product = true}, {src.view()}, {dst.view()});
  EXPECT_EQ(dst.values(), (std::vector<float>{2, 6, 24}));
  expect_runs(cumsum, CumSumDesc{.exclusive = true, .product = true}, {src.view()}, {dst.view()});
  EXPECT_EQ(dst.values(), (std::vector<float>{1, 2, 6}));
}

TEST(CumSum, WorksInPlaceAndWrapsAround) {
  Values<int8_t> data({3}, {100, 27, 1});
  expect_runs(cumsum, CumSumDesc{}, {data.view()}, {data.view()});
  EXPECT_EQ(data.values(), (std::vector<int8_t>{100, 127, -128}));
}

TEST(Trilu, KeepsATriangle) {
  Values<int64_t> src({2, 3}, {1, 2, 3, 4, 5, 6}), dst({2, 3});
  const auto triangle = [&](const TriluDesc& desc) {
    expect_runs(trilu, desc, {src.view()}, {dst.view()});
    return dst.values();
  };
  EXPECT_EQ(triangle({.upper = true, .k = 0}), (std::vector<int64_t>{1, 2, 3, 0, 5, 6}));
  EXPECT_EQ(triangle({.upper = true, .k = 1}), (std::vector<int64_t>{0, 2, 3, 0, 0, 6}));
  EXPECT_EQ(triangle({.upper = false, .k = 0}), (std::vector<int64_t>{1, 0, 0, 4, 5, 0}));
  EXPECT_EQ(triangle({.upper = false, .k = -7}), (std::vector<int64_t>{0, 0, 0, 0, 0, 0}));
}

TEST(Range, CountsInItsType) {
  Values<float> start(Dims{}, {1}), delta({1}, {0.5f}), dst({3});
  expect_runs(range, RangeDesc{}, {start.view(), delta.view()}, {dst.view()});
  EXPECT_EQ(dst.values(), (std::vector<float>{1, 1.5f, 2}));
  Values<int32_t> from(Dims{}, {10}), down(Dims{}, {-4}), whole({3});
  expect_runs(range, RangeDesc{}, {from.view(), down.view()}, {whole.view()});
  EXPECT_EQ(whole.values(), (std::vector<int32_t>{10, 6, 2}));
}

TEST(Materialize, WritesWhatFits) {
  Values<int32_t> dst({2, 1});
  expect_runs(materialize, MaterializeDesc{{-1, 7}}, {}, {dst.view()});
  EXPECT_EQ(dst.values(), (std::vector<int32_t>{-1, 7}));
  const std::vector<TensorView> out = {dst.view()};
  EXPECT_FALSE(check(MaterializeDesc{{1}}, {}, out).ok());
  EXPECT_FALSE(check(MaterializeDesc{{1, int64_t{1} << 40}}, {}, out).ok());
  Values<bool> flag({1});
  EXPECT_FALSE(check(MaterializeDesc{{2}}, {}, std::vector{flag.view()}).ok());
}

}  // namespace
}  // namespace tegula::kernels
