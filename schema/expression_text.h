#pragma once
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "schema/expressions.h"

namespace tegula {

/// An expression as people write it, such as "batch*12" or "ceil((height+2)/2)". Deep or long ones end in "...".
/// The table must have been validated; `symbol_name` is asked for the names of symbols by their index.
std::string expression_text(std::span<const ExprNode> nodes,
                            const std::function<std::string_view(std::size_t)>& symbol_name, uint32_t expression);

}  // namespace tegula
