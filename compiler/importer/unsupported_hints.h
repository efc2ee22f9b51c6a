#pragma once
#include <string>
#include <string_view>

namespace tegula::compiler {

/// What to do about a node whose operator we do not have, for the list of unsupported nodes.
std::string hint_for(std::string_view domain, std::string_view op_type);

}  // namespace tegula::compiler
