#pragma once
#include <string>

#include "schema/program_generated.h"

namespace tegula::driver {

/// The ONNX operator that a step stands for, by the name that is usual: "Conv", "MatMul", "ReduceMean"; of a chain of
/// elementwise functions that of the first one that computes. Steps that only change the type of real numbers are
/// "Cast", "QuantizeLinear" or "DequantizeLinear".
std::string operator_type(const schema::ProgramT& tables, const schema::StepT& step);

/// Only for steps that do nothing but change the type of real numbers: their operator_type(); else empty.
std::string conversion_type(const schema::ProgramT& tables, const schema::StepT& step);

/// "FP32", "BF16", "FP16", "INT8": the type that a product multiplies, that a Cast gives, and otherwise that of the
/// result, or of the first operand where the result is no real number. QuantizeLinear, DequantizeLinear and
/// DynamicQuantizeLinear are "INT8". "Other": the step has no real numbers.
std::string step_precision(const schema::ProgramT& tables, const schema::StepT& step);

}  // namespace tegula::driver
