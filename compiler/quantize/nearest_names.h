#pragma once
#include <set>
#include <string>
#include <string_view>

namespace tegula::compiler {

/// For messages about a name that nothing has: the two of `names` that differ from `text` in the fewest letters, as
/// "'a' and 'b'"; the only one as "'a'"; empty without names.
std::string nearest_names(std::string_view text, const std::set<std::string>& names);

/// The one of `names` that differs from `text` in the fewest letters; empty without names.
std::string nearest_name(std::string_view text, const std::set<std::string>& names);

}  // namespace tegula::compiler
