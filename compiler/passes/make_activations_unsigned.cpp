#include "compiler/passes/make_activations_unsigned.h"

#include <algorithm>

#include "compiler/passes/quantization.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

constexpr int32_t kShift = 128;

Result<bool> rewrite(Graph& graph, Node& node) {
  Value* const q = node.output();
  const auto link = as_quantize(q);
  if (!link || q->dtype != DType::kS8 || q->is_output || q->users.empty()) return false;
  if (!std::all_of(q->users.begin(), q->users.end(),
                   [](const Node* user) { return is_function(user, Function::k_dequantize); }))
    return false;
  const auto shifted = [](Quantization quantization) {
    quantization.zero_point += kShift;
    return quantization;
  };
  const std::vector<Node*> readers = q->users;
  for (Node* reader : readers) {
    const Quantization own = shifted(as_dequantize(reader->output())->quantization);
    reader->attributes.set("program",
                           one_function(Function::k_dequantize, own.scale, static_cast<float>(own.zero_point)));
  }
  Builder build(graph, node.origins, &node);
  TEGULA_ASSIGN_OR_RETURN(Value* const unsigned_q,
                          add_quantize(build, link->source, shifted(link->quantization), DType::kU8));
  replace_value(graph, q, unsigned_q);
  return true;
}

}  // namespace

Result<bool> make_activations_unsigned(Graph& graph) {
  return rewrite_nodes(graph, [&](Node& node) { return rewrite(graph, node); });
}

}  // namespace tegula::compiler
