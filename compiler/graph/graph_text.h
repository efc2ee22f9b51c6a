#pragma once
// Pieces of the text form that others than print() and parse() want. README.md in this folder has the grammar.
#include <string>
#include <string_view>

#include "compiler/graph/graph.h"

namespace tegula::compiler {

std::string name_text(std::string_view name);      ///< quoted where it has to be, without '%'
std::string to_text(const Attribute& attribute);   ///< equal attributes, and only those, have equal texts
std::string type_text(const Value& value);         ///< "f32[batch,3,224,224]"
std::string literal_text(const Literal& literal);  ///< "[1, 2]", "fill(0)", "random(123)"

}  // namespace tegula::compiler
