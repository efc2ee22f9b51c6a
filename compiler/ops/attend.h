#pragma once
#include "compiler/ops/import_helpers.h"

namespace tegula::compiler {

// What the imports of attention operators have in common.

/// One attention over q [batch, seq_q, heads * dim], k [batch, seq_kv, kv_heads * dim], v [batch, seq_kv, kv_heads *
/// value_dim].
struct AttentionOperands {
  Value *q = nullptr, *k = nullptr, *v = nullptr;
  int64_t heads = 1, kv_heads = 1;
  double scale = 1;
  Value* bias = nullptr;  ///< added to the scores: f32, broadcast to [batch, heads, seq_q, seq_kv]; -infinity hides
  bool causal = false;    ///< without a bias: position i sees no later one
};

/// [batch, seq_q, heads * value_dim]. A row whose positions are all hidden gives zeros, as ONNX has it (a plain softmax
/// would give NaN).
Result<Value*> attend(ImportContext& context, const AttentionOperands& operands);

/// Whether a bias may hide all positions of a row: not when it is a constant without -infinity.
bool may_hide_rows(const Value& bias);
/// Where `bias` hides a whole row: bool, [..., seq_q, 1].
Result<Value*> hidden_rows(ImportContext& context, Value* bias);

/// 0 where `visible` (bool), `hidden` elsewhere.
Result<Value*> bias_of(ImportContext& context, Value* visible, double hidden);
/// The sum of two biases, either of which may be nullptr.
Result<Value*> sum_of(ImportContext& context, Value* a, Value* b);

/// s64 [0, 1, ... count - 1].
Result<Value*> positions(ImportContext& context, const Dim& count);
/// Whether row i + offset sees column j: bool [rows, columns], or with an offset of shape [batch]: [batch, 1, rows,
/// columns].
Result<Value*> causal_visible(ImportContext& context, const Dim& rows, const Dim& columns, Value* offset);

/// [batch, seq, heads * dim] as [batch, heads, seq, dim], and back.
Result<Value*> split_heads(ImportContext& context, Value* value, int64_t heads);
Result<Value*> merge_heads(ImportContext& context, Value* value);

}  // namespace tegula::compiler
