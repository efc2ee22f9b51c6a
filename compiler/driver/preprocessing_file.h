#pragma once
#include <string>

#include "compiler/data/preprocess.h"
#include "schema/base/result.h"

namespace tegula::driver {

/// What --preprocess says: words such as "short=256 crop=224 scale=1/255", or the name of a YAML file (.yaml, .yml)
/// that holds the same, one key a word:
///
///   short: 256
///   crop: 224                     # or [224, 224], or 224x224
///   scale: 1/255
///   mean: [.485, .456, .406]
///   array: images                 # of an archive of arrays
///
/// kInvalidArgument or kInvalidFile names the file and what in it is wrong.
inline constexpr const char* kPreprocessingHelp =
    "How images, in files or in arrays of u8 pixels, become inputs: 'short=256 crop=224 scale=1/255', or a .yaml with "
    "the same";
Result<data::Preprocessing> read_preprocessing(const std::string& words_or_file);

}  // namespace tegula::driver
