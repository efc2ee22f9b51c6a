#include "compiler/writer/program_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "compiler/data/files.h"
#include "schema/file_layout.h"
#include "tests/support/temporary_folder.h"

namespace tegula::compiler {
namespace {

using ::testing::HasSubstr;

std::vector<std::byte> noise(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::byte> bytes(count);
  for (std::byte& b : bytes) b = std::byte(random());
  return bytes;
}

schema::ProgramT some_tables() {
  schema::ProgramT tables;
  tables.numerics_version = kNumericsVersion;
  auto value = std::make_unique<schema::ValueT>();
  value->name = "weights";
  tables.values.push_back(std::move(value));
  return tables;
}

FileHeader header_of(std::span<const std::byte> file) {
  FileHeader header;
  std::memcpy(&header, file.data(), sizeof header);
  return header;
}

TEST(ProgramFile, LaysSegmentsOutAtTheirAlignment) {
  const auto small = noise(100, 1), tail = noise(7, 2), large = noise(kLargeSegmentBytes, 3);
  const SegmentSource segments[] = {{{{0, small}, {192, tail}}}, {{{0, large}}}, {{{0, tail}}}};
  schema::ProgramT tables = some_tables();
  const auto file = assemble_program_file(tables, segments, false);
  ASSERT_TRUE(file.ok()) << file.error().message;
  ASSERT_EQ(tables.segments.size(), 3u);
  const auto& s = tables.segments;
  EXPECT_EQ(s[0]->offset % kSegmentAlignment, 0u);
  EXPECT_EQ(s[1]->offset % kLargeSegmentAlignment, 0u);
  EXPECT_EQ(s[2]->offset % kSegmentAlignment, 0u);
  EXPECT_EQ(s[0]->bytes, 199u);
  EXPECT_EQ(s[2]->offset + 7, file->size());
  EXPECT_EQ(std::memcmp(file->data() + s[0]->offset, small.data(), small.size()), 0);
  EXPECT_EQ((*file)[s[0]->offset + 150], std::byte{0});
  EXPECT_EQ(std::memcmp(file->data() + s[0]->offset + 192, tail.data(), tail.size()), 0);
  EXPECT_EQ(s[0]->xxh3, checksum(file->data() + s[0]->offset, 199));
  EXPECT_EQ(std::memcmp(file->data() + s[1]->offset, large.data(), large.size()), 0);

  const FileHeader header = header_of(*file);
  EXPECT_EQ(header.magic, kMagic);
  EXPECT_EQ(header.file_bytes, file->size());
  EXPECT_EQ(header.tables_xxh3, checksum(file->data() + kTablesOffset, header.tables_bytes));
  // What the file says of its segments is what the caller's tables say.
  const auto* stored = schema::GetProgram(file->data() + kTablesOffset);
  for (flatbuffers::uoffset_t i = 0; i < 3; ++i) EXPECT_EQ(stored->segments()->Get(i)->offset(), s[i]->offset);
}

TEST(ProgramFile, SurvivesTheWayToTheDiskAndBack) {
  const test::TemporaryFolder folder;
  const std::vector<std::byte> zeros(100000);
  const auto random = noise(5000, 1);
  const SegmentSource segments[] = {{{{0, zeros}}}, {{{0, random}}}};
  for (const bool compress : {false, true}) {
    schema::ProgramT tables = some_tables();
    ASSERT_TRUE(write_program_file(tables, segments, compress, folder / "x.tgl").ok());
    EXPECT_EQ(tables.segments[0]->compressed, compress);
    EXPECT_FALSE(tables.segments[1]->compressed) << "noise does not shrink";
    const auto file = read_program_file(folder / "x.tgl");
    ASSERT_TRUE(file.ok()) << file.error().message;
    EXPECT_EQ(file->tables.values[0]->name, "weights");
    ASSERT_EQ(file->segments.size(), 2u);
    EXPECT_EQ(file->segments[0], zeros);
    EXPECT_EQ(file->segments[1], random);
    EXPECT_EQ(file->file_bytes, std::filesystem::file_size(folder / "x.tgl"));
    EXPECT_TRUE(read_program_tables(folder / "x.tgl")->segments.empty());
  }
}

TEST(ProgramFile, PackingAndUnpackingGivesTheFirstFileBack) {
  const test::TemporaryFolder folder;
  const std::vector<std::byte> zeros(100000);
  const SegmentSource segments[] = {{{{0, zeros}}}};
  schema::ProgramT tables = some_tables();
  ASSERT_TRUE(write_program_file(tables, segments, false, folder / "a.tgl").ok());
  for (const auto& [from, to, compress] : {std::tuple{"a.tgl", "b.tgl", true}, {"b.tgl", "c.tgl", false}}) {
    auto file = read_program_file(folder / from);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(write_program_file(file->tables, file->sources(), compress, folder / to).ok());
  }
  EXPECT_LT(std::filesystem::file_size(folder / "b.tgl"), 5000u);
  EXPECT_EQ(*data::read_file(folder / "a.tgl"), *data::read_file(folder / "c.tgl"));
}

TEST(ProgramFile, ReadingNoticesDamageAnywhere) {
  const test::TemporaryFolder folder;
  const auto random = noise(300, 1);
  const SegmentSource segments[] = {{{{0, random}}}};
  schema::ProgramT tables = some_tables();
  const auto file = assemble_program_file(tables, segments, false);
  ASSERT_TRUE(file.ok());
  const std::string good(reinterpret_cast<const char*>(file->data()), file->size());
  ASSERT_TRUE(read_program_file(folder.write("x.tgl", good)).ok());
  const uint64_t tables_end = kTablesOffset + header_of(*file).tables_bytes;
  for (std::size_t at = 0; at < good.size(); at += 7) {
    if (at >= tables_end) at = std::max(at, tables.segments[0]->offset);  // the padding between is covered by no checksum
    std::string bad = good;
    bad[at] ^= 0x10;
    const auto read = read_program_file(folder.write("x.tgl", bad));
    ASSERT_FALSE(read.ok()) << at;
    EXPECT_THAT(read.error().message, HasSubstr("x.tgl': "));
  }
  for (const std::size_t size : {0, 7, 63, 64, 100, 4095, 4396 - 1})
    EXPECT_FALSE(read_program_file(folder.write("x.tgl", good.substr(0, size))).ok()) << size;
  EXPECT_FALSE(read_program_file(folder.write("x.tgl", good + "x")).ok());
}

}  // namespace
}  // namespace tegula::compiler
