#include "compiler/driver/reference_model.h"

#include <cstring>

#include "compiler/driver/compile.h"
#include "compiler/driver/tensor_literal.h"
#include "compiler/graph/bind_symbols.h"
#include "compiler/ops/interpret.h"

namespace tegula::driver {
namespace {

using compiler::Dim;
using compiler::Graph;
using compiler::Literal;
using data::in_quotes;
using data::NamedTensor;
using data::Tensor;

Result<Tensor> to_tensor(const Literal& literal) {
  TEGULA_ASSIGN_OR_RETURN(Tensor tensor, data::make_tensor(literal.dtype(), literal.dims()));
  if (!tensor.bytes.empty()) std::memcpy(tensor.bytes.data(), literal.bytes().data(), tensor.bytes.size());
  return tensor;
}

/// What the elements of an input that feeds shapes make of its symbols.
Status read_symbols(const compiler::Value& input, const Tensor& tensor, std::map<std::string, int64_t>& symbols) {
  if (!input.contents) return {};
  if (is_float(tensor.dtype))
    return Error{ErrorCode::kUnsupported,
                 concat("input ", in_quotes(input.name),
                        " feeds shapes with floating-point numbers; the reference cannot bind those")};
  const std::vector<int64_t> elements = to_literal(tensor).to_ints();
  for (std::size_t i = 0; i < elements.size() && i < input.contents->size(); ++i)
    if (const auto symbol = (*input.contents)[i].symbol_name()) symbols[*symbol] = elements[i];
  return {};
}

}  // namespace

Result<std::vector<NamedTensor>> ReferenceModel::run(std::span<const NamedTensor> inputs, const SeeTensor& see) const {
  compiler::ImportOptions options;  // the model with exactly the shapes of these inputs
  for (const NamedTensor& input : inputs) {
    std::vector<std::string>& shape = options.shapes[input.name];
    for (const int64_t size : input.tensor.dims) shape.push_back(std::to_string(size));
  }
  TEGULA_ASSIGN_OR_RETURN(compiler::ImportedModel model, compiler::import_onnx(path_, options));
  Graph& graph = model.graph;

  std::map<std::string, int64_t> symbols;
  std::vector<Literal> literals;
  for (const compiler::Value* input : graph.inputs()) {
    const Tensor* tensor = data::find_tensor(inputs, input->name);
    if (tensor == nullptr)
      return Error{ErrorCode::kInvalidArgument,
                   concat(in_quotes(path_.native()), ": input ", in_quotes(input->name), " is missing")};
    if (tensor->dtype != input->dtype)
      return Error{ErrorCode::kInvalidArgument,
                   concat(in_quotes(path_.native()), ": input ", in_quotes(input->name), " is ", name_of(input->dtype),
                          ", given is ", name_of(tensor->dtype))};
    TEGULA_RETURN_IF_ERROR(read_symbols(*input, *tensor, symbols));
    literals.push_back(to_literal(*tensor));
  }
  TEGULA_RETURN_IF_ERROR(compiler::bind_symbols(graph, symbols));

  compiler::SeeNodeOutput see_literal;
  if (see)
    see_literal = [&](const compiler::Node& node, std::size_t output, const Literal& literal) -> Status {
      TEGULA_ASSIGN_OR_RETURN(Tensor tensor, to_tensor(literal));
      return see(node.origins, node.outputs[output]->name, std::move(tensor));
    };
  TEGULA_ASSIGN_OR_RETURN(const std::vector<Literal> results, compiler::interpret(graph, literals, see_literal));
  std::vector<NamedTensor> outputs;
  for (std::size_t i = 0; i < results.size(); ++i) {
    TEGULA_ASSIGN_OR_RETURN(Tensor tensor, to_tensor(results[i]));
    outputs.push_back({graph.outputs()[i].first, std::move(tensor)});
  }
  return outputs;
}

}  // namespace tegula::driver
