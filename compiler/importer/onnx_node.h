#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/graph/graph.h"
#include "compiler/ops/op_def.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// A node of the ONNX model as import functions see it: operands already values of our graph, attributes decoded, no
/// protobuf.
struct OnnxNode {
  std::string domain;  ///< "" for ai.onnx
  std::string op_type;
  std::string name;                                      ///< the node's name, or one made from its first output
  int version = 0;                                       ///< of the domain's operator set that the model imports
  std::vector<Value*> inputs;                            ///< nullptr: absent (an empty name)
  std::vector<std::string> output_names;                 ///< "" for outputs that are not wanted
  Attributes attributes;                                 ///< ints, floats, strings and their lists
  std::vector<std::pair<std::string, Literal>> tensors;  ///< tensor attributes

  Value* input(std::size_t i) const { return i < inputs.size() ? inputs[i] : nullptr; }
  bool wants_output(std::size_t i) const { return i < output_names.size() && !output_names[i].empty(); }
  const Literal* tensor(std::string_view attribute) const;
  /// An attribute that holds one of ONNX's numbers of element types ("to", "dtype"): the type that the graph computes
  /// in, so FP16 and BF16 are FP32. kUnsupported for types that we do not have.
  Result<DType> dtype_attribute(std::string_view attribute, DType absent) const;

  /// kUnsupported / kInvalidArgument: "node 'x' (Conv): <what>".
  Error unsupported(std::string_view what) const;
  Error invalid(std::string_view what) const;
};

/// What an import function works with: a Builder whose nodes carry the ONNX node's name.
struct ImportContext {
  Builder& build;
  Graph& graph;

  /// Elements of an integer operand that shapes depend on, symbolic where they must be. For a graph input this makes it
  /// a shape input: one symbol per element, read when shapes are bound. kUnsupported when the value is computed from
  /// data.
  Result<std::vector<Dim>> shape_operand(const OnnxNode& node, std::size_t input);

  /// The same of a floating-point operand: elements as reals (dim.h).
  Result<std::vector<Dim>> real_operand(const OnnxNode& node, std::size_t input);

  /// Elements of an operand that must be constant (axes, ...).
  Result<std::vector<int64_t>> constant_ints(const OnnxNode& node, std::size_t input);
  Result<std::vector<double>> constant_numbers(const OnnxNode& node, std::size_t input);
};

/// Adds the nodes that compute `node` and returns one value per output that it has (nullptr for those not wanted).
using ImportFunction = Result<std::vector<Value*>> (*)(ImportContext& context, const OnnxNode& node);

/// The import function of an operator at an operator-set version, from the table importer/onnx_ops.inc:
///   TEGULA_ONNX_OP(domain, op type, first version that it understands, function)
/// The row with the largest first version <= `version` wins. nullptr: not known.
ImportFunction find_import(std::string_view domain, std::string_view op_type, int version);

}  // namespace tegula::compiler
