#include "compiler/driver/step_type.h"

#include <string_view>

#include "compiler/quantize/operator_types.h"
#include "schema/base/dtype.h"
#include "schema/function.h"

namespace tegula::driver {
namespace {

using schema::StepAttributes;

constexpr std::string_view kOther = "Other";

/// Indices come from a file: what they do not lead to is absent.
const schema::ValueT* value_at(const schema::ProgramT& tables, int64_t index) {
  return index >= 0 && index < static_cast<int64_t>(tables.values.size())
             ? tables.values[static_cast<std::size_t>(index)].get()
             : nullptr;
}

const schema::ValueT* operand(const schema::ProgramT& tables, const schema::StepT& step, std::size_t i) {
  return i < step.inputs.size() ? value_at(tables, step.inputs[i]) : nullptr;
}

const schema::ValueT* result(const schema::ProgramT& tables, const schema::StepT& step) {
  return step.outputs.empty() ? nullptr : value_at(tables, step.outputs[0]);
}

std::string_view precision_of(const schema::ValueT* value) {
  if (value == nullptr) return kOther;
  switch (static_cast<DType>(value->dtype)) {
    case DType::kF32: return "FP32";
    case DType::kBF16: return "BF16";
    case DType::kF16: return "FP16";
    case DType::kS8:
    case DType::kU8: return "INT8";
    default: return kOther;
  }
}

bool is_real_cast(const schema::FunctionInstructionT& instruction) {
  const auto to = static_cast<DType>(instruction.to);
  return static_cast<Function>(instruction.function) == Function::k_cast && (to == DType::kF32 || to == DType::kBF16);
}

std::string type_of_chain(const schema::EltwiseT& eltwise) {
  std::string type = "Identity";
  for (const auto& instruction : eltwise.instructions) {
    const auto function = static_cast<Function>(instruction->function);
    if (!is_valid(function)) continue;
    type = compiler::operator_types(function).front();
    if (!is_real_cast(*instruction) && !converts_quantization(function)) break;
  }
  return type;
}

std::string type_of_reduction(schema::ReduceKind kind) {
  switch (kind) {
    case schema::ReduceKind::LogSum: return "ReduceLogSum";
    case schema::ReduceKind::LogSumExp: return "ReduceLogSumExp";
    case schema::ReduceKind::SumSquare: return "ReduceSumSquare";
    default: return concat("Reduce", schema::EnumNameReduceKind(kind));
  }
}

std::string type_of_recurrence(schema::RecurrentKind kind) {
  return kind == schema::RecurrentKind::Lstm ? "LSTM" : kind == schema::RecurrentKind::Gru ? "GRU" : "RNN";
}

}  // namespace

std::string conversion_type(const schema::ProgramT& tables, const schema::StepT& step) {
  const schema::EltwiseT* const eltwise = step.attributes.AsEltwise();
  const schema::ValueT* const source = operand(tables, step, 0);
  if (eltwise == nullptr || source == nullptr || eltwise->instructions.empty()) return "";
  const auto from = static_cast<DType>(source->dtype);
  std::string name;
  for (const auto& instruction : eltwise->instructions) {
    const auto function = static_cast<Function>(instruction->function);
    if (is_valid(function) && converts_quantization(function)) {
      const bool up = function == Function::k_dequantize || function == Function::k_dequantize_by;
      name = up ? "DequantizeLinear" : "QuantizeLinear";
    } else if (is_real_cast(*instruction) && (!name.empty() || from == DType::kF32 || from == DType::kBF16)) {
      if (name.empty()) name = "Cast";
    } else {
      return "";
    }
  }
  return name;
}

std::string operator_type(const schema::ProgramT& tables, const schema::StepT& step) {
  if (std::string conversion = conversion_type(tables, step); !conversion.empty()) return conversion;
  switch (step.attributes.type) {
    case StepAttributes::Gemm: return "MatMul";
    case StepAttributes::Eltwise: return type_of_chain(*step.attributes.AsEltwise());
    case StepAttributes::Pool: return concat(schema::EnumNamePoolKind(step.attributes.AsPool()->kind), "Pool");
    case StepAttributes::Softmax: return step.attributes.AsSoftmax()->log ? "LogSoftmax" : "Softmax";
    case StepAttributes::Reduce: return type_of_reduction(step.attributes.AsReduce()->kind);
    case StepAttributes::LayerNorm:
      return step.attributes.AsLayerNorm()->rms ? "RMSNormalization" : "LayerNormalization";
    case StepAttributes::GroupNorm: return "GroupNormalization";
    case StepAttributes::Materialize: return "Shape";
    case StepAttributes::GatherNd: return "GatherND";
    case StepAttributes::ScatterNd: return "ScatterND";
    case StepAttributes::ArgReduce: return step.attributes.AsArgReduce()->max ? "ArgMax" : "ArgMin";
    case StepAttributes::Recurrent: return type_of_recurrence(step.attributes.AsRecurrent()->kind);
    case StepAttributes::DynamicQuantize: return "DynamicQuantizeLinear";
    default: return schema::EnumNameStepAttributes(step.attributes.type);
  }
}

std::string step_precision(const schema::ProgramT& tables, const schema::StepT& step) {
  const std::string conversion = conversion_type(tables, step);
  if ((!conversion.empty() && conversion != "Cast") || step.attributes.type == StepAttributes::DynamicQuantize)
    return "INT8";
  const StepAttributes type = step.attributes.type;
  if (type == StepAttributes::Gemm || type == StepAttributes::MatMul || type == StepAttributes::Conv)
    if (const std::string_view weights = precision_of(operand(tables, step, 1)); weights != kOther) {
      // Filters of a depthwise convolution are fp32 beside bf16.
      return std::string(weights == "FP32" ? precision_of(operand(tables, step, 0)) : weights);
    }
  if (type == StepAttributes::Attention || (type == StepAttributes::Gather && step.inputs.size() > 2))
    return std::string(precision_of(operand(tables, step, 0)));
  const std::string_view of_result = precision_of(result(tables, step));
  return std::string(of_result != kOther ? of_result : precision_of(operand(tables, step, 0)));
}

}  // namespace tegula::driver
