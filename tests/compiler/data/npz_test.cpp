#include "compiler/data/npz.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zip.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>

#include "compiler/data/files.h"
#include "tests/support/temporary_folder.h"

namespace tegula::data {
namespace {

using test::TemporaryFolder;
using ::testing::HasSubstr;

const std::filesystem::path kFixtures = TEGULA_FIXTURES;

Tensor floats(Dims dims) {
  Tensor tensor = *make_tensor(DType::kF32, std::move(dims));
  float value = 0;
  for (float& element : tensor.elements<float>()) element = value += 0.5f;
  return tensor;
}

/// A zip archive with one member of these bytes.
std::filesystem::path archive_of(const TemporaryFolder& folder, const char* member, const std::string& bytes,
                                 bool deflate = false) {
  const auto path = folder / "made.npz";
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  zip_source_t* source = zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
  const auto index = zip_file_add(archive, member, source, 0);
  zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), deflate ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
  EXPECT_EQ(zip_close(archive), 0);
  return path;
}

TEST(Npz, ReadsWhatNumPyWrites) {
  for (const char* file : {"numpy_stored.npz", "numpy_deflated.npz"}) {
    const auto arrays = read_npz(kFixtures / file);
    ASSERT_TRUE(arrays.ok()) << arrays.error().message;
    ASSERT_EQ(arrays->size(), 17u);
    const Tensor* f4 = find_tensor(*arrays, "f4");
    ASSERT_NE(f4, nullptr);
    EXPECT_EQ(f4->dims, (Dims{2, 3}));
    EXPECT_EQ(f4->elements<float>()[5], 5.0f);
    EXPECT_EQ(find_tensor(*arrays, "f2")->elements<uint16_t>()[5], 0x4500);
    EXPECT_EQ(find_tensor(*arrays, "u8")->elements<uint64_t>()[5], 5u);
    EXPECT_EQ(find_tensor(*arrays, "i1")->dtype, DType::kS8);
    EXPECT_EQ(find_tensor(*arrays, "b1")->elements<uint8_t>()[1], 0);
    EXPECT_EQ(find_tensor(*arrays, "scalar")->dims, Dims{});
    EXPECT_EQ(find_tensor(*arrays, "empty")->dims, (Dims{0, 3}));
    EXPECT_EQ(find_tensor(*arrays, "big")->elements<int32_t>()[4], 4);
    EXPECT_EQ(find_tensor(*arrays, "layer/weight:0")->elements<float>()[0], 1.5f);
    const auto fortran = find_tensor(*arrays, "fortran")->elements<float>();
    for (std::size_t i = 0; i < 24; ++i) EXPECT_EQ(fortran[i], static_cast<float>(i));
  }
}

TEST(Npz, RoundTripsStoredAndDeflated) {
  const TemporaryFolder folder;
  const Tensor x = floats({4, 5}), empty = floats({0, 2});
  for (const bool deflate : {false, true}) {
    ASSERT_TRUE(write_npz(folder / "x.npz", {{"x", x}, {"a/b", empty}}, deflate).ok());
    const auto arrays = read_npz(folder / "x.npz");
    ASSERT_TRUE(arrays.ok()) << arrays.error().message;
    ASSERT_EQ(arrays->size(), 2u);
    EXPECT_EQ((*arrays)[0].tensor.bytes, x.bytes);
    EXPECT_EQ((*arrays)[1].name, "a/b");
    EXPECT_EQ((*arrays)[1].tensor.dims, empty.dims);
  }
}

TEST(Npz, TheSameArraysGiveTheSameBytesInEveryTimeZone) {
  const TemporaryFolder folder;
  const Tensor x = floats({3});
  ::setenv("TZ", "UTC", 1);
  ASSERT_TRUE(write_npz(folder / "a.npz", {{"x", x}}).ok());
  ::setenv("TZ", "America/New_York", 1);
  ASSERT_TRUE(write_npz(folder / "b.npz", {{"x", x}}).ok());
  ::unsetenv("TZ");
  EXPECT_EQ(*read_file(folder / "a.npz"), *read_file(folder / "b.npz"));
}

TEST(Npz, LeavesNothingBehindWhenItCannotWrite) {
  const TemporaryFolder folder;
  const Tensor x = floats({3});
  const Status twice = write_npz(folder / "x.npz", {{"x", x}, {"x", x}});
  ASSERT_FALSE(twice.ok());
  EXPECT_THAT(twice.error().message, HasSubstr("cannot write"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  EXPECT_FALSE(write_npz(folder / "x.npz", {}).ok());
  EXPECT_FALSE(write_npz("/no/such/folder/x.npz", {{"x", x}}).ok());
}

TEST(Npz, RefusesOtherMembers) {
  const TemporaryFolder folder;
  const auto array = read_npz(archive_of(folder, "readme.txt", "hello"));
  ASSERT_FALSE(array.ok());
  EXPECT_THAT(array.error().message, HasSubstr("member 'readme.txt': not an array"));
  EXPECT_FALSE(read_npz(archive_of(folder, "x.npy", "hello")).ok());
  EXPECT_THAT(read_npz(folder.write("no.npz", "this is no archive")).error().message, HasSubstr("not a .npz archive"));
  EXPECT_FALSE(read_npz(folder.write("empty.npz", "")).ok());
  EXPECT_FALSE(read_npz(folder / "absent.npz").ok());
}

TEST(Npz, RefusesAMemberThatPromisesMoreThanItsBytesCanHold) {
  const TemporaryFolder folder;
  const int64_t dims[] = {1'000'000'000};
  const auto path = archive_of(folder, "x.npy", npy_header(DType::kU8, dims) + std::string(100, 'x'), true);
  std::string bytes = *read_file(path);
  const std::string promise("\x00\xca\x9a\x3b", 4);  // a billion
  const auto patch = [&](std::string_view signature, std::size_t offset) {
    const std::size_t at = bytes.find(signature);
    ASSERT_NE(at, std::string::npos);
    bytes.replace(at + offset, 4, promise);
  };
  patch("PK\x03\x04", 22);
  patch("PK\x01\x02", 24);
  const auto array = read_npz(folder.write("bomb.npz", bytes));
  ASSERT_FALSE(array.ok());
  EXPECT_THAT(array.error().message, HasSubstr("cannot hold the 1000000000 that the archive promises"));
}

TEST(Npz, SurvivesDamage) {
  const TemporaryFolder folder;
  std::mt19937 random(1);
  for (const char* file : {"numpy_stored.npz", "numpy_deflated.npz"}) {
    const std::string good = *read_file(kFixtures / file);
    for (int i = 0; i < 60; ++i) {
      std::string bytes = good;
      if (i % 3 == 0) bytes.resize(random() % bytes.size());
      for (int k = 0; k < 3 && !bytes.empty(); ++k) bytes[random() % bytes.size()] = static_cast<char>(random());
      const auto arrays = read_npz(folder.write("damaged.npz", bytes));
      if (!arrays.ok()) {
        EXPECT_EQ(arrays.error().message.find('\n'), std::string::npos);
      }
    }
  }
}

TEST(Npz, NoticesAFlippedElement) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_npz(folder / "x.npz", {{"x", floats({64})}}).ok());
  std::string bytes = *read_file(folder / "x.npz");
  bytes[bytes.find("NUMPY") + 200] ^= 1;
  const auto arrays = read_npz(folder.write("flipped.npz", bytes));
  ASSERT_FALSE(arrays.ok());
  EXPECT_THAT(arrays.error().message, HasSubstr("the archive is damaged"));
}

}  // namespace
}  // namespace tegula::data
