#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "compiler/driver/compile.h"
#include "compiler/graph/random_literal.h"
#include "compiler/writer/program_file.h"
#include "schema/file_layout.h"
#include "tegula/instance.h"
#include "tegula/program.h"
#include "tests/support/graph_testing.h"
#include "tests/support/temporary_folder.h"

namespace tegula::compiler {
namespace {

std::vector<std::byte> written(std::string_view text, const WriteOptions& options = {}) {
  const Graph graph = graph_of(text);
  auto bytes = write_program(graph, {.file_name = "model.onnx", .producer = "test 1.0", .xxh3 = 7}, options);
  EXPECT_TRUE(bytes.ok()) << bytes.error().message;
  return bytes.ok() ? *std::move(bytes) : std::vector<std::byte>{};
}

constexpr std::string_view kModel = R"(
    symbol batch: 1..8
    input %x: f32[batch,6]
    s = softmax(x) {axis=1} @"Softmax_0"
    r = reshape(s) {shape=[batch, 2, 3]}
    const w: f32[1,2,3] = random(3)
    return r, w, x
)";

TEST(WriteProgram, GivesTheSameBytesForTheSameGraph) {
  EXPECT_EQ(written(kModel), written(kModel));
  EXPECT_EQ(written(kModel, {.compress = true, .configuration = {}}),
            written(kModel, {.compress = true, .configuration = {}}));
}

TEST(WriteProgram, WhatItWritesRuns) {
  const std::vector<std::byte> bytes = written(kModel);
  const auto program = Program::open(std::span<const std::byte>(bytes));
  ASSERT_TRUE(program.ok()) << program.error().message;
  ASSERT_EQ(program->inputs().size(), 1u);
  EXPECT_EQ(program->inputs()[0].dims[0].symbol, "batch");
  ASSERT_EQ(program->symbols().size(), 1u);
  EXPECT_EQ(program->symbols()[0].max, 8);
  EXPECT_EQ(program->provenance().model_name, "model.onnx");

  auto instance = Instance::create(*program);
  ASSERT_TRUE(instance.ok()) << instance.error().message;
  const Literal x = random_literal(DType::kF32, {2, 6}, 1), w = random_literal(DType::kF32, {1, 2, 3}, 3);
  std::vector<float> probabilities(12), weights(6), same(12);
  const NamedInput inputs[] = {{"x", {DType::kF32, {2, 6}, x.bytes().data()}}};
  const NamedOutput outputs[] = {{"r", {DType::kF32, {2, 2, 3}, probabilities.data()}},
                                 {"w", {DType::kF32, {1, 2, 3}, weights.data()}},
                                 {"x", {DType::kF32, {2, 6}, same.data()}}};
  const auto status = instance->run(inputs, outputs);
  ASSERT_TRUE(status.ok()) << status.error().message;
  for (int64_t i = 0; i < 12; ++i) {
    double sum = 0;
    for (int64_t k = i / 6 * 6; k < i / 6 * 6 + 6; ++k) sum += std::exp(static_cast<double>(x.at<float>(k)));
    EXPECT_NEAR(probabilities[static_cast<std::size_t>(i)], std::exp(static_cast<double>(x.at<float>(i))) / sum, 1e-6);
    EXPECT_EQ(same[static_cast<std::size_t>(i)], x.at<float>(i));
  }
  for (int64_t i = 0; i < 6; ++i) EXPECT_EQ(weights[static_cast<std::size_t>(i)], w.at<float>(i));
}

TEST(WriteProgram, ReportsWhatTheFileHolds) {
  const test::TemporaryFolder folder;
  WriteReport report;
  const auto status = write_program(graph_of(kModel), {}, {}, folder / "model.tgl", &report);
  ASSERT_TRUE(status.ok()) << status.error().message;
  EXPECT_EQ(report.steps, 3);
  EXPECT_EQ(report.step_kinds, (std::map<std::string, int64_t>{{"Copy", 2}, {"Softmax", 1}}));
  EXPECT_EQ(report.constant_bytes, 24u);
}

TEST(WriteProgram, LeavesNoFileBehindWhenItFails) {
  const test::TemporaryFolder folder;
  const auto status = write_program(graph_of("y = reshape(%x:f32[6]) {shape=[h, w]}\nz = abs(y)\nreturn z"), {}, {},
                                    folder / "model.tgl");
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kUnsupported);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(WriteProgram, AlignsConstantsAndSharesEqualOnes) {
  const test::TemporaryFolder folder;
  const auto path = folder / "model.tgl";
  const Graph graph = graph_of(R"(
      a = softmax(%x:f32[1,6]) {axis=1}
      return a, %small:f32[3]=random(1), %large:f32[5000000]=random(2), %second:f32[3]=random(3), %same:f32[3]=random(1))");
  ASSERT_TRUE(write_program(graph, {}, {}, path).ok());
  const auto file = read_program_tables(path);
  ASSERT_TRUE(file.ok()) << file.error().message;
  ASSERT_EQ(file->tables.segments.size(), 1u);
  EXPECT_EQ(file->tables.segments[0]->bytes, 64u + 20000000u + 12u);  // small (and same), large, second
  EXPECT_EQ(file->tables.segments[0]->offset % kLargeSegmentAlignment, 0u);
  for (const auto& value : file->tables.values) {
    const bool is_small = value->name.starts_with("small") || value->name.starts_with("same");
    EXPECT_TRUE(!is_small || value->offset == 0) << value->name;
    EXPECT_EQ(value->offset % kTensorAlignment, 0u);
  }
  const auto program = Program::open(path.string(), {.verify = Verify::kFull});
  ASSERT_TRUE(program.ok()) << program.error().message;
}

}  // namespace
}  // namespace tegula::compiler
