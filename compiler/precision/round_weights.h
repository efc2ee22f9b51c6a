#pragma once
#include "compiler/graph/literal.h"

namespace tegula::compiler {

/// An fp32 literal as bf16, each element rounded to nearest even.
Literal rounded_to_bf16(const Literal& literal);

}  // namespace tegula::compiler
