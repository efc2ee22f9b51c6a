#include "compiler/driver/shape_options.h"

#include <charconv>
#include <optional>
#include <string_view>

namespace tegula::driver {
namespace {

std::optional<int64_t> size_of_text(std::string_view text) {
  int64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc{} && end == text.data() + text.size() && value >= 0 ? std::optional(value) : std::nullopt;
}

struct Assignment {
  std::string name;
  std::string_view value;
};

/// Splits at the last '=': names of inputs may hold one, sizes do not.
Result<Assignment> split(std::string_view option, std::string_view text, std::string_view example) {
  const std::size_t equals = text.rfind('=');
  if (equals == std::string_view::npos || equals == 0)
    return Error{ErrorCode::kInvalidArgument, concat(option, " ", text, ": want ", example)};
  return Assignment{std::string(text.substr(0, equals)), text.substr(equals + 1)};
}

Error given_twice(std::string_view option, std::string_view name) {
  return {ErrorCode::kInvalidArgument, concat(option, " ", name, " is given twice")};
}

std::vector<std::string> split_sizes(std::string_view text) {
  std::vector<std::string> sizes;
  if (text.empty()) return sizes;
  const char separator = text.find(',') != std::string_view::npos ? ',' : 'x';
  while (true) {
    const std::size_t end = text.find(separator);
    sizes.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return sizes;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

Result<std::map<std::string, std::pair<int64_t, int64_t>>> parse_dims(const std::vector<std::string>& texts) {
  constexpr std::string_view kExample = "NAME=SIZE or NAME=MIN..MAX, such as batch=8 or batch=1..64";
  std::map<std::string, std::pair<int64_t, int64_t>> dims;
  for (const std::string& text : texts) {
    TEGULA_ASSIGN_OR_RETURN(const Assignment dim, split("--dim", text, kExample));
    const std::size_t dots = dim.value.find("..");
    const auto low = size_of_text(dim.value.substr(0, dots));
    const auto high = dots == std::string_view::npos ? low : size_of_text(dim.value.substr(dots + 2));
    if (!low || !high || *low > *high)
      return Error{ErrorCode::kInvalidArgument, concat("--dim ", text, ": want ", kExample)};
    if (!dims.try_emplace(dim.name, *low, *high).second) return given_twice("--dim", dim.name);
  }
  return dims;
}

Result<std::map<std::string, int64_t>> parse_fixed_dims(const std::vector<std::string>& texts) {
  TEGULA_ASSIGN_OR_RETURN(const auto ranges, parse_dims(texts));
  std::map<std::string, int64_t> dims;
  for (const auto& [name, range] : ranges) {
    if (range.first != range.second)
      return Error{ErrorCode::kInvalidArgument,
                   concat("--dim ", name, ": want one size, such as ", name, "=", range.first)};
    dims[name] = range.first;
  }
  return dims;
}

Result<std::map<std::string, std::vector<std::string>>> parse_shapes(const std::vector<std::string>& texts) {
  constexpr std::string_view kExample = "INPUT=SIZExSIZE..., such as in=Nx3x224x224 or in=N,3,224,224";
  std::map<std::string, std::vector<std::string>> shapes;
  for (const std::string& text : texts) {
    TEGULA_ASSIGN_OR_RETURN(const Assignment shape, split("--shape", text, kExample));
    std::vector<std::string> sizes = split_sizes(shape.value);
    for (const std::string& size : sizes)
      if (size.empty()) return Error{ErrorCode::kInvalidArgument, concat("--shape ", text, ": want ", kExample)};
    if (!shapes.try_emplace(shape.name, std::move(sizes)).second) return given_twice("--shape", shape.name);
  }
  return shapes;
}

Result<std::map<std::string, Dims>> parse_fixed_shapes(const std::vector<std::string>& texts) {
  TEGULA_ASSIGN_OR_RETURN(const auto shapes, parse_shapes(texts));
  std::map<std::string, Dims> fixed;
  for (const auto& [name, sizes] : shapes) {
    Dims& dims = fixed[name];
    for (const std::string& size : sizes) {
      const auto value = size_of_text(size);
      if (!value)
        return Error{ErrorCode::kInvalidArgument,
                     concat("--shape ", name, ": '", size, "' is no number; want sizes such as 8x3x224x224")};
      dims.push_back(*value);
    }
  }
  return fixed;
}

}  // namespace tegula::driver
