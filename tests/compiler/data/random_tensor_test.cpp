#include "compiler/data/random_tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tegula::data {
namespace {

using ::testing::HasSubstr;

// Expected values were computed from the documented formula by another program, in Python.
TEST(RandomTensor, FollowsTheDocumentedFormula) {
  const auto floats = random_tensor("input", DType::kF32, {2, 2});
  ASSERT_TRUE(floats.ok());
  EXPECT_EQ(floats->elements<float>()[0], 0x1.37f58p-5f);
  EXPECT_EQ(floats->elements<float>()[1], 0x1.6cdde8p-1f);
  EXPECT_EQ(floats->elements<float>()[2], 0x1.24fb8p-5f);
  EXPECT_EQ(floats->elements<float>()[3], -0x1.2b75a4p-1f);
  const auto ids = random_tensor("input_ids", DType::kS64, {5}, RandomRange{0, 30522});
  ASSERT_TRUE(ids.ok());
  const int64_t expected[] = {21381, 20503, 8497, 11069, 21155};
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(ids->elements<int64_t>()[i], expected[i]);
  const auto seeded = random_tensor("in", DType::kF32, {2}, RandomRange{0, 100}, 7);
  ASSERT_TRUE(seeded.ok());
  EXPECT_EQ(seeded->elements<float>()[0], 0x1.5dae24p+6f);
  EXPECT_EQ(seeded->elements<float>()[1], 0x1.05f8fep+3f);
}

TEST(RandomTensor, StaysInsideTheRangeOfEveryType) {
  for (int i = static_cast<int>(DType::kF32); i <= static_cast<int>(DType::kBool); ++i)
    EXPECT_TRUE(random_tensor("x", static_cast<DType>(i), {3, 0, 2}).ok());
  const auto bools = random_tensor("x", DType::kBool, {100});
  int ones = 0;
  for (const uint8_t value : bools->elements<uint8_t>()) {
    ASSERT_LE(value, 1);
    ones += value;
  }
  EXPECT_GT(ones, 20);
  EXPECT_LT(ones, 80);
  const auto bytes = random_tensor("x", DType::kS8, {100}, RandomRange{-128, -120});
  for (const int8_t value : bytes->elements<int8_t>()) EXPECT_TRUE(value >= -128 && value < -120);
}

TEST(RandomTensor, RefusesRangesThatDoNotFit) {
  EXPECT_THAT(random_tensor("x", DType::kU8, {1}, RandomRange{0, 257}).error().message,
              HasSubstr("does not fit its type u8"));
  EXPECT_FALSE(random_tensor("x", DType::kU8, {1}, RandomRange{-1, 2}).ok());
  EXPECT_FALSE(random_tensor("x", DType::kS32, {1}, RandomRange{0, 0.5}).ok());
  EXPECT_FALSE(random_tensor("x", DType::kF32, {1}, RandomRange{2, 2}).ok());
  EXPECT_FALSE(random_tensor("x", DType::kF32, {1}, RandomRange{0, std::numeric_limits<double>::infinity()}).ok());
  EXPECT_FALSE(random_tensor("x", DType::kS64, {1}, RandomRange{-9.3e18, 9.3e18}).ok());
  EXPECT_FALSE(random_tensor("x", DType::kF32, {int64_t{1} << 40, int64_t{1} << 40}).ok());
}

}  // namespace
}  // namespace tegula::data
