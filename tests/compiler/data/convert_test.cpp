#include "compiler/data/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "compiler/data/half.h"

namespace tegula::data {
namespace {

using ::testing::HasSubstr;

template <typename T>
Tensor tensor_of(std::vector<T> values) {
  Tensor tensor = *make_tensor(dtype_of<T>::value, {static_cast<int64_t>(values.size())});
  std::copy(values.begin(), values.end(), tensor.elements<T>().begin());
  return tensor;
}

TEST(Half, EveryF16SurvivesTheWayToFloatAndBack) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = f16_to_f32(static_cast<uint16_t>(bits));
    if (std::isnan(value))
      EXPECT_TRUE(std::isnan(f16_to_f32(f32_to_f16(value))));
    else
      ASSERT_EQ(f32_to_f16(value), bits);
  }
}

TEST(Half, RoundsToNearestTiesToEven) {
  EXPECT_EQ(f32_to_f16(1.0f + 0x1p-11f), 0x3c00);  // half way: to even
  EXPECT_EQ(f32_to_f16(1.0f + 0x1p-11f + 0x1p-20f), 0x3c01);
  EXPECT_EQ(f32_to_f16(1.0f + 3 * 0x1p-11f), 0x3c02);
  EXPECT_EQ(f32_to_f16(65519.0f), 0x7bff);
  EXPECT_EQ(f32_to_f16(65520.0f), 0x7c00);
  EXPECT_EQ(f32_to_f16(-0x1p-24f), 0x8001);
  EXPECT_EQ(f32_to_f16(0x1p-25f), 0x0000);
  EXPECT_EQ(f32_to_f16(0x1.ffcp-15f), 0x0400);  // rounds up into the normal numbers
  EXPECT_EQ(f32_to_bf16(1.0f + 0x1p-8f), 0x3f80);
  EXPECT_EQ(f32_to_bf16(1.0f + 3 * 0x1p-8f), 0x3f82);
  EXPECT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(std::bit_cast<float>(0x7f800001)))));
}

TEST(Convert, KeepsWhatFits) {
  const auto wide = convert_exactly(tensor_of<int8_t>({-128, 127}), DType::kF32, "x");
  ASSERT_TRUE(wide.ok());
  EXPECT_EQ(wide->elements<float>()[0], -128.0f);
  const auto narrow = convert_exactly(tensor_of<int64_t>({-1, 2147483647}), DType::kS32, "x");
  ASSERT_TRUE(narrow.ok());
  EXPECT_EQ(narrow->elements<int32_t>()[1], 2147483647);
  const auto half = convert_exactly(tensor_of<float>({1.5f, -INFINITY, NAN}), DType::kF16, "x");
  ASSERT_TRUE(half.ok());
  EXPECT_EQ(half->elements<uint16_t>()[0], 0x3e00);
  EXPECT_EQ(half->elements<uint16_t>()[1], 0xfc00);
  EXPECT_TRUE(std::isnan(f16_to_f32(half->elements<uint16_t>()[2])));
  const auto back = convert_exactly(*half, DType::kF64, "x");
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->elements<double>()[0], 1.5);
  const auto bools = convert_exactly(tensor_of<int64_t>({0, 1}), DType::kBool, "x");
  ASSERT_TRUE(bools.ok());
  EXPECT_EQ(bools->elements<uint8_t>()[1], 1);
}

TEST(Convert, NamesTheFirstElementThatWouldChange) {
  const auto overflow = convert_exactly(tensor_of<int64_t>({1, 1ll << 31}), DType::kS32, "input 'ids'");
  ASSERT_FALSE(overflow.ok());
  EXPECT_THAT(overflow.error().message,
              HasSubstr("input 'ids': element 1 is 2147483648, which s32 cannot hold exactly"));
  EXPECT_FALSE(convert_exactly(tensor_of<double>({0.1}), DType::kF32, "x").ok());
  EXPECT_FALSE(convert_exactly(tensor_of<int64_t>({(1 << 24) + 1}), DType::kF32, "x").ok());
  EXPECT_FALSE(convert_exactly(tensor_of<uint64_t>({UINT64_MAX}), DType::kF64, "x").ok());
  EXPECT_FALSE(convert_exactly(tensor_of<int32_t>({-1}), DType::kU64, "x").ok());
  EXPECT_FALSE(convert_exactly(tensor_of<int32_t>({2}), DType::kBool, "x").ok());
  EXPECT_FALSE(convert_exactly(tensor_of<int32_t>({70000}), DType::kF16, "x").ok());
  EXPECT_FALSE(convert_exactly(tensor_of<float>({1.0f + 0x1p-20f}), DType::kBF16, "x").ok());
}

TEST(Convert, NeverMakesIntegersOfFloats) {
  EXPECT_THAT(convert_exactly(tensor_of<float>({1.0f}), DType::kS64, "x").error().message,
              HasSubstr("f32 elements do not become s64"));
}

}  // namespace
}  // namespace tegula::data
