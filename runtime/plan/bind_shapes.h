#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/loader/program_model.h"
#include "runtime/plan/shape_key.h"
#include "schema/base/result.h"

namespace tegula::runtime {

/// The values of all expressions of the program for the inputs that `key` describes. A dimension that is a bare symbol
/// gives the symbol its value where it is met first; every other dimension is evaluated and compared. kInvalidArgument:
/// an input whose dimensions do not fit, a symbol outside its range, or a constraint that does not hold, by its
/// message.
Result<std::vector<int64_t>> bind_shapes(const ProgramModel& model, const ShapeKeyLayout& layout,
                                         std::span<const int64_t> key);

}  // namespace tegula::runtime
