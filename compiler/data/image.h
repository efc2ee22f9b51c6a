#pragma once
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "schema/base/result.h"

namespace tegula::data {

/// Pixels as decoders give them: rows from the top, red, green and blue bytes per pixel, no padding.
struct Image {
  int64_t height = 0, width = 0;
  std::vector<uint8_t> rgb;  ///< height * width * 3

  const uint8_t* pixel(int64_t y, int64_t x) const { return rgb.data() + (y * width + x) * 3; }
};

/// Decodes a JPEG or PNG, recognised by its first bytes. Grey images repeat their value, transparency is dropped onto
/// black. kInvalidFile: neither, damaged, or over kMaxPixels (checked before anything is allocated).
inline constexpr int64_t kMaxPixels = 100'000'000;
Result<Image> decode_image(std::string_view bytes, std::string_view what);
Result<Image> read_image(const std::filesystem::path& path);

/// Resamples with a triangle filter as wide as the reduction (bilinear, antialiased when it shrinks), horizontally and
/// then vertically, each rounded to bytes: what Pillow's BILINEAR does, and so what most training pipelines did.
Image resize(const Image& image, int64_t height, int64_t width);

/// The part of the image from (top, left); it must lie inside.
Image crop(const Image& image, int64_t top, int64_t left, int64_t height, int64_t width);

}  // namespace tegula::data
