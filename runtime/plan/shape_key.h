#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/loader/program_model.h"

namespace tegula::runtime {

/// What determines a plan, as one row of integers: the dimensions of each input in the program's order, followed by the
/// elements of those inputs that feed shapes. Its length is the same for every call.
struct ShapeKeyLayout {
  std::vector<std::size_t> dims;      ///< where each input's dimensions begin
  std::vector<std::size_t> elements;  ///< where each input's elements begin; only for inputs that feed shapes
  std::size_t length = 0;

  explicit ShapeKeyLayout(const ProgramModel& model) {
    for (const ProgramModel::Port& port : model.inputs) {
      dims.push_back(length);
      length += static_cast<std::size_t>(model.values[port.value].rank);
    }
    for (const ProgramModel::Port& port : model.inputs) {
      elements.push_back(length);
      length += port.element_symbols.size();
    }
  }
};

}  // namespace tegula::runtime
