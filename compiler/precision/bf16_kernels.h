#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "compiler/graph/graph.h"

namespace tegula::compiler {

/// Which types the kernels of an operation read and write where the graph has f32.
enum class Bf16Form : uint8_t {
  kProduct,    ///< operands are all f32 or all bf16; of bf16 the result is of either type, of f32 it is f32
  kAverage,    ///< the same for one operand
  kConverter,  ///< each operand and the result may be of either type
  kMover,      ///< operands and results have one type, either
  kResult,     ///< operands are no real numbers; the result is of either type
  kNone,       ///< f32 only
};

struct Bf16Ends {
  Bf16Form form = Bf16Form::kNone;
  std::vector<std::size_t> operands;  ///< that the form speaks of; all others are what they are
  std::string refusal;                ///< of kNone: why, for an operation that a user might want in bf16
};

Bf16Ends bf16_ends(const Node& node);

/// A convolution that gives each channel a filter of its own.
bool is_depthwise(const Node& node);

}  // namespace tegula::compiler
