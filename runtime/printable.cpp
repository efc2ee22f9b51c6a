#include "runtime/printable.h"

namespace tegula::runtime {

std::string quoted(std::string_view name) {
  return '"' + printable(name) + '"';
}

}  // namespace tegula::runtime
