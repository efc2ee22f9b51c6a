#pragma once
#include <algorithm>

#include "kernels/scatter/scatter.h"

namespace tegula::kernels {

/// element op= update.
template <typename T>
void apply_update(ScatterReduction reduction, T& element, T update) {
  switch (reduction) {
    case ScatterReduction::kNone: element = update; return;
    case ScatterReduction::kAdd: element = wrapping_add(element, update); return;
    case ScatterReduction::kMul: element = wrapping_mul(element, update); return;
    case ScatterReduction::kMax:
      if (!(element != element) && !(update < element)) element = update;  // NaN stays, and a NaN update comes in
      return;
    case ScatterReduction::kMin:
      if (!(element != element) && !(element < update)) element = update;
      return;
  }
}

/// visit(T{}) with what the reduction computes with: any type of the element's size when it only moves.
template <typename Visit>
Status visit_scattered(ScatterReduction reduction, DType type, Visit&& visit) {
  return reduction == ScatterReduction::kNone ? visit_by_size(type, visit) : visit_native(type, visit);
}

/// dst = src unless they are the same memory.
void copy_unless_same(const TensorView& src, const TensorView& dst);

/// What both scatters ask of their operands.
Status check_scatter(std::string_view kernel, ScatterReduction reduction, Views inputs, Views outputs);

}  // namespace tegula::kernels
