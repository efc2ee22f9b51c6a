#include "compiler/data/npy_header.h"

#include <cctype>
#include <optional>

#include "kernels/tensor_view.h"

namespace tegula::data {
namespace {

/// A cursor over the dictionary's text. Every read skips the blanks before it.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool take(char c) {
    skip_blanks();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool take_word(std::string_view word) {
    skip_blanks();
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  /// A string in single or double quotes, without escapes.
  std::optional<std::string_view> string() {
    skip_blanks();
    if (rest_.empty() || (rest_.front() != '\'' && rest_.front() != '"')) return std::nullopt;
    const std::size_t end = rest_.find(rest_.front(), 1);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view text = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    return text;
  }
  /// A decimal number without sign; Python 2 wrote some with an L behind.
  std::optional<int64_t> integer() {
    skip_blanks();
    int64_t value = 0;
    std::size_t digits = 0;
    for (; digits < rest_.size() && std::isdigit(static_cast<unsigned char>(rest_[digits])); ++digits)
      if (__builtin_mul_overflow(value, int64_t{10}, &value) ||
          __builtin_add_overflow(value, rest_[digits] - '0', &value))
        return std::nullopt;
    if (digits == 0) return std::nullopt;
    rest_.remove_prefix(digits);
    if (!rest_.empty() && rest_.front() == 'L') rest_.remove_prefix(1);
    return value;
  }
  bool at_end() {
    skip_blanks();
    return rest_.empty();
  }

 private:
  void skip_blanks() {
    while (!rest_.empty() && std::isspace(static_cast<unsigned char>(rest_.front()))) rest_.remove_prefix(1);
  }
  std::string_view rest_;
};

std::optional<DType> dtype_of_descr(std::string_view kind_and_size) {
  struct Row {
    std::string_view text;
    DType dtype;
  };
  static constexpr Row kRows[] = {
      {"f4", DType::kF32}, {"f2", DType::kF16},  {"f8", DType::kF64},  {"i1", DType::kS8},  {"u1", DType::kU8},
      {"i2", DType::kS16}, {"u2", DType::kU16},  {"i4", DType::kS32},  {"u4", DType::kU32}, {"i8", DType::kS64},
      {"u8", DType::kU64}, {"b1", DType::kBool}, {"V2", DType::kBF16},
  };
  for (const Row& row : kRows)
    if (row.text == kind_and_size) return row.dtype;
  return std::nullopt;
}

Error malformed(std::string_view what) {
  return {ErrorCode::kInvalidFile, concat("its .npy header ", what, "; write the file again with NumPy")};
}

Status parse_descr(std::string_view descr, NpyHeader& header) {
  std::string_view kind = descr;
  char order = '|';
  if (!kind.empty() && std::string_view("<>|=").find(kind.front()) != std::string_view::npos) {
    order = kind.front();
    kind.remove_prefix(1);
  }
  const auto dtype = dtype_of_descr(kind);
  if (!dtype)
    return Error{ErrorCode::kUnsupported,
                 concat("dtype ", in_quotes(descr), " is not read; save numbers or bool, such as float32")};
  header.dtype = *dtype;
  header.swap_bytes = order == '>' && size_of(*dtype) > 1;
  return {};
}

Status parse_shape(Scanner& scanner, NpyHeader& header) {
  if (!scanner.take('(')) return malformed("has no tuple for 'shape'");
  while (!scanner.take(')')) {
    const auto size = scanner.integer();
    if (!size) return malformed("has a 'shape' that is not a tuple of sizes");
    if (header.dims.size() == static_cast<std::size_t>(kernels::kMaxRank))
      return Error{ErrorCode::kUnsupported, concat("it has more than ", kernels::kMaxRank, " dimensions")};
    header.dims.push_back(*size);
    if (scanner.take(')')) break;
    if (!scanner.take(',')) return malformed("has a 'shape' that is not a tuple of sizes");
  }
  if (!checked_element_count(header.dims)) return malformed(concat("asks for ", to_string(header.dims), " elements"));
  return {};
}

}  // namespace

Result<NpyHeader> parse_npy_header(std::string_view text) {
  NpyHeader header;
  Scanner scanner(text);
  bool has_descr = false, has_order = false, has_shape = false;
  if (!scanner.take('{')) return malformed("is not a dictionary");
  while (!scanner.take('}')) {
    const auto key = scanner.string();
    if (!key || !scanner.take(':')) return malformed("is not a dictionary of names");
    if (*key == "descr" && !has_descr) {
      has_descr = true;
      const auto descr = scanner.string();
      if (!descr) return Error{ErrorCode::kUnsupported, "structured dtypes are not read; save each field as an array"};
      TEGULA_RETURN_IF_ERROR(parse_descr(*descr, header));
    } else if (*key == "fortran_order" && !has_order) {
      has_order = true;
      header.fortran_order = scanner.take_word("True");
      if (!header.fortran_order && !scanner.take_word("False")) return malformed("has no bool for 'fortran_order'");
    } else if (*key == "shape" && !has_shape) {
      has_shape = true;
      TEGULA_RETURN_IF_ERROR(parse_shape(scanner, header));
    } else {
      return malformed(concat("has the unexpected key ", in_quotes(*key)));
    }
    if (scanner.take('}')) break;
    if (!scanner.take(',')) return malformed("is not a dictionary");
  }
  if (!has_descr || !has_order || !has_shape) return malformed("lacks one of 'descr', 'fortran_order', 'shape'");
  if (!scanner.at_end()) return malformed("has text after the dictionary");
  return header;
}

}  // namespace tegula::data
