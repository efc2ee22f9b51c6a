#include <algorithm>
#include <cmath>
#include <cstdio>

#include "compiler/graph/graph_text.h"
#include "compiler/ops/op_def.h"
#include "schema/file_layout.h"

namespace tegula::compiler {
namespace {

constexpr int64_t kMaxPrintedElements = 32;

template <typename Range, typename Text>
std::string join(const Range& range, Text&& text, std::string_view separator = ", ") {
  std::string joined;
  for (const auto& element : range) {
    if (!joined.empty()) joined += separator;
    joined += text(element);
  }
  return joined;
}

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    if (c == '\n') {
      result += "\\n";
      continue;
    }
    result += c;
  }
  return result + '"';
}

/// As many digits as reading it back needs, always with a point or an exponent.
std::string real_text(double value, int digits = 17) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[40];
  for (int d = 6; d <= digits; ++d) {
    std::snprintf(buffer, sizeof buffer, "%.*g", d, value);
    const double read = std::strtod(buffer, nullptr);
    if (digits == 17 ? read == value : static_cast<float>(read) == static_cast<float>(value)) break;
  }
  std::string text = buffer;
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string float_text(float value) {
  const std::string text = real_text(static_cast<double>(value), 9);
  return text.ends_with(".0") ? text.substr(0, text.size() - 2) : text;
}

std::string parameters(const FunctionInstruction& instruction) {
  std::string text;
  if (instruction.alpha != 0 || std::signbit(instruction.alpha)) text += ", alpha=" + float_text(instruction.alpha);
  if (instruction.beta != 0 || std::signbit(instruction.beta)) text += ", beta=" + float_text(instruction.beta);
  const bool has_type = instruction.function == Function::k_cast || instruction.function == Function::k_quantize ||
                        instruction.function == Function::k_requantize;
  if (has_type) text += concat(", to=", name_of(instruction.to));
  return text.empty() ? text : text.substr(2);
}

std::string instruction_text(const FunctionInstruction& instruction) {
  std::string text(name_of(instruction.function));
  const int arity = arity_of(instruction.function);
  for (int i = 0; i < arity; ++i)
    text += " " + std::to_string(i == 0 ? instruction.a : i == 1 ? instruction.b : instruction.c);
  std::string more = parameters(instruction);
  std::erase(more, ',');
  return more.empty() ? text : text + " " + more;
}

struct AttributeText {
  std::string operator()(int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return real_text(value); }
  std::string operator()(const std::string& value) const { return quoted(value); }
  std::string operator()(const std::vector<int64_t>& values) const { return list(values); }
  std::string operator()(const std::vector<double>& values) const { return list(values); }
  std::string operator()(const std::vector<std::string>& values) const { return list(values); }
  std::string operator()(const Shape& dims) const { return to_string(dims); }
  std::string operator()(DType value) const { return std::string(name_of(value)); }
  std::string operator()(const FunctionProgram& program) const {
    return "<" + join(program.instructions, instruction_text, "; ") + ">";
  }

 private:
  template <typename T>
  std::string list(const std::vector<T>& values) const {
    return "[" + join(values, *this, ",") + "]";
  }
};

std::string value_text(const Value* value) {
  return value ? "%" + name_text(value->name) : "-";
}

std::string post_op_text(const PostOp& post_op) {
  std::string arguments = parameters({.function = post_op.function, .alpha = post_op.alpha, .beta = post_op.beta});
  if (post_op.operand) {
    std::string operand = value_text(post_op.operand) + (post_op.operand_first ? ", first" : "");
    if (post_op.operand->dtype != DType::kF32)
      operand += concat(", scale=", float_text(post_op.operand_scale), ", zero_point=", post_op.operand_zero_point);
    arguments = arguments.empty() ? operand : operand + ", " + arguments;
  }
  std::string text(name_of(post_op.function));
  return arguments.empty() ? text : text + "(" + arguments + ")";
}

std::string node_text(const Node& node) {
  const FunctionInstruction* function = single_function(node);
  std::string text = join(node.outputs, [](const Value* output) { return output ? value_text(output) : "_"; });
  text +=
      concat(" = ", function ? name_of(function->function) : node.op->name, "(", join(node.inputs, value_text), ")");
  std::string attributes;
  for (const auto& [key, value] : node.attributes.map()) {
    if (function && key == "program") continue;
    attributes += concat(attributes.empty() ? "" : ", ", key, "=", to_text(value));
  }
  if (function) {
    const std::string more = parameters(*function);
    attributes += (attributes.empty() || more.empty() ? "" : ", ") + more;
  }
  if (!node.post_ops.empty())
    attributes += concat(attributes.empty() ? "" : ", ", "post_ops=[", join(node.post_ops, post_op_text), "]");
  if (!attributes.empty()) text += " {" + attributes + "}";
  text += " : " + join(node.outputs, [](const Value* output) { return output ? type_text(*output) : "_"; });
  for (const std::string& origin : node.origins) text += " @" + quoted(origin);
  return text;
}

std::string_view constraint_name(GraphConstraint::Kind kind) {
  switch (kind) {
    case GraphConstraint::Kind::kEqual: return "equal";
    case GraphConstraint::Kind::kDivisible: return "divisible";
    case GraphConstraint::Kind::kBroadcast: return "broadcast";
    case GraphConstraint::Kind::kAtLeast: return "at_least";
  }
  return "?";
}

}  // namespace

std::string name_text(std::string_view name) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '/' || c == '-';
  };
  return !name.empty() && name[0] != '-' && std::all_of(name.begin(), name.end(), is_plain) ? std::string(name)
                                                                                            : quoted(name);
}

std::string to_text(const Attribute& attribute) {
  return std::visit(AttributeText{}, attribute);
}

std::string type_text(const Value& value) {
  return concat(name_of(value.dtype), to_string(value.shape));
}

std::string literal_text(const Literal& literal) {
  const std::size_t size = size_of(literal.dtype());
  const int64_t count = literal.count();
  const auto* bytes = literal.bytes().data();
  const bool is_half = size == 2 && is_float(literal.dtype());
  const auto element = [&](int64_t i) {
    const Literal one(literal.dtype(), {}, literal.bytes().subspan(static_cast<std::size_t>(i) * size, size), nullptr);
    if (is_half) return std::to_string(one.at<uint16_t>(0));
    if (literal.dtype() == DType::kF32) return float_text(one.at<float>(0));
    if (literal.dtype() == DType::kF64) return real_text(one.at<double>(0));
    if (literal.dtype() == DType::kU64) return std::to_string(one.at<uint64_t>(0));
    return std::to_string(one.to_ints()[0]);
  };
  if (count > 1 && !is_half) {
    bool is_splat = true;
    for (int64_t i = 1; i < count && is_splat; ++i)
      is_splat = std::equal(bytes, bytes + size, bytes + static_cast<std::size_t>(i) * size);
    if (is_splat) return "fill(" + element(0) + ")";
  }
  if (count > kMaxPrintedElements) return concat("random(", checksum(bytes, literal.bytes().size()), ")");
  if (literal.dims().empty() && !is_half) return element(0);
  std::string text = is_half ? "bits[" : "[";
  for (int64_t i = 0; i < count; ++i) text += (i ? ", " : "") + element(i);
  return text + "]";
}

std::string print(const Graph& graph) {
  std::string text;
  for (const SymbolRange& symbol : graph.symbols) {
    text += concat("symbol ", Dim::symbol(symbol.name).to_string(), ": ", symbol.min, "..",
                   symbol.max == INT64_MAX ? "" : std::to_string(symbol.max), "\n");
  }
  for (const Value* input : graph.inputs()) {
    text += concat("input ", value_text(input), ": ", type_text(*input));
    if (input->reals) text += " holds " + to_string(*input->reals);
    if (input->contents) text += " holds " + to_string(*input->contents);
    text += '\n';
  }
  for (const auto& value : graph.values())
    if (value->is_constant())
      text += concat("const ", value_text(value.get()), ": ", type_text(*value), " = ", literal_text(*value->literal),
                     "\n");
  for (const auto& node : graph.nodes()) text += node_text(*node) + "\n";
  for (const GraphConstraint& constraint : graph.constraints)
    text += concat("require ", constraint_name(constraint.kind), "(", constraint.a.to_string(), ", ",
                   constraint.b.to_string(), ") ", quoted(constraint.message), "\n");
  return text + "return " +
         join(graph.outputs(),
              [](const auto& output) {
                const auto& [name, value] = output;
                return name == value->name ? value_text(value) : quoted(name) + "=" + value_text(value);
              }) +
         "\n";
}

}  // namespace tegula::compiler
