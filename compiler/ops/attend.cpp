#include "compiler/ops/attend.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tegula::compiler {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// `value` with leading dimensions of 1 up to rank 4.
Result<Value*> with_rank_4(ImportContext& context, Value* value) {
  Shape shape = value->shape;
  if (shape.size() < 4) shape.insert(shape.begin(), 4 - shape.size(), Dim(1));
  return reshaped(context, value, shape);
}

}  // namespace

bool may_hide_rows(const Value& bias) {
  if (!bias.is_constant()) return true;
  const std::vector<double> numbers = bias.literal->to_doubles();
  return std::any_of(numbers.begin(), numbers.end(), [](double number) { return number == -kInfinity; });
}

Result<Value*> hidden_rows(ImportContext& context, Value* bias) {
  TEGULA_ASSIGN_OR_RETURN(Value* const highest, context.build.add("reduce", {bias},
                                                                  {{"kind", std::string("max")},
                                                                   {"axes", std::vector<int64_t>{bias->rank() - 1}},
                                                                   {"keepdims", int64_t{1}}}));
  return with_scalar(context, Function::k_equal, highest, -kInfinity);
}

Result<Value*> bias_of(ImportContext& context, Value* visible, double hidden) {
  return context.build.function(Function::k_where,
                                {visible, scalar(context, DType::kF32, 0), scalar(context, DType::kF32, hidden)});
}

Result<Value*> sum_of(ImportContext& context, Value* a, Value* b) {
  if (a == nullptr || b == nullptr) return a == nullptr ? b : a;
  return context.build.function(Function::k_add, {a, b});
}

Result<Value*> positions(ImportContext& context, const Dim& count) {
  return context.build.add("range", {scalar(context, DType::kS64, 0), scalar(context, DType::kS64, 1)},
                           {{"count", Shape{count}}});
}

Result<Value*> causal_visible(ImportContext& context, const Dim& rows, const Dim& columns, Value* offset) {
  TEGULA_ASSIGN_OR_RETURN(Value * row, positions(context, rows));
  TEGULA_ASSIGN_OR_RETURN(row, context.build.reshape(row, {rows, 1}));
  if (offset != nullptr) {
    if (offset->rank() == 1) {
      TEGULA_ASSIGN_OR_RETURN(offset, reshaped(context, offset, {offset->shape[0], 1, 1, 1}));
    }
    TEGULA_ASSIGN_OR_RETURN(row, context.build.function(Function::k_add, {row, offset}));
  }
  TEGULA_ASSIGN_OR_RETURN(Value* const column, positions(context, columns));
  return context.build.function(Function::k_greater_or_equal, {row, column});
}

Result<Value*> split_heads(ImportContext& context, Value* value, int64_t heads) {
  const Dim dim = floor_div(value->shape[2], heads);
  TEGULA_ASSIGN_OR_RETURN(Value* const split,
                          context.build.reshape(value, {value->shape[0], value->shape[1], heads, dim}));
  return context.build.transpose(split, {0, 2, 1, 3});
}

Result<Value*> merge_heads(ImportContext& context, Value* value) {
  TEGULA_ASSIGN_OR_RETURN(Value* const moved, context.build.transpose(value, {0, 2, 1, 3}));
  return context.build.reshape(moved, {moved->shape[0], moved->shape[1], moved->shape[2] * moved->shape[3]});
}

Result<Value*> attend(ImportContext& context, const AttentionOperands& operands) {
  std::vector<Value*> inputs = {operands.q, operands.k, operands.v};
  if (operands.bias != nullptr) inputs.push_back(operands.bias);
  Attributes attributes = {{"heads", operands.heads}, {"kv_heads", operands.kv_heads}, {"scale", operands.scale}};
  if (operands.causal) attributes.set("causal", int64_t{1});
  TEGULA_ASSIGN_OR_RETURN(Value* const y, context.build.add("attention", std::move(inputs), std::move(attributes)));
  if (operands.bias == nullptr || !may_hide_rows(*operands.bias)) return y;
  TEGULA_ASSIGN_OR_RETURN(Value * hidden, hidden_rows(context, operands.bias));
  TEGULA_ASSIGN_OR_RETURN(hidden, with_rank_4(context, hidden));
  TEGULA_ASSIGN_OR_RETURN(hidden, context.build.transpose(hidden, {0, 2, 1, 3}));
  const Shape by_head = {y->shape[0], y->shape[1], operands.heads, floor_div(y->shape[2], operands.heads)};
  TEGULA_ASSIGN_OR_RETURN(Value* const split, context.build.reshape(y, by_head));
  TEGULA_ASSIGN_OR_RETURN(Value* const shown,
                          context.build.function(Function::k_where, {hidden, scalar(context, DType::kF32, 0), split}));
  return context.build.reshape(shown, y->shape);
}

}  // namespace tegula::compiler
