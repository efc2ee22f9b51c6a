#include "compiler/driver/preprocessing_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/mutate.h"
#include "tests/support/rounds.h"
#include "tests/support/temporary_folder.h"

namespace tegula::driver {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::string_view kYaml =
    "# photos\n"
    "short: 256\n"
    "crop: [224, 200]\n"
    "channels: bgr\n"
    "scale: 1/255\n"
    "mean: [.485, .456, .406]\n"
    "std: 0.5\n"
    "layout: nhwc\n";

TEST(ReadPreprocessing, AYamlFileSaysWhatWordsSay) {
  const test::TemporaryFolder folder;
  const auto file = read_preprocessing(folder.write("p.yaml", kYaml));
  ASSERT_TRUE(file.ok()) << file.error().message;
  const auto words =
      read_preprocessing("short=256 crop=224x200 channels=bgr scale=1/255 mean=.485,.456,.406 std=0.5 layout=nhwc");
  ASSERT_TRUE(words.ok());
  EXPECT_EQ(file->short_side, 256);
  EXPECT_EQ(file->crop_height, 224);
  EXPECT_EQ(file->crop_width, 200);
  EXPECT_EQ(file->channels, words->channels);
  EXPECT_EQ(file->scale, words->scale);
  EXPECT_EQ(file->mean, words->mean);
  EXPECT_EQ(file->std, words->std);
  EXPECT_TRUE(file->channels_last);
}

TEST(ReadPreprocessing, ErrorsNameTheFileAndTheLine) {
  const test::TemporaryFolder folder;
  const auto error_of = [&](std::string_view text) {
    const auto read = read_preprocessing(folder.write("p.yml", text));
    return read.ok() ? "" : read.error().message;
  };
  EXPECT_THAT(
      error_of("short: 256\ncrpo: 224\n"),
      AllOf(HasSubstr("p.yml"), HasSubstr("line 2: preprocessing has no 'crpo'; it has array, channels, crop,")));
  EXPECT_THAT(error_of("short: 256\nlayout: nchv\n"), HasSubstr("line 2: preprocessing 'layout=nchv' is not under"));
  EXPECT_THAT(error_of("short: 256\nshort: 224\n"), HasSubstr("line 2: 'short' stands twice"));
  EXPECT_THAT(error_of("short: 256\nmean: {r: 1}\n"), HasSubstr("line 2: 'mean' is neither"));
  EXPECT_THAT(error_of("mean: [1, [2]]\n"), HasSubstr("line 1: 'mean' is neither"));
  EXPECT_THAT(error_of("short: 256 crop=224\n"), HasSubstr("'short' is neither"));
  EXPECT_THAT(error_of("short: 256\nmean: [1, 2\n"), HasSubstr("line "));
  EXPECT_THAT(error_of("- 1\n"), HasSubstr("'key: value' lines"));
  EXPECT_THAT(error_of(""), HasSubstr("'key: value' lines"));
  EXPECT_THAT(read_preprocessing(folder / "absent.yaml").error().message, HasSubstr("absent.yaml"));
}

TEST(ReadPreprocessing, DamagedFilesAreOneLine) {
  const test::TemporaryFolder folder;
  constexpr std::string_view kTokens[] = {"[", "{", ": ", "- ", "&a ", "*a", "!!x ", "\"", "|\n", "? "};
  for (int seed = 0; seed < test::rounds(100); ++seed) {
    const std::string text = test::Mutator(static_cast<uint32_t>(seed)).damaged_text(std::string(kYaml), kTokens);
    const auto read = read_preprocessing(folder.write("p.yaml", text));
    if (!read.ok()) {
      EXPECT_TRUE(test::is_printable_message(read.error().message)) << read.error().message;
    }
  }
}

}  // namespace
}  // namespace tegula::driver
