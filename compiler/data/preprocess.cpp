#include "compiler/data/preprocess.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <vector>

namespace tegula::data {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

template <typename T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// "0.5" or "1/255".
std::optional<float> fraction(std::string_view text) {
  const auto parts = split(text, '/');
  if (parts.size() > 2) return std::nullopt;
  const auto numerator = number<double>(parts[0]);
  const auto denominator = parts.size() == 2 ? number<double>(parts[1]) : 1.0;
  if (!numerator || !denominator) return std::nullopt;
  const auto value = static_cast<float>(*numerator / *denominator);
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

bool parse_triple(std::string_view text, std::array<float, 3>& values) {
  const auto parts = split(text, ',');
  if (parts.size() != 1 && parts.size() != 3) return false;
  for (std::size_t c = 0; c < 3; ++c) {
    const auto value = fraction(parts[parts.size() == 1 ? 0 : c]);
    if (!value) return false;
    values[c] = *value;
  }
  return true;
}

constexpr int64_t kMaxSide = 16384;

std::optional<int64_t> side(std::string_view text) {
  const auto value = number<int64_t>(text);
  return value && *value >= 1 && *value <= kMaxSide ? value : std::nullopt;
}

/// "224" (a square, where that is allowed) or "240x320", height first.
bool parse_size(std::string_view text, bool square_allowed, int64_t& height, int64_t& width) {
  const auto parts = split(text, 'x');
  if (parts.size() > 2 || (parts.size() == 1 && !square_allowed)) return false;
  const auto first = side(parts.front()), last = side(parts.back());
  if (!first || !last) return false;
  height = *first;
  width = *last;
  return true;
}

bool parse_word(std::string_view name, std::string_view value, Preprocessing& how) {
  if (name == "short") {
    const auto size = side(value);
    how.short_side = size.value_or(0);
    return size.has_value();
  }
  if (name == "size") return parse_size(value, false, how.height, how.width);
  if (name == "crop") return parse_size(value, true, how.crop_height, how.crop_width);
  if (name == "channels") {
    how.channels = value == "bgr"    ? Preprocessing::Channels::kBgr
                   : value == "gray" ? Preprocessing::Channels::kGray
                                     : Preprocessing::Channels::kRgb;
    return value == "rgb" || value == "bgr" || value == "gray";
  }
  if (name == "scale") {
    const auto scale = fraction(value);
    how.scale = scale.value_or(1);
    return scale.has_value();
  }
  if (name == "mean") return parse_triple(value, how.mean);
  if (name == "std") return parse_triple(value, how.std) && how.std[0] != 0 && how.std[1] != 0 && how.std[2] != 0;
  if (name == "layout") {
    how.channels_last = value == "nhwc";
    return value == "nchw" || value == "nhwc";
  }
  if (name == "type") {
    how.dtype = value == "u8" ? DType::kU8 : DType::kF32;
    return value == "f32" || value == "u8";
  }
  if (name == "array" || name == "labels") {
    (name == "array" ? how.array : how.labels) = value;
    return !value.empty();
  }
  if (name == "samples") {
    how.samples = value == "rows" ? Preprocessing::Samples::kRows : Preprocessing::Samples::kFile;
    return value == "rows" || value == "file";
  }
  if (name == "source") {
    how.source = value == "nchw" ? Preprocessing::Source::kChannelsFirst : Preprocessing::Source::kChannelsLast;
    return value == "nchw" || value == "nhwc";
  }
  return false;
}

/// The long side keeps the aspect, to the nearest pixel.
Result<Image> resize_short_side(const Image& image, int64_t size, std::string_view what) {
  const bool wide = image.width >= image.height;
  const int64_t shorter = wide ? image.height : image.width, longer = wide ? image.width : image.height;
  if (shorter == size) return image;
  const int64_t other = (2 * size * longer + shorter) / (2 * shorter);
  if (other > kMaxPixels / size)
    return Error{ErrorCode::kInvalidArgument,
                 concat(what, ": with a short side of ", size, " it would be ", other, " long; use size=HxW")};
  return wide ? resize(image, size, other) : resize(image, other, size);
}

int64_t margin(int64_t whole, int64_t part) {
  return (whole - part) / 2;
}

float luma(const uint8_t* pixel) {
  return static_cast<float>((pixel[0] * 19595 + pixel[1] * 38470 + pixel[2] * 7471 + 0x8000) >> 16);
}

constexpr std::array<std::string_view, 13> kNames = {"array", "channels", "crop", "labels", "layout", "mean", "samples",
                                                     "scale", "short",    "size", "source", "std",    "type"};

}  // namespace

Result<Preprocessing> parse_preprocessing(std::string_view text) {
  Preprocessing how;
  std::vector<std::string_view> seen;
  for (const std::string_view word : split(text, ' ')) {
    if (word.empty()) continue;
    const std::size_t equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    for (const std::string_view other : seen)
      if (other == name)
        return Error{ErrorCode::kInvalidArgument, concat("preprocessing names ", in_quotes(name), " twice")};
    seen.push_back(name);
    if (std::find(kNames.begin(), kNames.end(), name) == kNames.end()) {
      std::string names;
      for (const std::string_view known : kNames) names += concat(names.empty() ? "" : ", ", known);
      return Error{ErrorCode::kInvalidArgument, concat("preprocessing has no ", in_quotes(name), "; it has ", names)};
    }
    if (equals == std::string_view::npos || !parse_word(name, word.substr(equals + 1), how))
      return Error{ErrorCode::kInvalidArgument,
                   concat("preprocessing ", in_quotes(word),
                          " is not understood; an example is 'short=256 crop=224 channels=rgb "
                          "scale=1/255 mean=.485,.456,.406 std=.229,.224,.225 layout=nchw'")};
  }
  if (how.short_side != 0 && how.height != 0)
    return Error{ErrorCode::kInvalidArgument, "preprocessing has both 'short' and 'size'; give one"};
  constexpr std::array<float, 3> kZeros{0, 0, 0}, kOnes{1, 1, 1};
  if (how.dtype == DType::kU8 && (how.scale != 1 || how.mean != kZeros || how.std != kOnes))
    return Error{ErrorCode::kInvalidArgument, "preprocessing to u8 keeps the pixels: leave out scale, mean and std"};
  return how;
}

Result<Tensor> preprocess(const Image& source, const Preprocessing& how, std::string_view what) {
  Image image = how.height != 0 ? resize(source, how.height, how.width) : source;
  if (how.short_side != 0) {
    TEGULA_ASSIGN_OR_RETURN(image, resize_short_side(source, how.short_side, what));
  }
  if (how.crop_height != 0) {
    if (how.crop_height > image.height || how.crop_width > image.width)
      return Error{ErrorCode::kInvalidArgument,
                   concat(what, ": a crop of ", how.crop_height, "x", how.crop_width, " does not fit ", image.height,
                          "x", image.width, "; resize first")};
    image = crop(image, margin(image.height, how.crop_height), margin(image.width, how.crop_width), how.crop_height,
                 how.crop_width);
  }
  const int channels = how.channel_count();
  Dims dims =
      how.channels_last ? Dims{1, image.height, image.width, channels} : Dims{1, channels, image.height, image.width};
  TEGULA_ASSIGN_OR_RETURN(Tensor tensor, make_tensor(how.dtype, std::move(dims)));
  const int64_t pixels = image.height * image.width;
  for (int64_t i = 0; i < pixels; ++i) {
    const uint8_t* pixel = image.rgb.data() + i * 3;
    for (int c = 0; c < channels; ++c) {
      const float value = how.channels == Preprocessing::Channels::kGray  ? luma(pixel)
                          : how.channels == Preprocessing::Channels::kBgr ? static_cast<float>(pixel[2 - c])
                                                                          : static_cast<float>(pixel[c]);
      const auto at = static_cast<std::size_t>(how.channels_last ? i * channels + c : c * pixels + i);
      const auto k = static_cast<std::size_t>(c);
      if (how.dtype == DType::kU8)
        tensor.elements<uint8_t>()[at] = static_cast<uint8_t>(value);
      else
        tensor.elements<float>()[at] = (value * how.scale - how.mean[k]) / how.std[k];
    }
  }
  return tensor;
}

}  // namespace tegula::data
