#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "schema/program_generated.h"

namespace tegula::driver {

/// A step of a program file in words, for reports.
struct StepRow {
  std::string name, kind;             ///< "conv1", "Gemm"
  std::string op_type;                ///< the ONNX operator: "MatMul"
  std::string precision;              ///< "FP32", "BF16", "INT8", or "Other" for what moves or computes other types
  std::string types;                  ///< "f32,f32,f32->f32"
  std::string shapes;                 ///< "[batch,56,56,64]->[batch,56,56,64]", of the first input and output
  std::vector<std::string> post_ops;  ///< "relu", "add(residual)"
  std::vector<std::string> onnx_nodes;
  std::string rule;        ///< why the step has its precision
  std::string conversion;  ///< of a step that only converts: "QuantizeLinear", "DequantizeLinear", "Cast"
};

/// The steps of tables that tegula::Program::open has accepted.
std::vector<StepRow> step_rows(const schema::ProgramT& tables);

/// The dimensions of a value as text.
std::string shape_text(const schema::ProgramT& tables, const schema::ValueT& value);

/// How many steps of an operator have which precision.
struct PrecisionCounts {
  std::string op_type;
  int total = 0;
  std::map<std::string, int> by_precision;
};

/// By operator, in the order in which they come; steps without real numbers do not count.
std::vector<PrecisionCounts> count_precisions(const std::vector<StepRow>& rows);

/// The counts in the layout that Neural Compressor's users know:
///   |**********Mixed Precision Statistics**********|
///   +---------+-------+------+ ...
/// Columns (INT8, BF16, FP16, FP32) whose cells are all 0 are left out, but for "Op Type" and "Total".
std::string precision_statistics(const std::vector<StepRow>& rows);

/// A table with centred cells and a title.
std::string boxed_table(std::string_view title, const std::vector<std::string>& columns,
                        const std::vector<std::vector<std::string>>& rows);

}  // namespace tegula::driver
