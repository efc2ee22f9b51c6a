#pragma once
#include <span>

#include "compiler/lowering/lower_context.h"
#include "compiler/ops/import_helpers.h"
#include "compiler/ops/infer_helpers.h"
#include "kernels/plain_loops.h"

namespace tegula::compiler {

/// The evaluate() of an op whose kernel is a plain function with a descriptor (kernels/plain_loops.h).
template <typename Desc, typename Function>
Status evaluate_plain(const Desc& desc, Function function, kernels::Views inputs, kernels::Views outputs) {
  TEGULA_RETURN_IF_ERROR(check(desc, inputs, outputs));
  return function(desc, inputs, outputs);
}

inline bool is_index_type(DType type) {
  return kernels::is_index_type(type);
}

}  // namespace tegula::compiler
