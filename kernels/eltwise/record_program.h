#pragma once
#include <span>

#include "jit/vector/program.h"
#include "schema/base/dtype.h"
#include "schema/base/result.h"
#include "schema/function.h"

namespace tegula::kernels {

/// A program as primitive operations on lanes: input i is the program's input i, a vector of f32 or s32 or, for bool, a
/// mask; the only output is the result. s8 and u8 inputs come widened to s32. kUnsupported says which instruction or
/// type generated code does not have.
Result<jit::VectorProgram> record_program(const FunctionProgram& program, std::span<const DType> inputs);

}  // namespace tegula::kernels
