#include "compiler/quantize/nearest_names.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "schema/base/result.h"

namespace tegula::compiler {
namespace {

/// Insertions, deletions and exchanges of letters that make one text of the other (Levenshtein's distance); 1 where one
/// is the other's beginning, of at least three letters.
std::size_t distance(std::string_view a, std::string_view b) {
  const std::size_t shorter = std::min(a.size(), b.size());
  if (shorter >= 3 && a != b && a.substr(0, shorter) == b.substr(0, shorter)) return 1;
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t exchanged = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, exchanged});
    }
  }
  return row.back();
}

/// By distance.
std::vector<std::pair<std::size_t, std::string_view>> by_distance(std::string_view text,
                                                                  const std::set<std::string>& names) {
  constexpr std::size_t kLongest = 200;  // of a name that is compared: the work grows with the square
  std::vector<std::pair<std::size_t, std::string_view>> nearest;
  for (const std::string& name : names)
    nearest.emplace_back(distance(text.substr(0, kLongest), std::string_view(name).substr(0, kLongest)), name);
  std::sort(nearest.begin(), nearest.end());
  return nearest;
}

}  // namespace

std::string nearest_names(std::string_view text, const std::set<std::string>& names) {
  const auto nearest = by_distance(text, names);
  if (nearest.empty()) return "";
  if (nearest.size() == 1) return concat("'", nearest[0].second, "'");
  return concat("'", nearest[0].second, "' and '", nearest[1].second, "'");
}

std::string nearest_name(std::string_view text, const std::set<std::string>& names) {
  const auto nearest = by_distance(text, names);
  return nearest.empty() ? std::string() : std::string(nearest[0].second);
}

}  // namespace tegula::compiler
