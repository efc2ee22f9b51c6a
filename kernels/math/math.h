#pragma once
#include "schema/function.h"

// fp32 functions in plain C++, to the bit what generated code computes: the templates of this folder on scalar.h's
// types, compiled once. Not for speed.
namespace tegula::kernels::math {

/// A unary function of fp32 (fp32_kind: kUnary).
float apply(Function function, float x, float alpha, float beta);
/// A binary one (kBinary).
float apply(Function function, float x, float y);
/// A predicate (kPredicate).
bool apply_predicate(Function function, float x, float y, float alpha, float beta);

float exp(float x);
float log(float x);

}  // namespace tegula::kernels::math
