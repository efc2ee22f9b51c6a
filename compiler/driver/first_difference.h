#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compiler/data/tensor_data.h"
#include "compiler/driver/compare.h"
#include "compiler/driver/reference_model.h"
#include "tegula/instance.h"

namespace tegula::driver {

/// A step of a program whose result is not what the model's nodes compute.
struct StepDifference {
  std::string value;                    ///< that the step writes
  std::vector<std::string> onnx_nodes;  ///< that the step computes
  Difference difference;
};

struct FirstDifference {
  std::optional<StepDifference> step;  ///< nullopt: every step that could be compared agrees
  int64_t compared = 0;                ///< steps, the differing one included
};

/// Runs program and model on the same inputs and compares step by step: a step's result with what the last of its ONNX
/// nodes computes, in whichever layout the step has it. Steps whose result the model has no tensor for are left out.
/// Stops at the first result that is not within the tolerance.
Result<FirstDifference> find_first_difference(Instance& instance, std::span<const data::NamedTensor> inputs,
                                              const ReferenceModel& model, double tolerance);

}  // namespace tegula::driver
