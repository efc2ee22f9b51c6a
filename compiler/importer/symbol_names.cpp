#include "compiler/importer/symbol_names.h"

#include <algorithm>

namespace tegula::compiler {
namespace {

bool is_taken(const Graph& graph, const std::string& name) {
  return std::any_of(graph.symbols.begin(), graph.symbols.end(), [&](const SymbolRange& s) { return s.name == name; });
}

}  // namespace

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
  const std::string identifier = to_identifier(text);
  std::string name = identifier;
  for (int i = 2; is_taken(graph, name); ++i) name = concat(identifier, '_', i);
  return name;
}

std::vector<std::string> unused_element_symbols(const Graph& graph, std::string_view input, int64_t count) {
  const std::string identifier = to_identifier(input);
  std::string base = identifier;
  for (int i = 2; is_taken(graph, base + "[0]"); ++i) base = concat(identifier, '_', i);
  std::vector<std::string> names;
  for (int64_t i = 0; i < count; ++i) names.push_back(concat(base, '[', i, ']'));
  return names;
}

}  // namespace tegula::compiler
