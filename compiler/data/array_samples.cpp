#include "compiler/data/array_samples.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>

#include "compiler/data/convert.h"
#include "compiler/data/messages.h"
#include "compiler/data/pixel_array.h"

namespace tegula::data {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kLabels = "labels";

std::string arrays_in(const std::vector<NamedTensor>& arrays) {
  std::string text;
  for (const NamedTensor& array : arrays) text += (text.empty() ? "" : ", ") + description(array);
  return text.empty() ? "no arrays" : text;
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool has_rows(const NamedTensor& array, int64_t rows) {
  return !array.tensor.dims.empty() && array.tensor.dims[0] == rows;
}

}  // namespace

/// All that the arrays hold.
struct Archive {
  Sample sample;  ///< whole; without inputs where these are pictures
  std::optional<PixelArray> pixels;
  std::optional<std::vector<int64_t>> labels;
  std::optional<int64_t> rows;  ///< each a sample; nullopt: the whole is one
  std::string description;
};

class LastArchive {
 public:
  template <typename Make>
  Result<std::shared_ptr<const Archive>> get(const fs::path& path, Make&& make) {
    const std::scoped_lock lock(mutex_);
    if (archive_ == nullptr || path != path_) {
      archive_ = nullptr;
      TEGULA_ASSIGN_OR_RETURN(Archive archive, make());
      archive_ = std::make_shared<const Archive>(std::move(archive));
      path_ = path;
    }
    return archive_;
  }
  void put(const fs::path& path, Archive archive) {
    const std::scoped_lock lock(mutex_);
    archive_ = std::make_shared<const Archive>(std::move(archive));
    path_ = path;
  }

 private:
  std::mutex mutex_;
  fs::path path_;
  std::shared_ptr<const Archive> archive_;
};

std::shared_ptr<LastArchive> make_last_archive() {
  return std::make_shared<LastArchive>();
}

namespace {

Result<std::vector<int64_t>> labels_of(const fs::path& path, NamedTensor array) {
  if (array.tensor.dims.size() != 1 || is_float(array.tensor.dtype))
    return invalid(ErrorCode::kInvalidFile, path,
                   concat("array ", description(array), " holds no labels: it is not a vector of integers"));
  TEGULA_ASSIGN_OR_RETURN(const Tensor labels,
                          convert_exactly(std::move(array.tensor), DType::kS64, in_quotes(array.name)));
  const auto values = labels.elements<int64_t>();
  return std::vector<int64_t>(values.begin(), values.end());
}

/// Sorts arrays into an archive.
class ArchiveMaker {
 public:
  ArchiveMaker(const fs::path& path, const DataSetOptions& options) : path_(path), options_(options) {
    archive_.sample.name = path.filename().string();
    if (options.preprocessing) how_ = *options.preprocessing;
  }

  Result<Archive> run(std::vector<NamedTensor> arrays) {
    const std::string all = arrays_in(arrays);
    if (options_.preprocessing) TEGULA_RETURN_IF_ERROR(take_pixels(arrays));
    TEGULA_RETURN_IF_ERROR(sort(std::move(arrays)));
    if (!how_.labels.empty() && !archive_.labels)
      return error(concat("there is no array ", in_quotes(how_.labels), " of labels; there are ", all));
    if (!archive_.pixels)
      for (const std::string& input : options_.inputs)
        if (find_tensor(archive_.sample.inputs, input) == nullptr)
          return error(concat("no array is named after the input ", in_quotes(input), "; the inputs are ",
                              list_of(options_.inputs), ", the arrays ", all));
    TEGULA_RETURN_IF_ERROR(count_rows());
    describe();
    return std::move(archive_);
  }

 private:
  Error error(std::string_view why) const { return invalid(ErrorCode::kInvalidArgument, path_, why); }

  Status take_pixels(std::vector<NamedTensor>& arrays) {
    if (options_.inputs.size() != 1) {
      if (how_.array.empty()) return {};
      return error(concat("an array of pictures feeds models of one input; this one has ", list_of(options_.inputs)));
    }
    TEGULA_ASSIGN_OR_RETURN(archive_.pixels, PixelArray::take(arrays, options_.inputs[0], how_, path_));
    return {};
  }

  Status sort(std::vector<NamedTensor> arrays) {
    const std::string labels(how_.labels.empty() ? kLabels : std::string_view(how_.labels));
    for (NamedTensor& array : arrays) {
      if (!archive_.pixels && contains(options_.inputs, array.name)) {
        archive_.sample.inputs.push_back(std::move(array));
      } else if (contains(options_.outputs, array.name)) {
        archive_.sample.outputs.push_back(std::move(array));
      } else if (array.name == labels) {
        TEGULA_ASSIGN_OR_RETURN(archive_.labels, labels_of(path_, std::move(array)));
      } else {
        others_.push_back(std::move(array));
      }
    }
    if (!archive_.pixels && archive_.sample.inputs.empty() && options_.inputs.size() == 1 && others_.size() == 1) {
      input_name_ = others_[0].name;
      archive_.sample.inputs.push_back({options_.inputs[0], std::move(others_[0].tensor)});
      others_.clear();
    }
    return {};
  }

  /// The array whose rows count: the pictures or the first input.
  std::string counted() const {
    if (archive_.pixels) return archive_.pixels->description();
    const NamedTensor& input = archive_.sample.inputs[0];
    return description(input_name_.empty() ? input.name : input_name_, input.tensor);
  }

  bool agree(int64_t rows) const {
    const auto has = [&](const NamedTensor& array) { return has_rows(array, rows); };
    return std::all_of(archive_.sample.inputs.begin(), archive_.sample.inputs.end(), has) &&
           std::all_of(archive_.sample.outputs.begin(), archive_.sample.outputs.end(), has);
  }

  Status count_rows() {
    const std::vector<NamedTensor>& inputs = archive_.sample.inputs;
    if (!archive_.pixels && (inputs.empty() || inputs[0].tensor.dims.empty())) {
      if (!archive_.labels) return {};
      return error(inputs.empty() ? std::string("labels, for a model without inputs")
                                  : concat("labels for array ", counted(), ", which has no rows"));
    }
    const int64_t rows = archive_.pixels ? archive_.pixels->size() : inputs[0].tensor.dims[0];
    const bool must = archive_.pixels || archive_.labels || how_.samples == Preprocessing::Samples::kRows;
    if (!must && (how_.samples == Preprocessing::Samples::kFile || !options_.rows_are_samples || !agree(rows)))
      return {};
    if (archive_.labels && static_cast<int64_t>(archive_.labels->size()) != rows)
      return invalid(ErrorCode::kInvalidFile, path_,
                     concat(archive_.labels->size(), " labels for the ", rows, " rows of array ", counted()));
    for (const std::vector<NamedTensor>* list : {&archive_.sample.inputs, &archive_.sample.outputs})
      for (const NamedTensor& array : *list)
        if (!has_rows(array, rows))
          return invalid(ErrorCode::kInvalidFile, path_,
                         concat("array ", description(array), " does not have the ", rows, " rows of array ", counted(),
                                ", which are samples"));
    if (rows == 0) return error(concat("array ", counted(), " has no rows"));
    archive_.rows = rows;
    return {};
  }

  void describe() {
    std::string& text = archive_.description;
    if (archive_.rows)
      text = concat(*archive_.rows, *archive_.rows == 1 ? " sample, the row of " : " samples, the rows of ", counted());
    else
      text = concat("1 sample: ", arrays_in(archive_.sample.inputs));
    if (!others_.empty()) text += concat("; not used: ", arrays_in(others_));
  }

  const fs::path& path_;
  const DataSetOptions& options_;
  Preprocessing how_;
  Archive archive_;
  std::vector<NamedTensor> others_;
  std::string input_name_;  // where the input has another name than its array
};

Result<Sample> row_of(const Archive& archive, int64_t row, const DataSetOptions& options) {
  Sample sample;
  sample.name = *archive.rows == 1 ? archive.sample.name : concat(archive.sample.name, " row ", row);
  if (archive.labels) sample.label = (*archive.labels)[static_cast<std::size_t>(row)];
  for (const NamedTensor& input : archive.sample.inputs) {
    TEGULA_ASSIGN_OR_RETURN(Tensor tensor, slice_outermost(input.tensor, row, 1));
    sample.inputs.push_back({input.name, std::move(tensor)});
  }
  for (const NamedTensor& output : archive.sample.outputs) {
    TEGULA_ASSIGN_OR_RETURN(Tensor tensor, slice_outermost(output.tensor, row, 1));
    sample.outputs.push_back({output.name, std::move(tensor)});
  }
  if (archive.pixels) {
    TEGULA_ASSIGN_OR_RETURN(Tensor tensor, preprocess(archive.pixels->image(row), *options.preprocessing, sample.name));
    sample.inputs.push_back({options.inputs[0], std::move(tensor)});
  }
  return sample;
}

Error changed(const fs::path& path) {
  return invalid(ErrorCode::kInvalidFile, path, "it has changed since it was opened");
}

/// Where an archive's samples come from, for all of them.
struct Source {
  fs::path path;
  ReadArrays read;
  DataSetOptions options;
  std::shared_ptr<LastArchive> last;

  Result<Archive> make() const {
    TEGULA_ASSIGN_OR_RETURN(std::vector<NamedTensor> arrays, read());
    return ArchiveMaker(path, options).run(std::move(arrays));
  }
  Result<std::shared_ptr<const Archive>> archive() const {
    return last->get(path, [&] { return make(); });
  }
};

}  // namespace

Result<ArraySamples> array_samples(const fs::path& path, ReadArrays read, const DataSetOptions& options,
                                   std::shared_ptr<LastArchive> last) {
  const auto source = std::make_shared<const Source>(Source{path, std::move(read), options, std::move(last)});
  TEGULA_ASSIGN_OR_RETURN(Archive first, source->make());
  ArraySamples result;
  result.has_labels = first.labels.has_value();
  result.description = first.description;
  if (!first.rows) {
    result.samples.push_back([source]() -> Result<Sample> {
      TEGULA_ASSIGN_OR_RETURN(Archive whole, source->make());  // nobody else reads it: threads read side by side
      return std::move(whole.sample);
    });
    return result;
  }
  if (*first.rows == 1) {
    result.samples.push_back([source]() -> Result<Sample> {
      TEGULA_ASSIGN_OR_RETURN(const Archive whole, source->make());
      if (whole.rows != 1) return changed(source->path);
      return row_of(whole, 0, source->options);
    });
    return result;
  }
  const int64_t rows = *first.rows;
  source->last->put(path, std::move(first));
  for (int64_t row = 0; row < rows; ++row)
    result.samples.push_back([source, row]() -> Result<Sample> {
      TEGULA_ASSIGN_OR_RETURN(const std::shared_ptr<const Archive> all, source->archive());
      if (all->rows.value_or(0) <= row) return changed(source->path);
      return row_of(*all, row, source->options);
    });
  return result;
}

}  // namespace tegula::data
