#include "compiler/data/data_set.h"

#include <algorithm>
#include <charconv>
#include <memory>

#include "compiler/data/convert.h"
#include "compiler/data/npy.h"
#include "compiler/data/npz.h"
#include "compiler/data/pixel_array.h"
#include "compiler/data/tensor_pb.h"

namespace tegula::data {
namespace {

namespace fs = std::filesystem;
using Loader = std::function<Result<Sample>()>;

constexpr std::string_view kLabels = "labels";

Error invalid(ErrorCode code, const fs::path& path, std::string_view why) {
  return {code, concat(in_quotes(path.native()), ": ", why)};
}

std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + in_quotes(name);
  return text;
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// ---- archives of arrays

struct Archive {
  Sample sample;  ///< all rows
  std::optional<std::vector<int64_t>> labels;
};

Result<std::vector<int64_t>> labels_of(const fs::path& path, NamedTensor array) {
  if (array.tensor.dims.size() != 1 || is_float(array.tensor.dtype))
    return invalid(ErrorCode::kInvalidFile, path, concat(in_quotes(array.name), " is not a vector of integers"));
  TEGULA_ASSIGN_OR_RETURN(const Tensor labels,
                          convert_exactly(std::move(array.tensor), DType::kS64, in_quotes(array.name)));
  const auto values = labels.elements<int64_t>();
  return std::vector<int64_t>(values.begin(), values.end());
}

Result<Archive> read_archive(const fs::path& path, const DataSetOptions& options, std::vector<NamedTensor> arrays) {
  Archive archive;
  archive.sample.name = path.filename().string();
  std::vector<NamedTensor> others;
  for (NamedTensor& array : arrays) {
    if (contains(options.inputs, array.name)) {
      archive.sample.inputs.push_back(std::move(array));
    } else if (contains(options.outputs, array.name)) {
      archive.sample.outputs.push_back(std::move(array));
    } else if (array.name == kLabels) {
      TEGULA_ASSIGN_OR_RETURN(archive.labels, labels_of(path, std::move(array)));
    } else {
      others.push_back(std::move(array));
    }
  }
  if (archive.sample.inputs.empty() && options.inputs.size() == 1 && others.size() == 1)
    archive.sample.inputs.push_back({options.inputs[0], std::move(others[0].tensor)});
  for (const std::string& input : options.inputs)
    if (find_tensor(archive.sample.inputs, input) == nullptr)
      return invalid(
          ErrorCode::kInvalidArgument, path,
          concat("no array is named after the input ", in_quotes(input), "; the inputs are ", list_of(options.inputs)));
  if (archive.labels) {
    const auto rows = static_cast<int64_t>(archive.labels->size());
    for (const auto* list : {&archive.sample.inputs, &archive.sample.outputs})
      for (const NamedTensor& array : *list)
        if (array.tensor.dims.empty() || array.tensor.dims[0] != rows)
          return invalid(ErrorCode::kInvalidFile, path,
                         concat("array ", in_quotes(array.name), " has dimensions ", to_string(array.tensor.dims),
                                " for ", rows, " labels"));
  }
  return archive;
}

Result<Sample> row_of(const Archive& archive, int64_t row) {
  Sample sample;
  sample.name = concat(archive.sample.name, " row ", row);
  if (archive.labels) sample.label = (*archive.labels)[static_cast<std::size_t>(row)];
  for (const NamedTensor& input : archive.sample.inputs) {
    TEGULA_ASSIGN_OR_RETURN(Tensor tensor, slice_outermost(input.tensor, row, 1));
    sample.inputs.push_back({input.name, std::move(tensor)});
  }
  for (const NamedTensor& output : archive.sample.outputs) {
    TEGULA_ASSIGN_OR_RETURN(Tensor tensor, slice_outermost(output.tensor, row, 1));
    sample.outputs.push_back({output.name, std::move(tensor)});
  }
  return sample;
}

/// The pictures of one array, with labels and outputs of the other arrays.
struct Pictures {
  PixelArray pixels;
  Archive others;  ///< without inputs
};

Result<Sample> picture_of(const Pictures& pictures, int64_t row, const DataSetOptions& options) {
  TEGULA_ASSIGN_OR_RETURN(Sample sample, row_of(pictures.others, row));
  TEGULA_ASSIGN_OR_RETURN(Tensor tensor, preprocess(pictures.pixels.image(row), *options.preprocessing, sample.name));
  sample.inputs.push_back({options.inputs[0], std::move(tensor)});
  return sample;
}

/// nullopt: no array of the archive holds pictures.
Result<std::optional<std::vector<Loader>>> picture_loaders(const fs::path& path, std::vector<NamedTensor>& arrays,
                                                           const DataSetOptions& options, bool& has_labels) {
  const Preprocessing& how = *options.preprocessing;
  if (options.inputs.size() != 1) {
    if (how.array.empty()) return std::optional<std::vector<Loader>>();
    return invalid(ErrorCode::kInvalidArgument, path,
                   concat("an array of pictures feeds models of one input; this one has ", list_of(options.inputs)));
  }
  TEGULA_ASSIGN_OR_RETURN(auto pixels, PixelArray::take(arrays, options.inputs[0], how, path));
  if (!pixels) return std::optional<std::vector<Loader>>();
  auto pictures = std::make_shared<Pictures>(Pictures{std::move(*pixels), {}});
  Archive& others = pictures->others;
  others.sample.name = path.filename().string();
  const std::string labels(how.labels.empty() ? kLabels : std::string_view(how.labels));
  const int64_t count = pictures->pixels.size();
  const auto check_rows = [&](const std::string& name, int64_t rows) -> Status {
    if (rows == count) return {};
    return invalid(ErrorCode::kInvalidFile, path,
                   concat("array ", in_quotes(name), " has ", rows, " rows for the ", count, " pictures of ",
                          in_quotes(pictures->pixels.name())));
  };
  for (NamedTensor& array : arrays) {
    if (array.name == labels) {
      TEGULA_ASSIGN_OR_RETURN(others.labels, labels_of(path, std::move(array)));
      TEGULA_RETURN_IF_ERROR(check_rows(labels, static_cast<int64_t>(others.labels->size())));
    } else if (contains(options.outputs, array.name)) {
      TEGULA_RETURN_IF_ERROR(check_rows(array.name, array.tensor.dims.empty() ? 0 : array.tensor.dims[0]));
      others.sample.outputs.push_back(std::move(array));
    }
  }
  if (!how.labels.empty() && !others.labels)
    return invalid(ErrorCode::kInvalidArgument, path,
                   concat("there is no array ", in_quotes(how.labels), " of labels"));
  has_labels = has_labels || others.labels;
  std::vector<Loader> loaders;
  for (int64_t row = 0; row < count; ++row)
    loaders.push_back([pictures, row, options] { return picture_of(*pictures, row, options); });
  return std::optional(std::move(loaders));
}

Result<std::vector<Loader>> archive_loaders(const fs::path& path, const DataSetOptions& options, bool& has_labels) {
  TEGULA_ASSIGN_OR_RETURN(std::vector<NamedTensor> arrays, read_npz(path));
  if (options.preprocessing) {
    TEGULA_ASSIGN_OR_RETURN(auto pictures, picture_loaders(path, arrays, options, has_labels));
    if (pictures) return std::move(*pictures);
  }
  TEGULA_ASSIGN_OR_RETURN(Archive archive, read_archive(path, options, std::move(arrays)));
  std::vector<Loader> loaders;
  if (!archive.labels) {  // read again when it is its turn: a folder of many stays out of memory
    loaders.push_back([path, options]() -> Result<Sample> {
      TEGULA_ASSIGN_OR_RETURN(std::vector<NamedTensor> own, read_npz(path));
      TEGULA_ASSIGN_OR_RETURN(Archive again, read_archive(path, options, std::move(own)));
      return std::move(again.sample);
    });
    return loaders;
  }
  has_labels = true;
  const auto shared = std::make_shared<const Archive>(std::move(archive));
  for (int64_t row = 0; row < static_cast<int64_t>(shared->labels->size()); ++row)
    loaders.push_back([shared, row] { return row_of(*shared, row); });
  return loaders;
}

// ---- folders

std::vector<fs::path> files_with(const fs::path& folder, std::initializer_list<std::string_view> suffixes) {
  std::vector<fs::path> files;
  std::error_code code;
  for (fs::directory_iterator i(folder, code), end; !code && i != end; i.increment(code)) {
    std::string suffix = i->path().extension().string();
    std::transform(suffix.begin(), suffix.end(), suffix.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
    if (std::find(suffixes.begin(), suffixes.end(), suffix) != suffixes.end()) files.push_back(i->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

Result<Sample> load_npy_folder(const fs::path& folder, const DataSetOptions& options) {
  const auto file_of = [&](std::string name) {
    std::replace(name.begin(), name.end(), '/', '_');
    return folder / (name + ".npy");
  };
  Sample sample;
  sample.name = folder.filename().string();
  for (const std::string& input : options.inputs) {
    if (!fs::exists(file_of(input)))
      return invalid(ErrorCode::kInvalidArgument, folder,
                     concat("no file is named after the input ", in_quotes(input)));
    TEGULA_ASSIGN_OR_RETURN(Tensor tensor, read_npy(file_of(input)));
    sample.inputs.push_back({input, std::move(tensor)});
  }
  for (const std::string& output : options.outputs) {
    if (!fs::exists(file_of(output))) continue;
    TEGULA_ASSIGN_OR_RETURN(Tensor tensor, read_npy(file_of(output)));
    sample.outputs.push_back({output, std::move(tensor)});
  }
  return sample;
}

/// N of "input_N.pb".
std::optional<std::size_t> pb_index(const fs::path& file, std::string_view prefix) {
  const std::string stem = file.stem().string();
  std::size_t index = 0;
  if (!stem.starts_with(prefix)) return std::nullopt;
  const auto [end, code] = std::from_chars(stem.data() + prefix.size(), stem.data() + stem.size(), index);
  return code == std::errc{} && end == stem.data() + stem.size() ? std::optional(index) : std::nullopt;
}

Result<Sample> load_pb_folder(const fs::path& folder, const DataSetOptions& options) {
  Sample sample;
  sample.name = folder.filename().string();
  for (const fs::path& file : files_with(folder, {".pb"})) {
    const auto input = pb_index(file, "input_"), output = pb_index(file, "output_");
    if (!input && !output) continue;
    const auto& names = input ? options.inputs : options.outputs;
    const std::size_t index = input ? *input : *output;
    if (index >= names.size())
      return invalid(ErrorCode::kInvalidArgument, file,
                     concat("the model has only ", names.size(), input ? " inputs" : " outputs"));
    TEGULA_ASSIGN_OR_RETURN(NamedTensor tensor, read_tensor_pb(file));
    (input ? sample.inputs : sample.outputs).push_back({names[index], std::move(tensor.tensor)});
  }
  return sample;
}

std::vector<fs::path> pb_folders(const fs::path& folder) {
  std::vector<fs::path> folders;
  std::error_code code;
  for (fs::directory_iterator i(folder, code), end; !code && i != end; i.increment(code))
    if (i->is_directory(code) && i->path().filename().string().starts_with("test_data_set_"))
      folders.push_back(i->path());
  // By number, not by text: test_data_set_10 comes after test_data_set_9.
  std::sort(folders.begin(), folders.end(), [](const fs::path& a, const fs::path& b) {
    const std::string x = a.filename().string(), y = b.filename().string();
    return x.size() != y.size() ? x.size() < y.size() : x < y;
  });
  return folders;
}

Result<Sample> load_image(const fs::path& file, std::optional<int64_t> label, const DataSetOptions& options) {
  TEGULA_ASSIGN_OR_RETURN(const Image image, read_image(file));
  TEGULA_ASSIGN_OR_RETURN(Tensor tensor, preprocess(image, *options.preprocessing, in_quotes(file.native())));
  Sample sample;
  sample.name = file.filename().string();
  sample.label = label;
  sample.inputs.push_back({options.inputs[0], std::move(tensor)});
  return sample;
}

Result<std::vector<Loader>> image_loaders(const fs::path& folder, std::vector<fs::path> files,
                                          const DataSetOptions& options, bool& has_labels) {
  if (options.inputs.size() != 1)
    return invalid(ErrorCode::kInvalidArgument, folder,
                   concat("a folder of images feeds models of one input; this one has ", list_of(options.inputs)));
  if (!options.preprocessing)
    return invalid(ErrorCode::kInvalidArgument, folder,
                   "a folder of images needs its preprocessing: --preprocess 'short=256 crop=224 scale=1/255 ...'");
  std::vector<Loader> loaders;
  const fs::path labels_file = folder / "labels.csv";
  if (fs::exists(labels_file)) {
    has_labels = true;
    TEGULA_ASSIGN_OR_RETURN(const auto labels, read_labels(labels_file));
    for (const LabelledFile& labelled : labels)
      loaders.push_back([file = folder / labelled.file, label = labelled.label, options] {
        return load_image(file, label, options);
      });
  } else {
    for (fs::path& file : files)
      loaders.push_back([file = std::move(file), options] { return load_image(file, std::nullopt, options); });
  }
  return loaders;
}

}  // namespace

Result<DataSet> DataSet::open(const fs::path& path, const DataSetOptions& options) {
  DataSet set;
  std::error_code code;
  if (fs::is_regular_file(path, code) && path.extension() == ".npz") {
    TEGULA_ASSIGN_OR_RETURN(set.entries_, archive_loaders(path, options, set.has_labels_));
    return set;
  }
  if (!fs::is_directory(path, code))
    return invalid(
        ErrorCode::kInvalidArgument, path,
        code || !fs::exists(path) ? "there is no such file or folder" : "neither a .npz archive nor a folder");
  const auto archives = files_with(path, {".npz"});
  if (!archives.empty()) {
    for (const fs::path& archive : archives) {
      TEGULA_ASSIGN_OR_RETURN(auto loaders, archive_loaders(archive, options, set.has_labels_));
      std::move(loaders.begin(), loaders.end(), std::back_inserter(set.entries_));
    }
    return set;
  }
  if (!files_with(path, {".npy"}).empty()) {
    set.entries_.push_back([path, options] { return load_npy_folder(path, options); });
    return set;
  }
  auto folders = pb_folders(path);
  if (folders.empty() && !files_with(path, {".pb"}).empty()) folders.push_back(path);
  for (const fs::path& folder : folders)
    set.entries_.push_back([folder, options] { return load_pb_folder(folder, options); });
  if (!set.entries_.empty()) return set;
  auto images = files_with(path, {".jpg", ".jpeg", ".png"});
  if (images.empty() && !fs::exists(path / "labels.csv"))
    return invalid(ErrorCode::kInvalidArgument, path,
                   "holds no .npz, .npy, test_data_set_N or image; see README.md, \"Data\"");
  TEGULA_ASSIGN_OR_RETURN(set.entries_, image_loaders(path, std::move(images), options, set.has_labels_));
  return set;
}

}  // namespace tegula::data
