#include "compiler/driver/step_table.h"

#include <algorithm>
#include <array>
#include <map>

#include "compiler/driver/step_type.h"
#include "schema/base/dtype.h"
#include "schema/expression_text.h"
#include "schema/function.h"

namespace tegula::driver {
namespace {

/// The columns of the statistics.
constexpr std::array kPrecisions = {"INT8", "BF16", "FP16", "FP32"};

/// Indices come from a file: what they do not lead to is shown as absent.
template <typename T>
const T* at(const std::vector<std::unique_ptr<T>>& list, int64_t index) {
  return index >= 0 && index < static_cast<int64_t>(list.size()) ? list[static_cast<std::size_t>(index)].get()
                                                                 : nullptr;
}

std::string type_text(const schema::ValueT* value) {
  return value == nullptr ? "-" : std::string(name_of(static_cast<DType>(value->dtype)));
}

std::string post_op_text(const schema::ProgramT& tables, const schema::PostOpT& post_op) {
  const auto function = static_cast<Function>(post_op.function);
  std::string text = is_valid(function) ? std::string(name_of(function)) : "?";
  if (const auto* operand = at(tables.values, post_op.operand)) text += "(" + operand->name + ")";
  return text;
}

/// An odd space puts the larger half to the right of a text of odd length and to the left of the others, as the tables
/// that users know do.
std::string centred(const std::string& text, std::size_t width, char fill = ' ') {
  const std::size_t space = width > text.size() ? width - text.size() : 0;
  const std::size_t left = text.size() % 2 == 1 ? space / 2 : (space + 1) / 2;
  return std::string(left, fill) + text + std::string(space - left, fill);
}

}  // namespace

std::string shape_text(const schema::ProgramT& tables, const schema::ValueT& value) {
  std::vector<ExprNode> nodes;  // only up to the last row that this shape needs
  uint32_t last = 0;
  for (const uint32_t dim : value.dims) last = std::max(last, dim);
  for (std::size_t i = 0; i < tables.expressions.size() && i <= last; ++i) {
    const schema::ExprT& row = *tables.expressions[i];
    nodes.push_back({static_cast<ExprOp>(row.op), row.value, row.a, row.b, row.c, row.scale});
  }
  const auto symbol = [&](std::size_t i) -> std::string_view {
    return i < tables.symbols.size() ? std::string_view(tables.symbols[i]->name) : "?";
  };
  std::string text = "[";
  for (const uint32_t dim : value.dims)
    text += (text.size() > 1 ? "," : "") + (dim < nodes.size() ? expression_text(nodes, symbol, dim) : "?");
  return text + "]";
}

std::vector<StepRow> step_rows(const schema::ProgramT& tables) {
  std::vector<StepRow> rows;
  for (const auto& step : tables.steps) {
    StepRow row;
    row.name = step->name;
    row.kind = schema::EnumNameStepAttributes(step->attributes.type);
    row.onnx_nodes = step->onnx_nodes;
    row.rule = step->rule.empty() ? "the model's own type" : step->rule;
    row.conversion = conversion_type(tables, *step);
    row.op_type = operator_type(tables, *step);
    const auto* input = step->inputs.empty() ? nullptr : at(tables.values, step->inputs[0]);
    const auto* output = step->outputs.empty() ? nullptr : at(tables.values, step->outputs[0]);
    row.precision = step_precision(tables, *step);
    for (const int32_t value : step->inputs)
      row.types += (row.types.empty() ? "" : ",") + type_text(at(tables.values, value));
    row.types += "->";
    for (std::size_t i = 0; i < step->outputs.size(); ++i)
      row.types += (i > 0 ? "," : "") + type_text(at(tables.values, step->outputs[i]));
    row.shapes = (input != nullptr ? shape_text(tables, *input) : "") + "->" +
                 (output != nullptr ? shape_text(tables, *output) : "");
    for (const auto& post_op : step->post_ops) row.post_ops.push_back(post_op_text(tables, *post_op));
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string boxed_table(std::string_view title, const std::vector<std::string>& columns,
                        const std::vector<std::vector<std::string>>& rows) {
  constexpr std::size_t kNarrowest = 40;
  std::vector<std::size_t> widths;
  for (const std::string& column : columns) widths.push_back(column.size() + 2);
  for (const auto& row : rows)
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size() + 2);
  std::size_t total = columns.size() + 1;
  for (const std::size_t width : widths) total += width;
  for (std::size_t c = 0; total < kNarrowest; c = (c + 1) % widths.size(), ++total) ++widths[c];

  std::string rule = "+", text = "|" + centred(std::string(title), total - 2, '*') + "|\n";
  for (const std::size_t width : widths) rule += std::string(width, '-') + "+";
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string result = "|";
    for (std::size_t c = 0; c < cells.size(); ++c) result += centred(cells[c], widths[c]) + "|";
    return result + "\n";
  };
  text += rule + "\n" + line(columns) + rule + "\n";
  for (const auto& row : rows) text += line(row);
  return text + rule + "\n";
}

std::vector<PrecisionCounts> count_precisions(const std::vector<StepRow>& rows) {
  std::vector<PrecisionCounts> counts;
  for (const StepRow& row : rows) {
    if (std::find(kPrecisions.begin(), kPrecisions.end(), row.precision) == kPrecisions.end()) continue;
    auto found = std::find_if(counts.begin(), counts.end(),
                              [&](const PrecisionCounts& count) { return count.op_type == row.op_type; });
    if (found == counts.end()) found = counts.insert(counts.end(), PrecisionCounts{row.op_type, 0, {}});
    ++found->total;
    ++found->by_precision[row.precision];
  }
  return counts;
}

std::string precision_statistics(const std::vector<StepRow>& rows) {
  std::vector<PrecisionCounts> counts = count_precisions(rows);
  std::vector<std::string> columns = {"Op Type", "Total"};
  for (const char* precision : kPrecisions)
    if (std::any_of(counts.begin(), counts.end(),
                    [&](const auto& row) { return row.by_precision.contains(precision); }))
      columns.emplace_back(precision);
  std::vector<std::vector<std::string>> cells;
  for (PrecisionCounts& count : counts) {
    std::vector<std::string> row = {count.op_type, std::to_string(count.total)};
    for (std::size_t c = 2; c < columns.size(); ++c) row.push_back(std::to_string(count.by_precision[columns[c]]));
    cells.push_back(std::move(row));
  }
  return boxed_table("Mixed Precision Statistics", columns, cells);
}

}  // namespace tegula::driver
