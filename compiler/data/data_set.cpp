#include "compiler/data/data_set.h"

#include <algorithm>
#include <charconv>

#include "compiler/data/array_samples.h"
#include "compiler/data/messages.h"
#include "compiler/data/npy.h"
#include "compiler/data/npz.h"
#include "compiler/data/tensor_pb.h"

namespace tegula::data {
namespace {

namespace fs = std::filesystem;
using Loader = std::function<Result<Sample>()>;

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

/// The arrays that the model and the data set have names for.
Result<std::vector<NamedTensor>> read_npy_folder(const fs::path& folder, const DataSetOptions& options) {
  std::vector<std::string> names = options.inputs;
  names.insert(names.end(), options.outputs.begin(), options.outputs.end());
  const bool own_name = options.preprocessing && !options.preprocessing->labels.empty();
  names.push_back(own_name ? options.preprocessing->labels : "labels");
  std::vector<NamedTensor> arrays;
  for (const std::string& name : names) {
    std::string stem = name;
    std::replace(stem.begin(), stem.end(), '/', '_');
    const fs::path file = folder / (stem + ".npy");
    if (!fs::exists(file) || find_tensor(arrays, name) != nullptr) continue;
    TEGULA_ASSIGN_OR_RETURN(Tensor tensor, read_npy(file));
    arrays.push_back({name, std::move(tensor)});
  }
  for (const std::string& input : options.inputs)
    if (find_tensor(arrays, input) == nullptr)
      return invalid(
          ErrorCode::kInvalidArgument, folder,
          concat("no file is named after the input ", in_quotes(input), "; the inputs are ", list_of(options.inputs)));
  return arrays;
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
    for (const LabelledFile& labelled : labels)
      if (!fs::exists(folder / labelled.file))
        return invalid(ErrorCode::kInvalidFile, labels_file,
                       concat("line ", labelled.line, ": there is no file ", in_quotes(labelled.file)));
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
  const auto take = [&](ArraySamples samples) {
    std::move(samples.samples.begin(), samples.samples.end(), std::back_inserter(set.entries_));
    set.has_labels_ = set.has_labels_ || samples.has_labels;
    if (set.description_.empty()) set.description_ = std::move(samples.description);
  };
  const std::string suffix = path.extension().string();
  if (fs::is_regular_file(path, code) && (suffix == ".npz" || suffix == ".npy")) {
    const auto read = [path, suffix]() -> Result<std::vector<NamedTensor>> {
      if (suffix == ".npz") return read_npz(path);
      std::vector<NamedTensor> arrays(1, NamedTensor{path.stem().string(), {}});
      TEGULA_ASSIGN_OR_RETURN(arrays[0].tensor, read_npy(path));
      return arrays;
    };
    TEGULA_ASSIGN_OR_RETURN(ArraySamples samples, array_samples(path, read, options, make_last_archive()));
    take(std::move(samples));
    return set;
  }
  if (!fs::is_directory(path, code))
    return invalid(
        ErrorCode::kInvalidArgument, path,
        code || !fs::exists(path) ? "there is no such file or folder" : "neither an archive (.npz, .npy) nor a folder");
  const auto archives = files_with(path, {".npz"});
  if (!archives.empty()) {
    const auto last = make_last_archive();
    for (const fs::path& archive : archives) {
      TEGULA_ASSIGN_OR_RETURN(ArraySamples samples,
                              array_samples(archive, [archive] { return read_npz(archive); }, options, last));
      take(std::move(samples));
    }
    if (archives.size() > 1)
      set.description_ =
          concat(set.size(), " samples in ", archives.size(), " archives, the first with ", set.description_);
    return set;
  }
  if (!files_with(path, {".npy"}).empty()) {
    const auto read = [path, options] { return read_npy_folder(path, options); };
    TEGULA_ASSIGN_OR_RETURN(ArraySamples samples, array_samples(path, read, options, make_last_archive()));
    take(std::move(samples));
    return set;
  }
  auto folders = pb_folders(path);
  if (folders.empty() && !files_with(path, {".pb"}).empty()) folders.push_back(path);
  for (const fs::path& folder : folders)
    set.entries_.push_back([folder, options] { return load_pb_folder(folder, options); });
  set.description_ = concat(set.size(), " folders of .pb files");
  if (!set.entries_.empty()) return set;
  auto images = files_with(path, {".jpg", ".jpeg", ".png"});
  if (images.empty() && !fs::exists(path / "labels.csv"))
    return invalid(ErrorCode::kInvalidArgument, path,
                   "holds no .npz, .npy, test_data_set_N or image; see README.md, \"Data\"");
  TEGULA_ASSIGN_OR_RETURN(set.entries_, image_loaders(path, std::move(images), options, set.has_labels_));
  set.description_ =
      concat(set.size(), " images", set.has_labels_ ? " that labels.csv lists" : ", without a labels.csv");
  return set;
}

}  // namespace tegula::data
