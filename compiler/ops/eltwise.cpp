// dst[i] = program(inputs[i]...): a chain of elementwise functions (schema/function.h) over inputs that are broadcast
// to one shape.
//
// Attribute: program (FunctionProgram).
#include "kernels/eltwise/eltwise.h"
#include "compiler/lowering/lower_context.h"
#include "compiler/ops/broadcast.h"
#include "compiler/ops/eltwise_contents.h"
#include "compiler/ops/op_def.h"
#include "schema/function_types.h"

namespace tegula::compiler {
namespace {

Status infer_eltwise(InferContext& context) {
  if (!context.node.attributes.has("program")) return context.error("the attribute 'program' is missing");
  std::vector<DType> input_types;
  Shape shape;
  for (std::size_t i = 0; i < context.node.inputs.size(); ++i) {
    if (!context.has_input(i)) return context.error(concat("input ", i, " is missing"));
    input_types.push_back(context.input(i).dtype);
    if (i == 0) {
      shape = context.input(0).shape;
    } else {
      TEGULA_ASSIGN_OR_RETURN(shape, broadcast(context, shape, context.input(i).shape));
    }
  }
  auto types = result_types(context.node.attributes.program("program"), input_types);
  if (!types.ok()) return context.error(types.error().message);
  auto contents = eltwise_contents(context.node, *types, shape);
  context.outputs.push_back({types->back(), std::move(shape), std::move(contents)});
  return {};
}

Status evaluate_eltwise(const Node& node, std::span<const kernels::TensorView> inputs,
                        std::span<const kernels::TensorView> outputs) {
  const FunctionProgram& program = node.attributes.program("program");
  TEGULA_RETURN_IF_ERROR(kernels::check_eltwise(program, inputs, outputs[0]));
  return kernels::eltwise_reference(program, inputs, outputs[0]);
}

Status lower_eltwise(LowerContext&, const Node& node, schema::StepT& step) {
  schema::EltwiseT eltwise;
  for (const FunctionInstruction& instruction : node.attributes.program("program").instructions) {
    auto row = std::make_unique<schema::FunctionInstructionT>();
    row->function = static_cast<uint16_t>(instruction.function);
    row->a = instruction.a;
    row->b = instruction.b;
    row->c = instruction.c;
    row->alpha = instruction.alpha;
    row->beta = instruction.beta;
    row->to = static_cast<uint8_t>(instruction.to);
    eltwise.instructions.push_back(std::move(row));
  }
  step.attributes.Set(std::move(eltwise));
  return {};
}

}  // namespace

const OpDef eltwise_op = {
    .name = "eltwise",
    .infer = infer_eltwise,
    .evaluate = evaluate_eltwise,
    .lower = lower_eltwise,
    .in_place = true,
    .strided_inputs = true,
    .strided_outputs = true,
};

}  // namespace tegula::compiler
