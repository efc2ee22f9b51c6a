#pragma once
#include <map>
#include <string>
#include <tuple>

#include "compiler/graph/graph.h"
#include "compiler/quantize/quantization_options.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// Tables below this many bytes of fp32 stay real by default: what they add to a file is little.
inline constexpr int64_t kSmallestTable = 1 << 20;

/// Whether the node takes rows of a constant fp32 table by computed indices.
bool is_embedding(const Node& node);
/// Of its table, as fp32.
int64_t table_bytes(const Node& embedding);

/// Before:  e = gather(table, ids) {axis=0}
/// After:   e = gather(q_table:s8, ids, scales) {axis=0}
/// Tables become s8 with a scale for each row (or one for all), symmetric, as the choice says of weights. One object
/// for a graph, so that embeddings that share a table go on sharing it.
class EmbeddingTables {
 public:
  explicit EmbeddingTables(Graph& graph) : graph_(graph) {}

  /// Why the embedding stays real; empty when it is quantized now.
  Result<std::string> quantize(Node& embedding, const ProductChoice& choice);

 private:
  struct Table {
    Value *q = nullptr, *scales = nullptr;
  };

  Graph& graph_;
  std::map<std::tuple<const Value*, bool, WeightAlgorithm>, Table> tables_;  // by what the choice says of weights
};

}  // namespace tegula::compiler
