#include "compiler/quantize/embedding_tables.h"

#include <algorithm>

#include "compiler/ops/op_def.h"
#include "compiler/passes/rewrite.h"
#include "compiler/quantize/quantization_parameters.h"

namespace tegula::compiler {

bool is_embedding(const Node& node) {
  return is_op(&node, "gather") && node.input(0)->is_constant() && node.input(0)->dtype == DType::kF32 &&
         !node.input(1)->is_constant() && node.input(0)->rank() >= 2 && node.attributes.integer("axis") == 0;
}

int64_t table_bytes(const Node& embedding) {
  return embedding.input(0)->literal->count() * static_cast<int64_t>(sizeof(float));
}

Result<std::string> EmbeddingTables::quantize(Node& embedding, const ProductChoice& choice) {
  Value* const table = embedding.inputs[0];
  const Literal& real = *table->literal;
  Builder build(graph_, embedding.origins, &embedding);
  Table& known = tables_[{table, choice.per_channel_weights, choice.weight_algorithm}];
  if (known.q == nullptr) {
    const int64_t rows = real.dims()[0];
    const WeightChannels layout{rows, std::max<int64_t>(real.count() / std::max<int64_t>(rows, 1), 1)};
    constexpr int kLargest = 127;
    auto quantized = quantize_weights(real, layout, choice.per_channel_weights, kLargest, choice.weight_algorithm);
    if (!quantized) return std::string("a number of its table is not finite");
    known.q = build.constant(std::move(quantized->q), concat(table->name, "_quantized"));
    known.scales =
        build.constant(Literal::of<float>(choice.per_channel_weights ? Dims{rows} : Dims{}, quantized->scales),
                       concat(table->name, "_scales"));
  }
  TEGULA_ASSIGN_OR_RETURN(Node* const node,
                          build.node("gather", {known.q, embedding.inputs[1], known.scales}, {{"axis", int64_t{0}}}));
  node->rule = embedding.rule;
  replace_value(graph_, embedding.output(), node->output());
  return std::string();
}

}  // namespace tegula::compiler
