#include "compiler/data/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "compiler/data/files.h"
#include "compiler/data/npy_header.h"
#include "tests/support/temporary_folder.h"

namespace tegula::data {
namespace {

using test::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::filesystem::path kFixtures = TEGULA_FIXTURES;

template <typename T>
std::vector<T> values(const Tensor& tensor) {
  const auto elements = tensor.elements<T>();
  return {elements.begin(), elements.end()};
}

Result<Tensor> parse(std::string_view bytes) {
  std::size_t at = 0;
  const auto read = [&](std::span<std::byte> to) -> Result<std::size_t> {
    const std::size_t count = std::min(to.size(), bytes.size() - at);
    std::memcpy(to.data(), bytes.data() + at, count);
    at += count;
    return count;
  };
  return read_npy(read, bytes.size(), "array 'x'");
}

std::string npy(std::string_view dictionary, std::string_view payload) {
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += {static_cast<char>(dictionary.size() & 0xff), static_cast<char>(dictionary.size() >> 8)};
  return bytes.append(dictionary).append(payload);
}

TEST(Npy, WritesWhatNumPyWouldWrite) {
  // numpy.save of array([[1, 2, 3]], float32), but for the version and padding that NumPy documents.
  const int64_t dims[] = {1, 3};
  const std::string header = npy_header(DType::kF32, dims);
  EXPECT_EQ(header.size() % 64, 0u);
  EXPECT_EQ(header.substr(10, 59), "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }");
  EXPECT_EQ(header.back(), '\n');
  const int64_t one[] = {7};
  EXPECT_THAT(npy_header(DType::kBool, one), HasSubstr("{'descr': '|b1', 'fortran_order': False, 'shape': (7,), }"));
  EXPECT_THAT(npy_header(DType::kU8, {}), HasSubstr("'shape': (), }"));
}

TEST(Npy, RoundTripsEveryType) {
  const TemporaryFolder folder;
  for (int i = static_cast<int>(DType::kF32); i <= static_cast<int>(DType::kBool); ++i) {
    const auto dtype = static_cast<DType>(i);
    if (dtype == DType::kBF16) continue;
    Tensor tensor = *make_tensor(dtype, {2, 3});
    for (std::size_t b = 0; b < tensor.bytes.size(); ++b)
      tensor.bytes[b] = std::byte(dtype == DType::kBool ? b % 2 : b);
    ASSERT_TRUE(write_npy(folder / "x.npy", tensor).ok());
    const auto back = read_npy(folder / "x.npy");
    ASSERT_TRUE(back.ok()) << back.error().message;
    EXPECT_EQ(back->dtype, dtype);
    EXPECT_EQ(back->dims, tensor.dims);
    EXPECT_EQ(back->bytes, tensor.bytes) << name_of(dtype);
  }
}

TEST(Npy, WritesBf16AsTheFloatsThatItIs) {
  const TemporaryFolder folder;
  Tensor tensor = *make_tensor(DType::kBF16, {2});
  tensor.elements<uint16_t>()[0] = 0x3f80;
  tensor.elements<uint16_t>()[1] = 0xc000;
  ASSERT_TRUE(write_npy(folder / "x.npy", tensor).ok());
  const auto back = read_npy(folder / "x.npy");
  ASSERT_TRUE(back.ok());
  EXPECT_THAT(values<float>(*back), ElementsAre(1.0f, -2.0f));
}

TEST(Npy, ReadsVersions2And3) {
  for (const char* name : {"numpy_version_2.npy", "numpy_version_3.npy"}) {
    const auto tensor = read_npy(kFixtures / name);
    ASSERT_TRUE(tensor.ok()) << tensor.error().message;
    EXPECT_EQ(tensor->dims, (Dims{2, 2}));
    EXPECT_THAT(values<int16_t>(*tensor), ElementsAre(1, 2, 3, 4));
  }
}

TEST(Npy, ReadsWhatOtherWritersProduce) {
  // Keys in another order, double quotes, Python 2's long integers, no trailing comma.
  const auto tensor =
      parse(npy(R"({"shape": (2L, 1), "fortran_order": True, "descr": "<i2"})", std::string_view("\1\0\2\0", 4)));
  ASSERT_TRUE(tensor.ok()) << tensor.error().message;
  EXPECT_THAT(values<int16_t>(*tensor), ElementsAre(1, 2));
  const auto bfloat =
      parse(npy("{'descr': '<V2', 'fortran_order': False, 'shape': (1,)}", std::string_view("\x80\x3f", 2)));
  ASSERT_TRUE(bfloat.ok());
  EXPECT_EQ(bfloat->dtype, DType::kBF16);
}

TEST(Npy, TakesFortranOrderAndBigEndianApart) {
  const auto tensor = parse(npy("{'descr': '>u2', 'fortran_order': True, 'shape': (2, 3), }",
                                std::string_view("\0\1\0\2\0\3\0\4\0\5\0\6", 12)));
  ASSERT_TRUE(tensor.ok()) << tensor.error().message;
  EXPECT_THAT(values<uint16_t>(*tensor), ElementsAre(1, 3, 5, 2, 4, 6));
}

TEST(Npy, BoolsAreZeroOrOne) {
  const auto tensor =
      parse(npy("{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }", std::string_view("\0\1\x7f", 3)));
  ASSERT_TRUE(tensor.ok());
  EXPECT_THAT(values<uint8_t>(*tensor), ElementsAre(0, 1, 1));
}

TEST(Npy, RefusesWhatIsNoNumber) {
  for (const char* name : {"numpy_object.npy", "numpy_text.npy"}) {
    const auto tensor = read_npy(kFixtures / name);
    ASSERT_FALSE(tensor.ok());
    EXPECT_EQ(tensor.error().code, ErrorCode::kUnsupported);
    EXPECT_THAT(tensor.error().message, HasSubstr("save numbers or bool"));
  }
  EXPECT_FALSE(parse(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "1234")).ok());
}

TEST(Npy, RefusesDamagedFiles) {
  const std::string good = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "12345678");
  ASSERT_TRUE(parse(good).ok());
  for (std::size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(parse(good.substr(0, size)).ok()) << size;
  EXPECT_FALSE(parse(good + "9").ok());
  const char* bad[] = {
      "",
      "{",
      "{'descr': '<f4', 'fortran_order': False}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': 2}",
      "{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}",
      "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1}",
      "{'descr': '<f3', 'fortran_order': False, 'shape': (2,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,2)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387906,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}",
  };
  for (const char* dictionary : bad) {
    const auto tensor = parse(npy(dictionary, "12345678"));
    ASSERT_FALSE(tensor.ok()) << dictionary;
    EXPECT_THAT(tensor.error().message, HasSubstr("array 'x': "));
    EXPECT_EQ(tensor.error().message.find('\n'), std::string::npos);
  }
}

TEST(Files, KeepsTheOldFileWhenWritingFails) {
  const TemporaryFolder folder;
  const auto file = folder.write("x.txt", "old");
  const Status failed = replace_file(file, [&](const std::filesystem::path& temporary) -> Status {
    EXPECT_TRUE(write_text(temporary, "half").ok());
    return Error{ErrorCode::kInternal, "broke"};
  });
  EXPECT_FALSE(failed.ok());
  EXPECT_EQ(*read_file(file), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
  ASSERT_TRUE(write_text(file, "new").ok());
  EXPECT_EQ(*read_file(file), "new");
}

TEST(Files, SaysWhichFileItCannotReadOrWrite) {
  EXPECT_THAT(read_file("/no/such/file").error().message, HasSubstr("cannot open '/no/such/file': No such file"));
  EXPECT_THAT(read_file("/tmp").error().message, HasSubstr("is not a file"));
  EXPECT_THAT(write_text("/no/such/folder/x", "").error().message, HasSubstr("cannot write '/no/such/folder/x'"));
}

}  // namespace
}  // namespace tegula::data
