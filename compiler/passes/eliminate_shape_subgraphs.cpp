#include "compiler/passes/eliminate_shape_subgraphs.h"

#include <algorithm>

#include "compiler/ops/op_def.h"
#include "schema/base/visit_dtype.h"

namespace tegula::compiler {
namespace {

/// Whether a tensor of whole numbers can be written in this type from expressions.
bool can_hold(DType dtype) {
  return is_integer(dtype) || dtype == DType::kBool || dtype == DType::kF32 || dtype == DType::kF64;
}

bool is_known(const Value& value) {
  return value.contents && can_hold(value.dtype) && constant_dims(value.shape);
}

/// Whether the node would go if all values with known elements came from elsewhere.
bool all_outputs_known(const Node& node) {
  return std::all_of(node.outputs.begin(), node.outputs.end(),
                     [](const Value* output) { return !output || is_known(*output); });
}

bool is_read_as_data(const Value& value) {
  return value.is_output || std::any_of(value.users.begin(), value.users.end(),
                                        [](const Node* user) { return !all_outputs_known(*user); });
}

Literal to_literal(DType dtype, const Dims& dims, const std::vector<Dim>& contents) {
  return Literal::make(dtype, dims, [&](const kernels::TensorView& view) {
    visit_native(dtype, [&]<typename T>(T) {
      for (std::size_t i = 0; i < contents.size(); ++i) {
        const T element = static_cast<T>(contents[i].value());
        std::copy_n(reinterpret_cast<const std::byte*>(&element), sizeof element, view.data + i * sizeof element);
      }
    });
  });
}

Result<Value*> replacement(Graph& graph, const Value& value) {
  const std::vector<Dim>& contents = *value.contents;
  const bool is_constant =
      std::all_of(contents.begin(), contents.end(), [](const Dim& dim) { return dim.is_constant(); });
  if (is_constant)
    return graph.add_constant(value.name, to_literal(value.dtype, *constant_dims(value.shape), contents));
  Builder build(graph, value.producer->origins, value.producer);
  const DType dtype = is_float(value.dtype) ? DType::kS64 : value.dtype;
  TEGULA_ASSIGN_OR_RETURN(
      Value * known, build.add("materialize", {}, {{"elements", contents}, {"shape", value.shape}, {"dtype", dtype}}));
  return build.cast(known, value.dtype);
}

}  // namespace

Result<bool> eliminate_shape_subgraphs(Graph& graph) {
  bool changed = graph.remove_dead();
  std::vector<Value*> wanted;
  for (const auto& node : graph.nodes()) {
    if (is_op(node.get(), "materialize")) continue;
    for (Value* output : node->outputs)
      if (output && is_known(*output) && is_read_as_data(*output)) wanted.push_back(output);
  }
  for (Value* value : wanted) {
    TEGULA_ASSIGN_OR_RETURN(Value * known, replacement(graph, *value));
    graph.replace_all_uses(value, known);
    changed = true;
  }
  return graph.remove_dead() || changed;
}

}  // namespace tegula::compiler
