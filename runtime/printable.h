#pragma once
#include <string>
#include <string_view>

#include "schema/printable.h"

namespace tegula::runtime {

/// A name out of a file, printable and in quotation marks.
std::string quoted(std::string_view name);

}  // namespace tegula::runtime
