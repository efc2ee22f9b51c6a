#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "compiler/data/image.h"
#include "compiler/data/tensor_data.h"

namespace tegula::data {

/// How an image becomes a model's input. Written as one line of NAME=VALUE words, in any order, with which the tools
/// and their configuration speak of it:
///
///   short=256 crop=224 channels=rgb scale=1/255 mean=.485,.456,.406 std=.229,.224,.225 layout=nchw type=f32
///
///   short=N            resize so that the short side is N, the long side to the nearest that keeps the aspect
///   size=HxW           resize to exactly H x W
///   crop=N, HxW        then cut the middle (of an odd margin the smaller half is above and left)
///   channels           rgb, bgr or gray (ITU-R 601 luma)
///   scale, mean, std   element = (pixel * scale - mean[c]) / std[c], pixels being 0..255; mean and std are one value,
///   or one
///                      per channel in the order of `channels`
///   layout             nchw or nhwc
///   type               f32, or u8 for pixels as they are (then without scale, mean, std)
///
/// and of archives of arrays (.npz):
///
///   array=NAME         the array of u8 that holds pixels (else the input's own, or the only one that can)
///   source             nchw or nhwc: how it lies, where its dimensions do not tell
///   labels=NAME        the array of class indices (else `labels`, where there is one)
///   samples            rows: each row is one; file: the whole is one (else DataSetOptions::rows_are_samples says)
struct Preprocessing {
  int64_t short_side = 0;                   ///< 0: not by its short side
  int64_t height = 0, width = 0;            ///< of an exact resize; 0: none
  int64_t crop_height = 0, crop_width = 0;  ///< 0: none
  enum class Channels : uint8_t { kRgb, kBgr, kGray } channels = Channels::kRgb;
  float scale = 1;
  std::array<float, 3> mean{0, 0, 0}, std{1, 1, 1};
  bool channels_last = false;
  DType dtype = DType::kF32;
  std::string array, labels;  ///< of an archive; empty: as above
  enum class Samples : uint8_t { kByModel, kRows, kFile } samples = Samples::kByModel;
  enum class Source : uint8_t { kByChannels, kChannelsFirst, kChannelsLast } source = Source::kByChannels;

  int channel_count() const { return channels == Channels::kGray ? 1 : 3; }
};

/// kInvalidArgument names the word that is wrong.
Result<Preprocessing> parse_preprocessing(std::string_view text);

/// The model's input for one image: [1, channels, height, width], or [1, height, width, channels]. kInvalidArgument:
/// the crop is larger than the image.
Result<Tensor> preprocess(const Image& image, const Preprocessing& how, std::string_view what);

}  // namespace tegula::data
