// Gather and scatter by element and by index tuple, one-hot and reversed sequences.
#include <cmath>
#include <limits>

#include "kernels/gather_elements/gather_elements.h"
#include "kernels/gather_nd/gather_nd.h"
#include "kernels/one_hot/one_hot.h"
#include "kernels/reverse_sequence/reverse_sequence.h"
#include "kernels/scatter/scatter.h"
#include "tests/kernels/plain_kernel.h"

namespace tegula::kernels {
namespace {

using test::Values;
using testing::Test;

TEST(GatherElements, TakesAlongTheAxisAndCountsNegativeIndicesFromTheEnd) {
  Values<float> src({2, 3}, {1, 2, 3, 4, 5, 6});
  Values<int64_t> indices({2, 2}, {0, -1, 2, 1});
  Values<float> dst({2, 2});
  expect_runs(gather_elements, GatherElementsDesc{.axis = 1}, {src.view(), indices.view()}, {dst.view()});
  EXPECT_EQ(dst.values(), (std::vector<float>{1, 3, 6, 5}));
}

TEST(GatherElements, TakesAlongTheFirstAxisOfATransposedTensor) {
  Values<uint8_t> src({3, 2}, {1, 2, 3, 4, 5, 6});  // seen as [2, 3]: 1 3 5 / 2 4 6
  const int perm[] = {1, 0};
  Values<int32_t> indices({1, 3}, {1, 0, 1});
  Values<uint8_t> dst({1, 3});
  expect_runs(gather_elements, GatherElementsDesc{.axis = 0}, {src.view().permuted(perm), indices.view()},
              {dst.view()});
  EXPECT_EQ(dst.values(), (std::vector<uint8_t>{2, 3, 6}));
}

TEST(GatherElements, RefusesIndicesOutOfRange) {
  Values<float> src({3}, {1, 2, 3});
  Values<float> dst({1});
  for (const int64_t index : {int64_t{3}, int64_t{-4}, std::numeric_limits<int64_t>::min()}) {
    Values<int64_t> indices({1}, {index});
    const Status status = run_plain(gather_elements, GatherElementsDesc{}, {src.view(), indices.view()}, {dst.view()});
    ASSERT_FALSE(status.ok());
    EXPECT_NE(status.error().message.find(std::to_string(index)), std::string::npos) << status.error().message;
  }
}

TEST(GatherElements, RefusesOperandsThatDoNotFit) {
  Values<float> src({2, 3}), dst({3, 3}), scalar(Dims{});
  Values<int64_t> indices({3, 3}), scalar_index(Dims{});
  EXPECT_FALSE(
      check(GatherElementsDesc{.axis = 1}, std::vector{src.view(), indices.view()}, std::vector{dst.view()}).ok());
  EXPECT_FALSE(
      check(GatherElementsDesc{.axis = 2}, std::vector{src.view(), indices.view()}, std::vector{dst.view()}).ok());
  EXPECT_FALSE(
      check(GatherElementsDesc{}, std::vector{scalar.view(), scalar_index.view()}, std::vector{scalar.view()}).ok());
  EXPECT_FALSE(check(GatherElementsDesc{}, std::vector{src.view(), src.view()}, std::vector{src.view()}).ok());
}

TEST(GatherNd, TakesSlices) {
  Values<int32_t> src({2, 2, 2}, {0, 1, 2, 3, 4, 5, 6, 7});
  Values<int64_t> indices({2, 1, 2}, {0, 1, 1, -2});
  Values<int32_t> dst({2, 1, 2});
  expect_runs(gather_nd, GatherNdDesc{}, {src.view(), indices.view()}, {dst.view()});
  EXPECT_EQ(dst.values(), (std::vector<int32_t>{2, 3, 4, 5}));
}

TEST(GatherNd, SharesBatchDimensions) {
  Values<int32_t> src({2, 3}, {0, 1, 2, 3, 4, 5});
  Values<int64_t> indices({2, 2, 1}, {2, 0, 1, 1});
  Values<int32_t> dst({2, 2});
  expect_runs(gather_nd, GatherNdDesc{.batch_dims = 1}, {src.view(), indices.view()}, {dst.view()});
  EXPECT_EQ(dst.values(), (std::vector<int32_t>{2, 0, 4, 4}));
}

TEST(GatherNd, RefusesWhatIsOutOfRange) {
  Values<int32_t> src({2, 2}, {0, 1, 2, 3});
  Values<int64_t> bad({1, 2}, {0, 2}), long_tuple({1, 3}, {0, 0, 0});
  Values<int32_t> dst({1});
  EXPECT_FALSE(run_plain(gather_nd, GatherNdDesc{}, {src.view(), bad.view()}, {dst.view()}).ok());
  EXPECT_FALSE(run_plain(gather_nd, GatherNdDesc{}, {src.view(), long_tuple.view()}, {dst.view()}).ok());
  EXPECT_FALSE(run_plain(gather_nd, GatherNdDesc{.batch_dims = 2}, {src.view(), bad.view()}, {dst.view()}).ok());
}

TEST(ScatterElements, ReplacesAndReduces) {
  Values<float> src({1, 5}, {1, 2, 3, 4, 5});
  Values<int64_t> indices({1, 3}, {1, 1, -1});
  Values<float> updates({1, 3}, {10, 20, 2});
  const std::pair<ScatterReduction, std::vector<float>> cases[] = {
      {ScatterReduction::kNone, {1, 20, 3, 4, 2}},  {ScatterReduction::kAdd, {1, 32, 3, 4, 7}},
      {ScatterReduction::kMul, {1, 400, 3, 4, 10}}, {ScatterReduction::kMax, {1, 20, 3, 4, 5}},
      {ScatterReduction::kMin, {1, 2, 3, 4, 2}},
  };
  for (const auto& [reduction, expected] : cases) {
    Values<float> dst({1, 5});
    expect_runs(scatter_elements, ScatterElementsDesc{.axis = 1, .reduction = reduction},
                {src.view(), indices.view(), updates.view()}, {dst.view()});
    EXPECT_EQ(dst.values(), expected);
  }
}

TEST(ScatterElements, WorksInPlaceAndRefusesIndicesOutOfRange) {
  Values<int8_t> data({3}, {1, 2, 127});
  Values<int32_t> indices({2}, {2, 0}), bad({1}, {3});
  Values<int8_t> updates({2}, {1, 5}), one({1}, {1});
  expect_runs(scatter_elements, ScatterElementsDesc{.reduction = ScatterReduction::kAdd},
              {data.view(), indices.view(), updates.view()}, {data.view()});
  EXPECT_EQ(data.values(), (std::vector<int8_t>{6, 2, -128}));
  EXPECT_FALSE(
      run_plain(scatter_elements, ScatterElementsDesc{}, {data.view(), bad.view(), one.view()}, {data.view()}).ok());
}

TEST(ScatterElements, KeepsNaN) {
  const float nan = std::nanf("");
  Values<float> data({2}, {nan, 1});
  Values<int64_t> indices({2}, {0, 1});
  Values<float> updates({2}, {3, nan});
  for (const auto reduction : {ScatterReduction::kMax, ScatterReduction::kMin}) {
    Values<float> dst({2});
    expect_runs(scatter_elements, ScatterElementsDesc{.reduction = reduction},
                {data.view(), indices.view(), updates.view()}, {dst.view()});
    EXPECT_TRUE(std::isnan(dst.values()[0]) && std::isnan(dst.values()[1]));
  }
}

TEST(ScatterNd, UpdatesSlices) {
  Values<float> src({3, 2}, {1, 2, 3, 4, 5, 6});
  Values<int64_t> indices({2, 1}, {2, -3});
  Values<float> updates({2, 2}, {10, 20, 30, 40});
  Values<float> dst({3, 2});
  expect_runs(scatter_nd, ScatterNdDesc{}, {src.view(), indices.view(), updates.view()}, {dst.view()});
  EXPECT_EQ(dst.values(), (std::vector<float>{30, 40, 3, 4, 10, 20}));
  expect_runs(scatter_nd, ScatterNdDesc{ScatterReduction::kAdd}, {src.view(), indices.view(), updates.view()},
              {dst.view()});
  EXPECT_EQ(dst.values(), (std::vector<float>{31, 42, 3, 4, 15, 26}));
}

TEST(ScatterNd, RefusesWhatDoesNotFit) {
  Values<float> src({3, 2}), updates({2, 2}), dst({3, 2});
  Values<int64_t> bad({2, 1}, {0, 3}), tuple({2, 2}, {0, 0, 1, 1});
  EXPECT_FALSE(run_plain(scatter_nd, ScatterNdDesc{}, {src.view(), bad.view(), updates.view()}, {dst.view()}).ok());
  EXPECT_FALSE(run_plain(scatter_nd, ScatterNdDesc{}, {src.view(), tuple.view(), updates.view()}, {dst.view()}).ok());
}

TEST(OneHot, PutsTheAxisAnywhereAndLeavesOtherIndicesOff) {
  Values<int32_t> indices({3}, {1, -1, 3});
  Values<float> values({2}, {-1, 1});
  Values<float> last({3, 3}), first({3, 3});
  expect_runs(one_hot, OneHotDesc{.axis = 1}, {indices.view(), values.view()}, {last.view()});
  EXPECT_EQ(last.values(), (std::vector<float>{-1, 1, -1, -1, -1, 1, -1, -1, -1}));
  expect_runs(one_hot, OneHotDesc{.axis = 0}, {indices.view(), values.view()}, {first.view()});
  EXPECT_EQ(first.values(), (std::vector<float>{-1, -1, -1, 1, -1, -1, -1, 1, -1}));
}

TEST(OneHot, CutsFractionsOffAndIgnoresNaN) {
  Values<float> indices({5}, {1.9f, -0.5f, std::nanf(""), 1e30f, -2.5f});
  Values<uint8_t> values({2}, {0, 7});
  Values<uint8_t> dst({5, 2});
  expect_runs(one_hot, OneHotDesc{.axis = 1}, {indices.view(), values.view()}, {dst.view()});
  EXPECT_EQ(dst.values(), (std::vector<uint8_t>{0, 7, 7, 0, 0, 0, 0, 0, 7, 0}));
}

TEST(ReverseSequence, ReversesEachEntryUpToItsLength) {
  Values<float> src({3, 2}, {0, 1, 2, 3, 4, 5});  // [time, batch]
  Values<int64_t> lengths({2}, {3, 2});
  Values<float> dst({3, 2});
  expect_runs(reverse_sequence, ReverseSequenceDesc{.time_axis = 0}, {src.view(), lengths.view()}, {dst.view()});
  EXPECT_EQ(dst.values(), (std::vector<float>{4, 3, 2, 1, 0, 5}));
  Values<int64_t> two({3}, {1, 2, 0});
  expect_runs(reverse_sequence, ReverseSequenceDesc{.time_axis = 1}, {src.view(), two.view()}, {dst.view()});
  EXPECT_EQ(dst.values(), (std::vector<float>{0, 1, 3, 2, 4, 5}));
  Values<int64_t> bad({2}, {4, 0});
  EXPECT_FALSE(run_plain(reverse_sequence, ReverseSequenceDesc{}, {src.view(), bad.view()}, {dst.view()}).ok());
}

}  // namespace
}  // namespace tegula::kernels
