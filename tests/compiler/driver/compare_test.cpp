#include "compiler/driver/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace tegula::driver {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename T>
data::Tensor tensor(Dims dims, std::vector<T> values) {
  data::Tensor result = *data::make_tensor(dtype_of<T>::value, std::move(dims));
  std::copy(values.begin(), values.end(), result.elements<T>().begin());
  return result;
}

TEST(Compare, MeasuresAgainstTheLargestElement) {
  const Difference difference =
      compare(tensor<float>({3}, {10.0f, 0.5f, -20.25f}), tensor<float>({3}, {10.0f, 0.0f, -20.0f}));
  EXPECT_DOUBLE_EQ(difference.largest, 0.5);
  EXPECT_DOUBLE_EQ(difference.scale, 20);
  EXPECT_EQ(difference.at, 1);
  EXPECT_EQ(difference.differing, 2);
  EXPECT_TRUE(difference.within(0.025));
  EXPECT_FALSE(difference.within(0.024));
  EXPECT_THAT(difference.to_string(), HasSubstr("largest difference 0.5 of 20 (0.025) at element 1"));
}

TEST(Compare, NanAndInfinityMustBeWhereTheyBelong) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(compare(tensor<float>({2}, {kNan, kInfinity}), tensor<float>({2}, {kNan, kInfinity})).to_string(),
            "identical");
  for (const auto& [got, want] :
       {std::pair{kNan, 1.0f}, {1.0f, kNan}, {kInfinity, 1.0f}, {kInfinity, -kInfinity}, {1.0f, kInfinity}})
    EXPECT_FALSE(compare(tensor<float>({1}, {got}), tensor<float>({1}, {want})).within(1e30)) << got << " " << want;
  EXPECT_FALSE(compare(tensor<float>({1}, {1e-30f}), tensor<float>({1}, {0.0f})).within(1)) << "zeros have no scale";
}

TEST(Compare, IntegersMustBeEqual) {
  EXPECT_TRUE(compare(tensor<int64_t>({2}, {1, -2}), tensor<int64_t>({2}, {1, -2})).within(0));
  const Difference difference = compare(tensor<int64_t>({2}, {1, -2}), tensor<int64_t>({2}, {1, -3}));
  EXPECT_FALSE(difference.within(1));
  EXPECT_THAT(difference.to_string(), HasSubstr("1 of 2 elements differ, the most by 1 at element 1"));
  // Equal as doubles, but not equal.
  EXPECT_FALSE(compare(tensor<int64_t>({1}, {INT64_MAX}), tensor<int64_t>({1}, {INT64_MAX - 1})).within(1));
  EXPECT_TRUE(compare(tensor<uint8_t>({1}, {200}), tensor<uint8_t>({1}, {200})).within(0));
}

TEST(Compare, SaysWhenTensorsDoNotFit) {
  EXPECT_THAT(compare(tensor<float>({2}, {1, 2}), tensor<float>({1, 2}, {1, 2})).to_string(),
              HasSubstr("it is f32[2] instead of f32[1,2]"));
  EXPECT_FALSE(compare(tensor<float>({1}, {1}), tensor<int32_t>({1}, {1})).within(1));
  EXPECT_TRUE(compare(tensor<float>({1}, {1}), tensor<double>({1}, {1})).within(0)) << "floats of any width compare";
  EXPECT_TRUE(compare(tensor<float>({0}, {}), tensor<float>({0}, {})).within(0));
}

TEST(Compare, FindsTheLargestOfEachRow) {
  EXPECT_THAT(argmax_rows(tensor<float>({2, 3}, {1, 3, 3, -1, -2, -3})), ElementsAre(1, 0));
  EXPECT_THAT(argmax_rows(tensor<float>({}, {5})), ElementsAre(0));
}

}  // namespace
}  // namespace tegula::driver
