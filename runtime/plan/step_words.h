#pragma once
#include <string>
#include <vector>

#include "runtime/steps/step.h"

namespace tegula::runtime {

/// What profiles and explanations say of a step.
struct StepWords {
  std::string name;    ///< of the first ONNX node that it computes
  std::string kind;    ///< "conv", "gemm", ...
  std::string dtypes;  ///< "f32,f32->f32"
  std::string shapes;  ///< "[1,56,56,64]->[1,56,56,64]"
};

StepWords words_of(const schema::Step& step, const std::vector<BoundTensor>& values);

}  // namespace tegula::runtime
