#include <algorithm>
#include <cmath>
#include <cstring>

#include "compiler/data/image.h"
#include "schema/base/check.h"

namespace tegula::data {
namespace {

/// How one output position is mixed from the input: weights of the positions from `first` on, in 22-bit fixed point.
struct Taps {
  int64_t first = 0;
  std::vector<int32_t> weights;
};

constexpr int kFractionBits = 22;  // 8 bits of pixel, 22 of weight and a sign fit 32

std::vector<Taps> make_taps(int64_t from, int64_t to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double support = std::max(scale, 1.0);  // of the triangle filter, in input pixels
  std::vector<Taps> all(static_cast<std::size_t>(to));
  for (int64_t i = 0; i < to; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    const int64_t first = std::max<int64_t>(0, static_cast<int64_t>(center - support + 0.5));
    const int64_t last = std::min<int64_t>(from, static_cast<int64_t>(center + support + 0.5));
    std::vector<double> weights;
    double sum = 0;
    for (int64_t x = first; x < last; ++x) {
      const double distance = std::fabs((static_cast<double>(x) - center + 0.5) / support);
      weights.push_back(std::max(0.0, 1.0 - distance));
      sum += weights.back();
    }
    Taps& taps = all[static_cast<std::size_t>(i)];
    taps.first = first;
    for (const double weight : weights)
      taps.weights.push_back(static_cast<int32_t>(weight / sum * (1 << kFractionBits) + 0.5));
  }
  return all;
}

uint8_t to_byte(int64_t fixed) {
  return static_cast<uint8_t>(std::clamp<int64_t>((fixed + (1 << (kFractionBits - 1))) >> kFractionBits, 0, 255));
}

Image resize_width(const Image& image, int64_t width) {
  if (width == image.width) return image;
  const std::vector<Taps> all = make_taps(image.width, width);
  Image result{image.height, width, std::vector<uint8_t>(static_cast<std::size_t>(image.height * width * 3))};
  uint8_t* out = result.rgb.data();
  for (int64_t y = 0; y < image.height; ++y)
    for (const Taps& taps : all)
      for (int c = 0; c < 3; ++c) {
        const uint8_t* in = image.pixel(y, taps.first) + c;
        int64_t sum = 0;
        for (const int32_t weight : taps.weights) {
          sum += int64_t{weight} * *in;
          in += 3;
        }
        *out++ = to_byte(sum);
      }
  return result;
}

Image resize_height(const Image& image, int64_t height) {
  if (height == image.height) return image;
  const std::vector<Taps> all = make_taps(image.height, height);
  Image result{height, image.width, std::vector<uint8_t>(static_cast<std::size_t>(height * image.width * 3))};
  uint8_t* out = result.rgb.data();
  for (const Taps& taps : all)
    for (int64_t i = 0; i < image.width * 3; ++i) {
      const uint8_t* in = image.pixel(taps.first, 0) + i;
      int64_t sum = 0;
      for (const int32_t weight : taps.weights) {
        sum += int64_t{weight} * *in;
        in += image.width * 3;
      }
      *out++ = to_byte(sum);
    }
  return result;
}

}  // namespace

Image resize(const Image& image, int64_t height, int64_t width) {
  TEGULA_CHECK(height > 0 && width > 0, "sizes are positive");
  return resize_height(resize_width(image, width), height);
}

Image crop(const Image& image, int64_t top, int64_t left, int64_t height, int64_t width) {
  TEGULA_CHECK(top >= 0 && left >= 0 && top + height <= image.height && left + width <= image.width,
               "the crop lies inside");
  Image result{height, width, std::vector<uint8_t>(static_cast<std::size_t>(height * width * 3))};
  for (int64_t y = 0; y < height; ++y)
    std::memcpy(result.rgb.data() + y * width * 3, image.pixel(top + y, left), static_cast<std::size_t>(width * 3));
  return result;
}

}  // namespace tegula::data
