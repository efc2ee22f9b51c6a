#include "compiler/data/preprocess.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "compiler/data/data_set.h"
#include "compiler/data/npz.h"
#include "tests/support/test_data.h"

namespace tegula::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Tensor run(const Image& image, std::string_view text) {
  const auto how = parse_preprocessing(text);
  EXPECT_TRUE(how.ok()) << how.error().message;
  auto tensor = preprocess(image, *how, "x");
  EXPECT_TRUE(tensor.ok()) << tensor.error().message;
  return *std::move(tensor);
}

const Image kTwoPixels{1, 2, {10, 20, 30, 40, 50, 60}};

TEST(Preprocess, OrdersChannelsAndLayouts) {
  const auto values = [](const Tensor& tensor) {
    const auto elements = tensor.elements<float>();
    return std::vector<float>(elements.begin(), elements.end());
  };
  const Tensor nchw = run(kTwoPixels, "");
  EXPECT_EQ(nchw.dims, (Dims{1, 3, 1, 2}));
  EXPECT_THAT(values(nchw), ElementsAre(10, 40, 20, 50, 30, 60));
  const Tensor nhwc = run(kTwoPixels, "layout=nhwc channels=bgr");
  EXPECT_EQ(nhwc.dims, (Dims{1, 1, 2, 3}));
  EXPECT_THAT(values(nhwc), ElementsAre(30, 20, 10, 60, 50, 40));
  const Tensor gray = run(kTwoPixels, "channels=gray");
  EXPECT_EQ(gray.dims, (Dims{1, 1, 1, 2}));
  EXPECT_THAT(values(gray), ElementsAre(18, 48));
}

TEST(Preprocess, ScalesThenSubtractsThenDivides) {
  const Tensor tensor = run(kTwoPixels, "scale=1/10 mean=1,2,3 std=.5");
  EXPECT_THAT(tensor.elements<float>(), ElementsAre(0, 6, 0, 6, 0, 6));
  EXPECT_EQ(run(kTwoPixels, "type=u8").elements<uint8_t>()[3], 50);
}

TEST(Preprocess, ResizesAndCropsTheMiddle) {
  Image image{8, 12, std::vector<uint8_t>(8 * 12 * 3, 5)};
  EXPECT_EQ(run(image, "short=4").dims, (Dims{1, 3, 4, 6}));
  EXPECT_EQ(run(image, "size=5x3").dims, (Dims{1, 3, 5, 3}));
  EXPECT_EQ(run(image, "short=4 crop=4").dims, (Dims{1, 3, 4, 4}));
  EXPECT_EQ(run(image, "crop=2x6").dims, (Dims{1, 3, 2, 6}));
  image.rgb[3 * (3 * 12 + 5)] = 99;  // row 3, column 5: the first of the middle 2x2
  EXPECT_EQ(run(image, "crop=2").elements<float>()[0], 99);
  const auto small = preprocess(image, *parse_preprocessing("crop=100"), "'cat.png'");
  ASSERT_FALSE(small.ok());
  EXPECT_THAT(small.error().message, HasSubstr("'cat.png': a crop of 100x100 does not fit 8x12"));
  const Image thin{1, 16000, std::vector<uint8_t>(16000 * 3)};
  EXPECT_FALSE(preprocess(thin, *parse_preprocessing("short=16000"), "x").ok());
}

TEST(Preprocess, NamesTheWordThatIsWrong) {
  for (const char* word : {"short", "short=0", "short=x", "size=224", "crop=1x2x3", "channels=yuv", "scale=1/0",
                           "mean=1,2", "std=0", "layout=chw", "type=f16", "short=99999999"}) {
    const auto how =
        parse_preprocessing(concat("scale=1 ", word).substr(std::string_view(word).starts_with("scale") ? 8 : 0));
    ASSERT_FALSE(how.ok()) << word;
    EXPECT_THAT(how.error().message, HasSubstr(concat("'", word, "' is not understood")));
  }
  EXPECT_THAT(parse_preprocessing("scale=1 colour=red").error().message,
              HasSubstr("preprocessing has no 'colour'; it has array, channels"));
  EXPECT_FALSE(parse_preprocessing("short=2 size=2x2").ok());
  EXPECT_FALSE(parse_preprocessing("short=2 short=3").ok());
  EXPECT_FALSE(parse_preprocessing("type=u8 scale=2").ok());
}

/// The test data has photos both as JPEG and, resized and cropped by another program, as pixels.
TEST(Preprocess, AgreesWithAnotherPipelineOnPhotos) {
  const auto folder = test::test_data("images/imagenet_400");
  const auto pixels = test::test_data("images/imagenet_32_u8_nhwc.npz");
  if (!folder || !pixels) GTEST_SKIP() << "no test data";
  const auto expected = read_npz(*pixels);
  ASSERT_TRUE(expected.ok()) << expected.error().message;
  const Tensor& images = *find_tensor(*expected, "images");
  const auto labels = find_tensor(*expected, "labels")->elements<int64_t>();

  DataSetOptions options{{"input"}, {}, *parse_preprocessing("short=256 crop=224 type=u8 layout=nhwc")};
  const auto set = DataSet::open(*folder, options);
  ASSERT_TRUE(set.ok()) << set.error().message;
  int compared = 0;
  for (std::size_t i = 0; i < set->size() && compared < 8; ++i) {
    const auto sample = set->load(i);
    ASSERT_TRUE(sample.ok()) << sample.error().message;
    const auto row = std::find(labels.begin(), labels.end(), *sample->label) - labels.begin();
    if (row == std::ssize(labels)) continue;
    ++compared;
    const auto ours = sample->inputs[0].tensor.elements<uint8_t>();
    const auto theirs = images.elements<uint8_t>().subspan(static_cast<std::size_t>(row) * ours.size(), ours.size());
    EXPECT_TRUE(std::equal(ours.begin(), ours.end(), theirs.begin())) << sample->name;
  }
  EXPECT_EQ(compared, 8);
}

}  // namespace
}  // namespace tegula::data
