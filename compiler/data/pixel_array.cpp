#include "compiler/data/pixel_array.h"

#include <algorithm>

namespace tegula::data {
namespace {

bool is_channels(int64_t count) {
  return count == 1 || count == 3;
}

/// Why the array cannot be pictures; empty when it can.
std::string refusal(const Tensor& tensor, Preprocessing::Source source) {
  const Dims& dims = tensor.dims;
  if (tensor.dtype != DType::kU8) return "pixels are u8";
  if (dims.size() != 3 && dims.size() != 4)
    return "pixels are [n, height, width, channels], [n, channels, height, width] or [n, height, width]";
  if (dims.size() == 3) return "";
  const bool first = is_channels(dims[1]) && source != Preprocessing::Source::kChannelsLast;
  const bool last = is_channels(dims[3]) && source != Preprocessing::Source::kChannelsFirst;
  return first || last ? "" : "pixels have one channel or three";
}

}  // namespace

Result<std::optional<PixelArray>> PixelArray::take(std::vector<NamedTensor>& arrays, const std::string& input,
                                                   const Preprocessing& how, const std::filesystem::path& path) {
  const auto error = [&](const auto&... parts) {
    return Error{ErrorCode::kInvalidArgument, concat(in_quotes(path.native()), ": ", parts...)};
  };
  const auto named = [&](const std::string& name) {
    return std::find_if(arrays.begin(), arrays.end(), [&](const NamedTensor& array) { return array.name == name; });
  };
  auto found = arrays.end();
  if (!how.array.empty()) {
    found = named(how.array);
    if (found == arrays.end()) {
      std::string list;
      for (const NamedTensor& array : arrays) list += (list.empty() ? "" : ", ") + data::description(array);
      return error("there is no array ", in_quotes(how.array), "; there are ", list);
    }
    if (const std::string reason = refusal(found->tensor, how.source); !reason.empty())
      return error("array ", data::description(*found), " holds no pictures: ", reason);
  } else {
    const auto fits = [&](const NamedTensor& array) {
      return array.tensor.dims.size() == 4 && refusal(array.tensor, how.source).empty();
    };
    found = named(input);
    if (found != arrays.end() && !fits(*found)) return std::optional<PixelArray>();
    if (found == arrays.end()) found = std::find_if(arrays.begin(), arrays.end(), fits);
    if (found == arrays.end()) return std::optional<PixelArray>();
    const auto other = std::find_if(found + 1, arrays.end(), fits);
    if (found->name != input && other != arrays.end())
      return error("both ", data::description(*found), " and ", data::description(*other),
                   " could be pictures; say which with array=NAME in the preprocessing");
  }
  PixelArray pixels;
  const Dims dims = found->tensor.dims;
  pixels.count_ = dims[0];
  if (dims.size() == 3) {
    pixels.height_ = dims[1];
    pixels.width_ = dims[2];
  } else {
    const bool first = is_channels(dims[1]), last = is_channels(dims[3]);
    if (first && last && how.source == Preprocessing::Source::kByChannels)
      return error("array ", data::description(*found),
                   " may have its channels first or last; say which with source=nchw or source=nhwc in the "
                   "preprocessing");
    pixels.channels_last_ = last && how.source != Preprocessing::Source::kChannelsFirst;
    pixels.channels_ = dims[pixels.channels_last_ ? 3 : 1];
    pixels.height_ = dims[pixels.channels_last_ ? 1 : 2];
    pixels.width_ = dims[pixels.channels_last_ ? 2 : 3];
  }
  if (pixels.height_ == 0 || pixels.width_ == 0)
    return error("array ", data::description(*found), " holds empty pictures");
  pixels.description_ = data::description(*found);
  pixels.tensor_ = std::move(found->tensor);
  arrays.erase(found);
  return std::optional(std::move(pixels));
}

Image PixelArray::image(int64_t index) const {
  Image image{height_, width_, {}};
  const int64_t pixels = height_ * width_;
  const uint8_t* const from = tensor_.elements<uint8_t>().data() + index * pixels * channels_;
  image.rgb.resize(static_cast<std::size_t>(pixels * 3));
  for (int64_t i = 0; i < pixels; ++i)
    for (int64_t c = 0; c < 3; ++c) {
      const int64_t channel = channels_ == 1 ? 0 : c;
      image.rgb[static_cast<std::size_t>(i * 3 + c)] =
          from[channels_last_ ? i * channels_ + channel : channel * pixels + i];
    }
  return image;
}

}  // namespace tegula::data
