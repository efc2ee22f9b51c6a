#include "compiler/driver/preprocessing_file.h"

#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <set>

#include "compiler/data/files.h"

namespace tegula::driver {
namespace {

using data::in_quotes;

constexpr uint64_t kLargestFile = 64 << 10;

bool is_yaml(const std::string& text) {
  const std::string suffix = std::filesystem::path(text).extension().string();
  return suffix == ".yaml" || suffix == ".yml";
}

/// "mean=.1,.2,.3" of a key and its value.
Result<std::string> word_of(const std::string& key, const YAML::Node& value) {
  const auto is_word = [](const YAML::Node& node) {
    return node.IsScalar() && node.Scalar().find_first_of(" \t\n\r") == std::string::npos && !node.Scalar().empty();
  };
  const auto error = [&] {
    return Error{ErrorCode::kInvalidFile, concat("line ", value.Mark().line + 1, ": ", in_quotes(key),
                                                 " is neither one value nor a list of values")};
  };
  if (is_word(value)) return key + "=" + value.Scalar();
  if (!value.IsSequence() || value.size() == 0) return error();
  const std::string_view separator = key == "size" || key == "crop" ? "x" : ",";
  std::string word = key + "=";
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (!is_word(value[i])) return error();
    word += concat(i == 0 ? "" : separator, value[i].Scalar());
  }
  return word;
}

Result<std::string> words_of(const std::string& text) {
  try {
    const YAML::Node document = YAML::Load(text);
    if (!document.IsMap()) return Error{ErrorCode::kInvalidFile, "it does not hold 'key: value' lines"};
    std::string words;
    std::set<std::string> keys;
    for (const auto& entry : document) {
      if (!entry.first.IsScalar()) return Error{ErrorCode::kInvalidFile, "a key is no word"};
      TEGULA_ASSIGN_OR_RETURN(const std::string word, word_of(entry.first.Scalar(), entry.second));
      const std::string line = concat("line ", entry.first.Mark().line + 1, ": ");
      if (!keys.insert(entry.first.Scalar()).second)
        return Error{ErrorCode::kInvalidFile, concat(line, in_quotes(entry.first.Scalar()), " stands twice")};
      if (const auto alone = data::parse_preprocessing(word); !alone.ok())
        return Error{ErrorCode::kInvalidFile, concat(line, alone.error().message)};
      words += (words.empty() ? "" : " ") + word;
    }
    return words;
  } catch (const YAML::Exception& error) {
    return Error{ErrorCode::kInvalidFile, concat("line ", error.mark.line + 1, ": ", in_quotes(error.msg))};
  }
}

}  // namespace

Result<data::Preprocessing> read_preprocessing(const std::string& words_or_file) {
  if (!is_yaml(words_or_file)) return data::parse_preprocessing(words_or_file);
  TEGULA_ASSIGN_OR_RETURN(const std::string text, data::read_file(words_or_file, kLargestFile));
  const auto of_file = [&](const Error& error) {
    return Error{error.code, concat(in_quotes(words_or_file), ": ", error.message)};
  };
  const auto words = words_of(text);
  if (!words.ok()) return of_file(words.error());
  auto preprocessing = data::parse_preprocessing(*words);
  return preprocessing.ok() ? std::move(preprocessing) : of_file(preprocessing.error());
}

}  // namespace tegula::driver
