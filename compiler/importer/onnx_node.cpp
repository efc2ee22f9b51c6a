#include "compiler/importer/onnx_node.h"

#include "compiler/importer/fold_value.h"
#include "compiler/importer/onnx_types.h"

namespace tegula::compiler {
namespace {

std::string label(const OnnxNode& node, std::string_view what) {
  return concat("node '", node.name, "' (", node.domain, node.domain.empty() ? "" : ".", node.op_type, "): ", what);
}

}  // namespace

const Literal* OnnxNode::tensor(std::string_view attribute) const {
  for (const auto& [key, literal] : tensors)
    if (key == attribute) return &literal;
  return nullptr;
}

Error OnnxNode::unsupported(std::string_view what) const {
  return {ErrorCode::kUnsupported, label(*this, what)};
}

Error OnnxNode::invalid(std::string_view what) const {
  return {ErrorCode::kInvalidArgument, label(*this, what)};
}

Result<DType> OnnxNode::dtype_attribute(std::string_view attribute, DType absent) const {
  if (!attributes.has(attribute)) return absent;
  const int64_t number = attributes.integer(attribute);
  const std::optional<DType> dtype = dtype_from_onnx(number);
  if (!dtype) return unsupported(concat("attribute '", attribute, "': ", onnx_type_name(number), " is not supported"));
  return computed_type(*dtype);
}

Result<std::vector<Dim>> ImportContext::shape_operand(const OnnxNode& node, std::size_t input) {
  Value* value = node.input(input);
  if (value == nullptr) return node.invalid(concat("input ", input, " is missing"));
  if (!is_integer(value->dtype) && value->dtype != DType::kBool)
    return node.invalid(
        concat("input ", input, " ('", value->name, "') must be of an integer type, not ", name_of(value->dtype)));
  if (find_contents(graph, *value)) return *value->contents;
  if (const auto literal = fold_value(*value)) {
    const std::vector<int64_t> elements = literal->to_ints();
    return std::vector<Dim>(elements.begin(), elements.end());
  }
  return node.unsupported(concat("input ", input, " ('", value->name,
                                 "') decides a shape and is computed from data; it must be "
                                 "a constant, an input of the model, or computed from shapes"));
}

Result<std::vector<Dim>> ImportContext::real_operand(const OnnxNode& node, std::size_t input) {
  Value* value = node.input(input);
  if (value == nullptr) return node.invalid(concat("input ", input, " is missing"));
  if (value->dtype != DType::kF32 && value->dtype != DType::kF64)
    return node.invalid(concat("input ", input, " ('", value->name, "') must be of a floating-point type, not ",
                               name_of(value->dtype)));
  std::vector<Dim> elements;
  if (const auto literal = fold_value(*value)) {
    for (const double element : literal->to_doubles()) elements.push_back(real(element));
    return elements;
  }
  if (value->contents) {  // whole numbers
    for (const Dim& element : *value->contents) elements.push_back(real_ratio(element, 1));
    return elements;
  }
  if (find_reals(graph, *value)) return *value->reals;
  return node.unsupported(concat("input ", input, " ('", value->name,
                                 "') decides a shape and is computed from data; it must be "
                                 "a constant, an input of the model, or computed from shapes"));
}

Result<std::vector<int64_t>> ImportContext::constant_ints(const OnnxNode& node, std::size_t input) {
  Value* value = node.input(input);
  if (value == nullptr) return node.invalid(concat("input ", input, " is missing"));
  const std::optional<Literal> literal = fold_value(*value);
  if (!literal) return node.unsupported(concat("input ", input, " ('", value->name, "') must be constant: export it as one"));
  if (is_float(literal->dtype()))
    return node.invalid(concat("input ", input, " ('", value->name, "') must be integers"));
  return literal->to_ints();
}

Result<std::vector<double>> ImportContext::constant_numbers(const OnnxNode& node, std::size_t input) {
  Value* value = node.input(input);
  if (value == nullptr) return node.invalid(concat("input ", input, " is missing"));
  const std::optional<Literal> literal = fold_value(*value);
  if (!literal) return node.unsupported(concat("input ", input, " ('", value->name, "') must be constant: export it as one"));
  return literal->to_doubles();
}

}  // namespace tegula::compiler
