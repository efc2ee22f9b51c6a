#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "compiler/graph/graph.h"

namespace tegula::compiler {

/// `text` as an identifier, which expressions over symbols can spell: what is neither letter, digit nor '_' becomes
/// '_'.
std::string to_identifier(std::string_view text);

/// to_identifier(text), or that with a number when the graph already has such a symbol.
std::string unused_symbol(const Graph& graph, std::string_view text);

/// The symbols of the elements of a shape input: "starts[0]", "starts[1]" ... They may have any value, negative ones
/// too.
std::vector<std::string> unused_element_symbols(const Graph& graph, std::string_view input, int64_t count);

}  // namespace tegula::compiler
