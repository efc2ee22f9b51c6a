#include "compiler/quantize/operator_types.h"

#include <algorithm>
#include <cctype>
#include <span>

#include "compiler/ops/op_def.h"

namespace tegula::compiler {
namespace {

/// Where the name in our graph, in camel case, is not ONNX's, or is one of several.
struct Names {
  std::string_view ours;
  std::vector<std::string> onnx;
};

const std::vector<Names>& renamed_ops() {
  static const std::vector<Names> names = {
      {"arg_reduce", {"ArgMax", "ArgMin"}},
      {"attention", {"Attention", "MultiHeadAttention"}},
      {"cumsum", {"CumSum"}},
      {"dynamic_quantize", {"DynamicQuantizeLinear"}},
      {"gather_nd", {"GatherND"}},
      {"group_norm", {"GroupNormalization", "InstanceNormalization"}},
      {"layer_norm", {"LayerNormalization", "SkipLayerNormalization", "RMSNormalization"}},
      {"materialize", {"Shape"}},
      {"matmul", {"MatMul", "Gemm"}},
      {"pool", {"MaxPool", "AveragePool", "LpPool"}},
      {"quantized_conv", {"Conv", "QLinearConv", "ConvInteger"}},
      {"quantized_matmul", {"MatMul", "Gemm", "QLinearMatMul", "MatMulInteger"}},
      {"recurrent", {"LSTM", "GRU", "RNN"}},
      {"reduce",
       {"ReduceMean", "GlobalAveragePool", "ReduceSum", "ReduceMax", "GlobalMaxPool", "ReduceMin", "ReduceProd",
        "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"}},
      {"reshape", {"Reshape", "Flatten", "Squeeze", "Unsqueeze"}},
      {"scatter_nd", {"ScatterND"}},
      {"slice", {"Slice", "Split"}},
      {"softmax", {"Softmax", "LogSoftmax"}},
      {"topk", {"TopK"}},
      {"weight_only_matmul", {"MatMul", "Gemm", "Conv"}},
  };
  return names;
}

const std::vector<Names>& renamed_functions() {
  static const std::vector<Names> names = {
      {"affine", {"Mul", "Add"}},
      {"dequantize", {"DequantizeLinear"}},
      {"dequantize_by", {"DequantizeLinear"}},
      {"fmod", {"Mod"}},
      {"gelu_erf", {"Gelu"}},
      {"gelu_tanh", {"Gelu", "FastGelu"}},
      {"is_inf", {"IsInf"}},
      {"is_nan", {"IsNaN"}},
      {"logical_and", {"And"}},
      {"logical_not", {"Not"}},
      {"logical_or", {"Or"}},
      {"logical_xor", {"Xor"}},
      {"prelu", {"PRelu"}},
      {"quantize", {"QuantizeLinear"}},
      {"quantize_by", {"QuantizeLinear"}},
      {"requantize", {"QuantizeLinear"}},
      {"shift_left", {"BitShift"}},
      {"shift_right", {"BitShift"}},
      {"silu", {"Swish", "QuickGelu"}},
      {"squared_difference", {"Sub", "Pow"}},
  };
  return names;
}

/// "leaky_relu" -> "LeakyRelu".
std::string camel_case(std::string_view name) {
  std::string text;
  bool upper = true;
  for (const char c : name) {
    if (c == '_') {
      upper = true;
      continue;
    }
    text += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = false;
  }
  return text;
}

std::vector<std::string> named(std::string_view ours, const std::vector<Names>& renamed) {
  const auto found = std::find_if(renamed.begin(), renamed.end(), [&](const Names& row) { return row.ours == ours; });
  return found != renamed.end() ? found->onnx : std::vector<std::string>{camel_case(ours)};
}

/// Of operations whose attributes say which of several operators they are: that one first and alone.
std::vector<std::string> of_kind(const Node& node) {
  const std::string kind = node.attributes.text("kind");
  if (node.attributes.flag("transposed") && (is_op(&node, "conv") || is_op(&node, "quantized_conv")))
    return {"ConvTranspose"};
  if (is_op(&node, "pool")) return {kind == "max" ? "MaxPool" : kind == "lp" ? "LpPool" : "AveragePool"};
  if (is_op(&node, "arg_reduce")) return {kind == "max" ? "ArgMax" : "ArgMin"};
  if (is_op(&node, "recurrent")) return {kind == "lstm" ? "LSTM" : kind == "gru" ? "GRU" : "RNN"};
  if (!is_op(&node, "reduce")) return {};
  if (kind == "mean") return {"ReduceMean", "GlobalAveragePool"};
  if (kind == "max") return {"ReduceMax", "GlobalMaxPool"};
  return {"Reduce" + camel_case(kind)};
}

}  // namespace

std::vector<std::string> operator_types(Function function) {
  return named(name_of(function), renamed_functions());
}

std::vector<std::string> operator_types(const Node& node) {
  if (std::vector<std::string> types = of_kind(node); !types.empty()) return types;
  if (node.op != &eltwise_op) return named(node.op->name, renamed_ops());
  std::vector<std::string> types;
  for (const FunctionInstruction& instruction : node.attributes.program("program").instructions)
    for (std::string& type : named(name_of(instruction.function), renamed_functions()))
      if (std::find(types.begin(), types.end(), type) == types.end()) types.push_back(std::move(type));
  return types;
}

const std::set<std::string>& all_operator_types() {
  static const std::set<std::string> types = [] {
    std::set<std::string> all = {"ConvTranspose"};
    const auto add = [&](const std::vector<std::string>& names) { all.insert(names.begin(), names.end()); };
    for (const OpDef* op : all_ops())
      if (op != &eltwise_op) add(named(op->name, renamed_ops()));
    for (int number = 0; is_valid(static_cast<Function>(number)); ++number)
      add(named(name_of(static_cast<Function>(number)), renamed_functions()));
    return all;
  }();
  return types;
}

}  // namespace tegula::compiler
