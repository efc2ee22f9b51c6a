#pragma once
#include <span>

#include "jit/vector/program.h"
#include "schema/base/dtype.h"
#include "schema/base/result.h"
#include "schema/function.h"

namespace tegula::kernels {

/// A program as primitive operations on lanes: input i is the program's input i, a vector of f32 or s32 or, for bool, a
/// mask; the only output is the result. s8 and u8 come and go widened to s32, bf16 as f32 of equal value. kUnsupported
/// says which instruction or
/// type generated code does not have.
///
/// With `converts_at_end` the last instruction, a cast to bf16, is left to whoever stores the result: that is f32.
Result<jit::VectorProgram> record_program(const FunctionProgram& program, std::span<const DType> inputs,
                                          bool converts_at_end = false);

}  // namespace tegula::kernels
