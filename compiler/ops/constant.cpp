// ONNX Constant (1, 9, 11, 12, 13): a literal of the graph. A sparse value arrives densified.
#include "compiler/ops/import_helpers.h"

namespace tegula::compiler {
namespace {

Result<Literal> literal_of(const OnnxNode& node) {
  const Attributes& attributes = node.attributes;
  for (const char* name : {"value", "sparse_value"})
    if (const Literal* literal = node.tensor(name)) return *literal;
  if (attributes.has("value_float")) return Literal::scalar(static_cast<float>(attributes.number("value_float")));
  if (attributes.has("value_int")) return Literal::scalar(attributes.integer("value_int"));
  if (attributes.has("value_floats")) {
    const std::vector<double> numbers = attributes.numbers("value_floats");
    return Literal::of<float>({static_cast<int64_t>(numbers.size())},
                              std::vector<float>(numbers.begin(), numbers.end()));
  }
  if (attributes.has("value_ints")) {
    const std::vector<int64_t> integers = attributes.ints("value_ints");
    return Literal::of<int64_t>({static_cast<int64_t>(integers.size())}, integers);
  }
  if (attributes.has("value_string") || attributes.has("value_strings"))
    return node.unsupported("strings are not supported");
  return node.invalid("has no value");
}

}  // namespace

Result<ImportedValues> import_constant(ImportContext& context, const OnnxNode& node) {
  TEGULA_RETURN_IF_ERROR(expect_inputs(node, 0, 0));
  TEGULA_ASSIGN_OR_RETURN(Literal literal, literal_of(node));
  const std::string name = node.wants_output(0) ? node.output_names[0] : "constant";
  return ImportedValues{context.build.constant(std::move(literal), name)};
}

}  // namespace tegula::compiler
