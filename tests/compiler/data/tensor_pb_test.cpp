#include "compiler/data/tensor_pb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/support/temporary_folder.h"
#include "tests/support/test_data.h"

namespace tegula::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}
std::string number(uint32_t field, uint64_t value) {
  return varint(field << 3) + varint(value);
}
std::string bytes(uint32_t field, std::string_view value) {
  return varint(field << 3 | 2) + varint(value.size()) + std::string(value);
}

std::string dims(std::initializer_list<uint64_t> sizes) {
  std::string text;
  for (const uint64_t size : sizes) text += number(1, size);
  return text;
}

template <typename T>
std::vector<T> values(const Result<NamedTensor>& tensor) {
  EXPECT_TRUE(tensor.ok()) << tensor.error().message;
  const auto elements = tensor->tensor.elements<T>();
  return {elements.begin(), elements.end()};
}

TEST(TensorPb, ReadsRawBytes) {
  const auto tensor = parse_tensor_pb(
      dims({1, 2}) + number(2, 1) + bytes(8, "x") + bytes(9, std::string_view("\0\0\x80\x3f\0\0\0\xc0", 8)), "t");
  EXPECT_THAT(values<float>(tensor), ElementsAre(1.0f, -2.0f));
  EXPECT_EQ(tensor->name, "x");
  EXPECT_EQ(tensor->tensor.dims, (Dims{1, 2}));
}

TEST(TensorPb, ReadsTypedLists) {
  EXPECT_THAT(
      values<float>(parse_tensor_pb(dims({1}) + number(2, 1) + bytes(4, std::string_view("\0\0\x80\x3f", 4)), "t")),
      ElementsAre(1.0f));
  // int32_data: packed, of s8 with a negative element (ten bytes on the wire).
  EXPECT_THAT(
      values<int8_t>(parse_tensor_pb(dims({2}) + number(2, 3) + bytes(5, varint(5) + varint(uint64_t(-3))), "t")),
      ElementsAre(5, -3));
  // int64_data, not packed.
  EXPECT_THAT(values<int64_t>(parse_tensor_pb(dims({2}) + number(2, 7) + number(7, 9) + number(7, uint64_t(-1)), "t")),
              ElementsAre(9, -1));
  EXPECT_THAT(values<uint16_t>(parse_tensor_pb(dims({1}) + number(2, 10) + bytes(5, varint(0x3c00)), "t")),
              ElementsAre(0x3c00));
  EXPECT_THAT(values<uint8_t>(parse_tensor_pb(dims({2}) + number(2, 9) + bytes(5, varint(0) + varint(7)), "t")),
              ElementsAre(0, 1));
  EXPECT_THAT(values<uint32_t>(parse_tensor_pb(number(2, 12) + bytes(11, varint(4000000000)), "t")),
              ElementsAre(4000000000u));
  EXPECT_THAT(values<double>(parse_tensor_pb(
                  dims({1}) + number(2, 11) + bytes(10, std::string_view("\0\0\0\0\0\0\xf0\x3f", 8)), "t")),
              ElementsAre(1.0));
}

TEST(TensorPb, NamesWhatItCannotRead) {
  const auto text = parse_tensor_pb(dims({1}) + number(2, 8) + bytes(6, "hello"), "'in.pb'");
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(text.error().message, "'in.pb': elements of type STRING are not read");
  EXPECT_THAT(parse_tensor_pb(dims({1}) + number(2, 17) + bytes(9, "x"), "t").error().message, HasSubstr("FLOAT8"));
  EXPECT_THAT(parse_tensor_pb(dims({1}) + number(2, 1) + number(14, 1) + bytes(13, ""), "t").error().message,
              HasSubstr("lies in another file"));
}

TEST(TensorPb, RefusesGarbage) {
  EXPECT_FALSE(parse_tensor_pb("", "t").ok());
  EXPECT_FALSE(parse_tensor_pb("this is not a tensor", "t").ok());
  EXPECT_FALSE(parse_tensor_pb(dims({3}) + number(2, 1) + bytes(9, "12345678"), "t").ok());   // too few
  EXPECT_FALSE(parse_tensor_pb(dims({2}) + number(2, 1) + bytes(9, "123456789"), "t").ok());  // not whole elements
  EXPECT_FALSE(parse_tensor_pb(dims({uint64_t(-2)}) + number(2, 1) + bytes(9, ""), "t").ok());
  EXPECT_FALSE(parse_tensor_pb(dims({1ull << 40, 1ull << 40}) + number(2, 1) + bytes(9, ""), "t").ok());
  EXPECT_FALSE(parse_tensor_pb(dims({1}) + number(2, 1) + bytes(5, varint(1)), "t").ok());  // floats stored as ints
  EXPECT_FALSE(parse_tensor_pb(dims({1, 1, 1, 1, 1, 1, 1, 1, 1}) + number(2, 2) + bytes(9, "x"), "t").ok());
  const std::string good = dims({2}) + number(2, 1) + bytes(8, "name") + bytes(9, "12345678");
  ASSERT_TRUE(parse_tensor_pb(good, "t").ok());
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(parse_tensor_pb(good.substr(0, size), "t").ok()) << size;
  std::mt19937 random(1);
  for (int i = 0; i < 3000; ++i) {
    std::string damaged = good;
    for (int k = 0; k < 2; ++k) damaged[random() % damaged.size()] = static_cast<char>(random());
    static_cast<void>(parse_tensor_pb(damaged, "t").ok());
  }
}

TEST(TensorPb, ReadsTheDataOfOnnxsOwnTests) {
  const auto folder = test::test_data("onnx_node/test_abs/test_data_set_0");
  if (!folder) GTEST_SKIP() << "no test data";
  const auto input = read_tensor_pb(*folder / "input_0.pb"), output = read_tensor_pb(*folder / "output_0.pb");
  ASSERT_TRUE(input.ok()) << input.error().message;
  ASSERT_TRUE(output.ok()) << output.error().message;
  ASSERT_EQ(input->tensor.dims, (Dims{3, 4, 5}));
  for (std::size_t i = 0; i < 60; ++i)
    EXPECT_EQ(std::abs(input->tensor.elements<float>()[i]), output->tensor.elements<float>()[i]);
}

}  // namespace
}  // namespace tegula::data
