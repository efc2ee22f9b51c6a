#include <charconv>

#include "compiler/data/data_set.h"
#include "compiler/data/files.h"

namespace tegula::data {

Result<std::vector<LabelledFile>> read_labels(const std::filesystem::path& path) {
  TEGULA_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  std::vector<LabelledFile> labels;
  std::string_view rest = text;
  for (int line_number = 1; !rest.empty(); ++line_number) {
    const std::size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    const std::size_t comma = line.rfind(',');
    int64_t label = -1;
    bool is_number = false;
    if (comma != std::string_view::npos) {
      const auto [stop, code] = std::from_chars(line.data() + comma + 1, line.data() + line.size(), label);
      is_number = code == std::errc{} && stop == line.data() + line.size() && label >= 0;
    }
    if (!is_number && line_number == 1) continue;
    const std::string_view file = line.substr(0, comma);
    if (!is_number || file.empty())
      return Error{ErrorCode::kInvalidFile, concat(in_quotes(path.native()), ", line ", line_number, ": ",
                                                   in_quotes(line), " is not 'file,class_index'")};
    if (std::filesystem::path(file).is_absolute() || file.find("..") != std::string_view::npos)
      return Error{ErrorCode::kInvalidFile, concat(in_quotes(path.native()), ", line ", line_number, ": ",
                                                   in_quotes(file), " is outside the folder")};
    labels.push_back({std::string(file), label, line_number});
  }
  if (labels.empty()) return Error{ErrorCode::kInvalidFile, concat(in_quotes(path.native()), " lists no file")};
  return labels;
}

}  // namespace tegula::data
