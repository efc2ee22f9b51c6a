#pragma once
#include <concepts>
#include <cstdint>

#include "runtime/generated_program.h"

namespace tegula::runtime {

/// The fields of attribute tables that name something in the program, in the one place that validation, liveness and
/// planning share. A table that gains such a field gains a line here.

/// The quantization of a step's integer arithmetic; nullptr where it has none.
inline const schema::Requantize* requantize_of(const schema::Step& step) {
  switch (step.attributes_type()) {
    case schema::StepAttributes::Gemm: return step.attributes_as_Gemm()->requantize();
    case schema::StepAttributes::MatMul: return step.attributes_as_MatMul()->requantize();
    case schema::StepAttributes::Conv: return step.attributes_as_Conv()->requantize();
    default: return nullptr;
  }
}

/// Calls visit(value) for every value, or -1, that the step reads besides its inputs.
template <std::invocable<int32_t> Visit>
void for_each_named_value(const schema::Step& step, Visit&& visit) {
  if (const auto* post_ops = step.post_ops())
    for (const schema::PostOp* op : *post_ops) visit(op->operand());
  if (const schema::Gemm* gemm = step.attributes_as_Gemm()) visit(gemm->weight_scales());
  if (const schema::Requantize* requantize = requantize_of(step)) {
    visit(requantize->multipliers());
    visit(requantize->src_zero_point_value());
    visit(requantize->src_scale_value());
    visit(requantize->weight_zero_points());
    visit(requantize->weight_sums());
  }
}

/// Calls visit(list) for every list of expressions (possibly nullptr) in the step's attributes.
template <std::invocable<const flatbuffers::Vector<uint32_t>*> Visit>
void for_each_expression_list(const schema::Step& step, Visit&& visit) {
  switch (step.attributes_type()) {
    case schema::StepAttributes::Conv:
      visit(step.attributes_as_Conv()->pads_begin_expr());
      visit(step.attributes_as_Conv()->pads_end_expr());
      break;
    case schema::StepAttributes::ConvTranspose:
      visit(step.attributes_as_ConvTranspose()->pads_begin());
      visit(step.attributes_as_ConvTranspose()->pads_end());
      break;
    case schema::StepAttributes::Pool:
      visit(step.attributes_as_Pool()->pads_begin());
      visit(step.attributes_as_Pool()->pads_end());
      break;
    case schema::StepAttributes::Slice: visit(step.attributes_as_Slice()->starts()); break;
    case schema::StepAttributes::Pad: visit(step.attributes_as_Pad()->begins()); break;
    case schema::StepAttributes::Materialize: visit(step.attributes_as_Materialize()->elements()); break;
    case schema::StepAttributes::Trilu: visit(step.attributes_as_Trilu()->k()); break;
    case schema::StepAttributes::Resize:
      visit(step.attributes_as_Resize()->scales());
      visit(step.attributes_as_Resize()->roi());
      break;
    default: break;
  }
}

}  // namespace tegula::runtime
