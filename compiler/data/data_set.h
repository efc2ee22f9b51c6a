#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "compiler/data/preprocess.h"
#include "compiler/data/tensor_data.h"

namespace tegula::data {

/// One feed of a model, with what is known about the answer.
struct Sample {
  std::string name;  ///< of the file, folder or row, for messages
  std::vector<NamedTensor> inputs, outputs;
  std::optional<int64_t> label;
};

/// What the data is for.
struct DataSetOptions {
  std::vector<std::string> inputs, outputs;    ///< names of the model's inputs and outputs, in its order
  std::optional<Preprocessing> preprocessing;  ///< of images, also of those in arrays
};

/// A file or folder of samples. Opening lists them; load() reads one. What `path` may be:
///   x.npz                  arrays named after inputs and, where known, outputs: one sample. With an array `labels` of
///   N
///                          integers, and N rows in every other array: N samples of one row each.
///                          When the model has one input, the only array that is not `labels` or an output is it.
///                          With a preprocessing an array of u8 pictures is as many images (PixelArray).
///   a folder of .npz       each as above, by file name
///   a folder of .npy       one sample: <input>.npy for every input and <output>.npy where known, '/' in a name written
///   as '_' test_data_set_N        ONNX's test data: input_K.pb and output_K.pb; or a folder that holds such folders a
///   folder of images     JPEG and PNG; with labels.csv (file,class_index) those that it lists, in its order
class DataSet {
 public:
  /// kInvalidArgument: nothing there that can be read, or a name is missing; kInvalidFile from reading labels.
  static Result<DataSet> open(const std::filesystem::path& path, const DataSetOptions& options);

  std::size_t size() const { return entries_.size(); }
  bool has_labels() const { return has_labels_; }
  Result<Sample> load(std::size_t index) const { return entries_[index](); }

 private:
  std::vector<std::function<Result<Sample>()>> entries_;
  bool has_labels_ = false;
};

/// Reads `file,class_index` lines; a first line without a number is a heading.
struct LabelledFile {
  std::string file;
  int64_t label = 0;
};
Result<std::vector<LabelledFile>> read_labels(const std::filesystem::path& path);

}  // namespace tegula::data
