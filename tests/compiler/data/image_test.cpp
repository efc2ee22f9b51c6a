#include "compiler/data/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>
#include <turbojpeg.h>

#include <cstdlib>
#include <random>

namespace tegula::data {
namespace {

using ::testing::HasSubstr;

Image gradient(int64_t height, int64_t width) {
  Image image{height, width, {}};
  for (int64_t y = 0; y < height; ++y)
    for (int64_t x = 0; x < width; ++x)
      for (const int64_t value : {x * 4, y * 4, (x + y) * 2}) image.rgb.push_back(static_cast<uint8_t>(value));
  return image;
}

std::string png_of(const Image& image) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(image.width);
  png.height = static_cast<png_uint_32>(image.height);
  png.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = 0;
  EXPECT_NE(png_image_write_to_memory(&png, nullptr, &size, 0, image.rgb.data(), 0, nullptr), 0);
  std::string bytes(size, '\0');
  EXPECT_NE(png_image_write_to_memory(&png, bytes.data(), &size, 0, image.rgb.data(), 0, nullptr), 0);
  bytes.resize(size);
  return bytes;
}

std::string jpeg_of(const Image& image) {
  tjhandle encoder = tjInitCompress();
  unsigned char* out = nullptr;
  unsigned long size = 0;
  EXPECT_EQ(tjCompress2(encoder, image.rgb.data(), static_cast<int>(image.width), 0, static_cast<int>(image.height),
                        TJPF_RGB, &out, &size, TJSAMP_444, 100, 0),
            0);
  std::string bytes(reinterpret_cast<char*>(out), size);
  tjFree(out);
  tjDestroy(encoder);
  return bytes;
}

TEST(DecodeImage, ReadsPngExactly) {
  const Image image = gradient(13, 17);
  const auto decoded = decode_image(png_of(image), "x.png");
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  EXPECT_EQ(decoded->height, 13);
  EXPECT_EQ(decoded->width, 17);
  EXPECT_EQ(decoded->rgb, image.rgb);
}

TEST(DecodeImage, ReadsJpegWithinItsLoss) {
  const Image image = gradient(16, 24);
  const auto decoded = decode_image(jpeg_of(image), "x.jpg");
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  ASSERT_EQ(decoded->rgb.size(), image.rgb.size());
  for (std::size_t i = 0; i < image.rgb.size(); ++i) ASSERT_LE(std::abs(decoded->rgb[i] - image.rgb[i]), 4) << i;
}

TEST(DecodeImage, RefusesDamagedAndHugeImages) {
  EXPECT_THAT(decode_image("GIF89a", "x.gif").error().message, HasSubstr("x.gif: neither a JPEG nor a PNG"));
  EXPECT_FALSE(decode_image("", "x").ok());
  for (const std::string& good : {png_of(gradient(20, 20)), jpeg_of(gradient(20, 20))}) {
    for (std::size_t size = 0; size + 12 < good.size(); size += 7)  // 12: PNG's end marker carries no pixels
      EXPECT_FALSE(decode_image(good.substr(0, size), "x").ok()) << size << " of " << good.size();
    std::mt19937 random(1);
    for (int i = 0; i < 200; ++i) {
      std::string damaged = good;
      for (int k = 0; k < 4; ++k) damaged[random() % damaged.size()] = static_cast<char>(random());
      static_cast<void>(decode_image(damaged, "x").ok());
    }
  }
  std::string huge = png_of(gradient(4, 4));  // the header's sizes; its checksum is what libpng refuses first
  huge.replace(16, 8, "\x00\x0f\xff\xff\x00\x0f\xff\xff", 8);
  EXPECT_FALSE(decode_image(huge, "x").ok());
}

TEST(Resize, OfTheSameSizeChangesNothing) {
  const Image image = gradient(9, 11);
  EXPECT_EQ(resize(image, 9, 11).rgb, image.rgb);
}

TEST(Resize, KeepsAConstantImage) {
  Image image{10, 10, std::vector<uint8_t>(300, 137)};
  for (const auto& [h, w] : {std::pair{3, 7}, {25, 1}, {1, 1}, {10, 40}})
    for (const uint8_t value : resize(image, h, w).rgb) ASSERT_EQ(value, 137);
}

TEST(Resize, AveragesWhatItShrinks) {
  // Two columns become one: both are equally far from its centre.
  const Image image{1, 2, {10, 20, 30, 30, 40, 50}};
  EXPECT_EQ(resize(image, 1, 1).rgb, (std::vector<uint8_t>{20, 30, 40}));
  // Four become two: the triangle is two input pixels wide on each side, weights 3:3:1 (cut at the border) -> 1/7.
  const Image four{1, 4, {0, 0, 0, 70, 70, 70, 140, 140, 140, 210, 210, 210}};
  EXPECT_EQ(resize(four, 1, 2).rgb, (std::vector<uint8_t>{50, 50, 50, 160, 160, 160}));
}

TEST(Resize, InterpolatesWhatItEnlarges) {
  const Image image{1, 2, {0, 0, 0, 100, 100, 100}};
  EXPECT_EQ(resize(image, 1, 4).rgb, (std::vector<uint8_t>{0, 0, 0, 25, 25, 25, 75, 75, 75, 100, 100, 100}));
  EXPECT_EQ(resize(image, 2, 2).rgb, (std::vector<uint8_t>{0, 0, 0, 100, 100, 100, 0, 0, 0, 100, 100, 100}));
}

TEST(Crop, TakesTheRectangle) {
  const Image image = gradient(5, 6);
  const Image part = crop(image, 1, 2, 2, 3);
  EXPECT_EQ(part.rgb.size(), 18u);
  for (int64_t y = 0; y < 2; ++y)
    for (int64_t x = 0; x < 3; ++x)
      for (int c = 0; c < 3; ++c) EXPECT_EQ(part.pixel(y, x)[c], image.pixel(y + 1, x + 2)[c]);
}

}  // namespace
}  // namespace tegula::data
