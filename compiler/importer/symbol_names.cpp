#include "compiler/importer/symbol_names.h"

#include <algorithm>

namespace tegula::compiler {

std::string to_identifier(std::string_view text) {
  std::string name;
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9', letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (name.empty() && digit) name = "_";
    name += digit || letter ? c : '_';
  }
  return name.empty() ? "_" : name;
}

std::string unused_symbol(const Graph& graph, std::string_view text) {
  const auto taken = [&](const std::string& name) {
    return std::any_of(graph.symbols.begin(), graph.symbols.end(),
                       [&](const SymbolRange& s) { return s.name == name; });
  };
  const std::string identifier = to_identifier(text);
  std::string name = identifier;
  for (int i = 2; taken(name); ++i) name = concat(identifier, '_', i);
  return name;
}

}  // namespace tegula::compiler
