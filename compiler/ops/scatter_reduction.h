#pragma once
#include <optional>
#include <string_view>

#include "kernels/scatter/scatter.h"

namespace tegula::compiler {

/// The values of the attribute `reduction` of scatter_elements and scatter_nd.
inline std::optional<kernels::ScatterReduction> scatter_reduction(std::string_view name) {
  constexpr std::string_view kNames[] = {"none", "add", "mul", "max", "min"};
  for (std::size_t i = 0; i < std::size(kNames); ++i)
    if (kNames[i] == name) return static_cast<kernels::ScatterReduction>(i);
  return std::nullopt;
}

}  // namespace tegula::compiler
