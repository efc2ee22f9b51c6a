#include "compiler/quantize/drop_quantization.h"

#include <unordered_map>

#include "compiler/ops/op_def.h"
#include "compiler/passes/quantization.h"
#include "compiler/passes/rewrite.h"

namespace tegula::compiler {
namespace {

class Dropper {
 public:
  explicit Dropper(Graph& graph) : graph_(graph) {}

  Result<bool> run() {
    TEGULA_ASSIGN_OR_RETURN(const bool changed, rewrite_nodes(graph_, [&](Node& node) { return rewrite(node); }));
    graph_.remove_dead();  // real twins that nobody has asked for
    return changed;
  }

 private:
  /// A quantized value as real numbers.
  struct Twin {
    Value* real = nullptr;
    std::optional<Quantization> quantization;  ///< nullopt: by the range of each run
  };

  Result<bool> rewrite(Node& node) {
    if (const auto link = as_quantize(node.output())) return quantized(node, *link);
    if (is_op(&node, "dynamic_quantize")) {
      twins_[node.output()] = {node.input(0), std::nullopt};
      return false;
    }
    if (is_placing(node)) return placed(node);
    if (is_dequantized_constant(node.output())) return folded(node);
    return dequantized(node);
  }

  Result<bool> quantized(Node& node, const QuantizedLink& link) {
    const DType dtype = node.output()->dtype;
    Builder build(graph_, node.origins, &node);
    TEGULA_ASSIGN_OR_RETURN(Value* const clipped,
                            build.function(Function::k_clip, {link.source}, lowest_of(link.quantization, dtype),
                                           highest_of(link.quantization, dtype)));
    twins_[node.output()] = {clipped, link.quantization};
    return false;
  }

  /// The same placing of the real twins, when all of its data has them, quantized alike.
  Result<bool> placed(Node& node) {
    const auto first = twins_.find(node.input(0));
    if (first == twins_.end()) return false;
    std::vector<Value*> inputs = node.inputs;
    for (std::size_t i = 0; i < data_operands(node); ++i) {
      const auto twin = twins_.find(node.input(i));
      if (twin == twins_.end() || twin->second.quantization != first->second.quantization) return false;
      inputs[i] = twin->second.real;
    }
    Builder build(graph_, node.origins, &node);
    if (is_op(&node, "pad") && node.input(1) != nullptr) {
      if (!first->second.quantization) return false;
      TEGULA_ASSIGN_OR_RETURN(inputs[1], add_dequantize(build, node.input(1), *first->second.quantization));
    } else if (is_op(&node, "pad")) {
      return false;  // pads with the number 0 of the quantized type
    }
    TEGULA_ASSIGN_OR_RETURN(Node* const real, build.node(node.op->name, std::move(inputs), node.attributes));
    twins_[node.output()] = {real->output(), first->second.quantization};
    return false;
  }

  Result<bool> folded(Node& node) {
    std::vector<const Literal*> inputs;
    for (const Value* input : node.inputs) inputs.push_back(&*input->literal);
    TEGULA_ASSIGN_OR_RETURN(const std::vector<Literal> results, evaluate(node, inputs));
    Value* const real = graph_.add_constant(node.input(0)->name, results[0]);
    graph_.replace_all_uses(node.output(), real);
    return true;
  }

  Result<bool> dequantized(Node& node) {
    if (!is_function(&node, Function::k_dequantize) && !is_function(&node, Function::k_dequantize_by)) return false;
    const auto twin = twins_.find(node.input(0));
    if (twin == twins_.end()) return false;
    if (is_function(&node, Function::k_dequantize)
            ? twin->second.quantization != as_dequantize(node.output())->quantization
            : twin->second.quantization.has_value())
      return false;
    graph_.replace_all_uses(node.output(), twin->second.real);
    return true;
  }

  Graph& graph_;
  std::unordered_map<const Value*, Twin> twins_;  // nothing is erased before the end: addresses stay what they are
};

}  // namespace

Result<bool> drop_quantization(Graph& graph) {
  return Dropper(graph).run();
}

}  // namespace tegula::compiler
