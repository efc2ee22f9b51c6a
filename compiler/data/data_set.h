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
  bool rows_are_samples = false;               ///< every input's first dimension counts samples
};

/// A file or folder of samples. Opening lists them; load() reads one. What `path` may be:
///   x.npz              arrays named after inputs and, where known, outputs; `labels` holds class indices. When the
///                      model has one input, the only other array is it. Each row is a sample when there are labels,
///                      or when `rows_are_samples` and all arrays have as many rows; else the whole is one sample. With
///                      a preprocessing an array of u8 pictures is as many images (PixelArray).
///   x.npy              the same with one array
///   a folder of .npz   each as above, by file name
///   a folder of .npy   the same with one array a file: <input>.npy, <output>.npy, labels.npy; '/' in a name is '_'
///   test_data_set_N    ONNX's test data: input_K.pb and output_K.pb; or a folder that holds such folders
///   a folder of images JPEG and PNG; with labels.csv (file,class_index) those that it lists, in its order
class DataSet {
 public:
  /// kInvalidArgument: nothing there that can be read, or a name is missing; kInvalidFile from reading labels.
  static Result<DataSet> open(const std::filesystem::path& path, const DataSetOptions& options);

  std::size_t size() const { return entries_.size(); }
  bool has_labels() const { return has_labels_; }
  /// What was read, for messages: "100 samples, the rows of 'x' (f32[100,3,32,32])".
  const std::string& description() const { return description_; }
  Result<Sample> load(std::size_t index) const { return entries_[index](); }

 private:
  std::vector<std::function<Result<Sample>()>> entries_;
  bool has_labels_ = false;
  std::string description_;
};

/// Reads `file,class_index` lines; a first line without a number is a heading.
struct LabelledFile {
  std::string file;
  int64_t label = 0;
  int line = 0;
};
Result<std::vector<LabelledFile>> read_labels(const std::filesystem::path& path);

}  // namespace tegula::data
