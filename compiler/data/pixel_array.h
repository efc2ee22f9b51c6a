#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "compiler/data/image.h"
#include "compiler/data/preprocess.h"
#include "compiler/data/tensor_data.h"

namespace tegula::data {

/// An array of bytes that are pictures: u8 of [n, height, width, channels], [n, channels, height, width] or, grey,
/// [n, height, width]. Three channels are red, green and blue; one is grey.
class PixelArray {
 public:
  /// Which array of an archive that is, by Preprocessing::array or because no other can be, with `input` (the model's
  /// only one) before others. nullopt: none is, and none was asked for. kInvalidArgument: the array that was asked for
  /// is not there or holds no pixels, several could be it, or its layout is not clear. `arrays` keeps the others.
  static Result<std::optional<PixelArray>> take(std::vector<NamedTensor>& arrays, const std::string& input,
                                                const Preprocessing& how, const std::filesystem::path& path);

  int64_t size() const { return count_; }
  const std::string& description() const { return description_; }  ///< "'x' (u8[100,32,32,3])"
  Image image(int64_t index) const;

 private:
  std::string description_;
  Tensor tensor_;
  int64_t count_ = 0, height_ = 0, width_ = 0, channels_ = 1;
  bool channels_last_ = true;
};

}  // namespace tegula::data
