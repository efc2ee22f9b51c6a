#include "compiler/driver/step_table.h"

#include <gtest/gtest.h>

#include "schema/base/dtype.h"
#include "schema/function.h"

namespace tegula::driver {
namespace {

TEST(StepTable, PrintsStatisticsInTheKnownLayout) {
  std::vector<StepRow> rows(55);
  for (std::size_t i = 0; i < 53; ++i) rows[i].op_type = "Conv", rows[i].precision = "INT8";
  rows[53].op_type = "MatMul";
  rows[53].precision = "BF16";
  rows[54].op_type = "Gather";
  rows[54].precision = "Other";  // of indices: not in the table
  EXPECT_EQ(precision_statistics(rows),
            "|******Mixed Precision Statistics******|\n"
            "+-----------+---------+--------+-------+\n"
            "|  Op Type  |  Total  |  INT8  |  BF16 |\n"
            "+-----------+---------+--------+-------+\n"
            "|    Conv   |    53   |   53   |   0   |\n"
            "|   MatMul  |    1    |   0    |   1   |\n"
            "+-----------+---------+--------+-------+\n");
}

TEST(StepTable, ShowsStepsOfAProgram) {
  schema::ProgramT tables;
  const auto expression = [&](uint8_t op, int64_t value) {
    auto row = std::make_unique<schema::ExprT>();
    row->op = op;
    row->value = value;
    tables.expressions.push_back(std::move(row));
  };
  expression(1, 0);  // the symbol
  expression(0, 8);
  tables.symbols.push_back(std::make_unique<schema::SymbolT>());
  tables.symbols[0]->name = "batch";
  for (const char* name : {"x", "y"}) {
    auto value = std::make_unique<schema::ValueT>();
    value->name = name;
    value->dtype = 1;
    value->dims = {0, 1};
    tables.values.push_back(std::move(value));
  }
  auto step = std::make_unique<schema::StepT>();
  step->name = "fc1";
  step->attributes.Set(schema::GemmT());
  step->inputs = {0, -1, 99};
  step->outputs = {1};
  step->onnx_nodes = {"fc1", "relu1"};
  auto post_op = std::make_unique<schema::PostOpT>();
  post_op->function = 0;
  post_op->operand = 0;
  step->post_ops.push_back(std::move(post_op));
  tables.steps.push_back(std::move(step));

  const auto rows = step_rows(tables);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].kind, "Gemm");
  EXPECT_EQ(rows[0].op_type, "MatMul");
  EXPECT_EQ(rows[0].precision, "FP32");
  EXPECT_EQ(rows[0].types, "f32,-,-->f32");
  EXPECT_EQ(rows[0].shapes, "[batch,8]->[batch,8]");
  EXPECT_EQ(rows[0].post_ops, std::vector<std::string>{"identity(x)"});
  EXPECT_EQ(rows[0].onnx_nodes.size(), 2u);
  EXPECT_EQ(rows[0].rule, "the model's own type");

  tables.steps[0]->rule = "the model's quantization";
  EXPECT_EQ(step_rows(tables)[0].rule, "the model's quantization");
}

TEST(StepTable, KnowsStepsThatOnlyConvert) {
  schema::ProgramT tables;
  tables.values.push_back(std::make_unique<schema::ValueT>());
  tables.values[0]->dtype = static_cast<uint8_t>(DType::kF32);
  const auto conversion = [&](std::initializer_list<std::pair<Function, DType>> functions) {
    schema::EltwiseT eltwise;
    for (const auto& [function, to] : functions) {
      auto instruction = std::make_unique<schema::FunctionInstructionT>();
      instruction->function = static_cast<uint16_t>(function);
      instruction->to = static_cast<uint8_t>(to);
      eltwise.instructions.push_back(std::move(instruction));
    }
    tables.steps.clear();
    tables.steps.push_back(std::make_unique<schema::StepT>());
    tables.steps[0]->inputs = {0};
    tables.steps[0]->attributes.Set(std::move(eltwise));
    return step_rows(tables)[0].conversion;
  };
  EXPECT_EQ(conversion({{Function::k_quantize, DType::kU8}}), "QuantizeLinear");
  EXPECT_EQ(conversion({{Function::k_dequantize, DType::kF32}}), "DequantizeLinear");
  EXPECT_EQ(conversion({{Function::k_cast, DType::kBF16}}), "Cast");
  EXPECT_EQ(conversion({{Function::k_cast, DType::kS64}}), "") << "other numbers, not another type for the same";
  EXPECT_EQ(conversion({{Function::k_exp, DType::kF32}, {Function::k_quantize, DType::kU8}}), "");
  tables.values[0]->dtype = static_cast<uint8_t>(DType::kS64);
  EXPECT_EQ(conversion({{Function::k_cast, DType::kF32}}), "");
}

}  // namespace
}  // namespace tegula::driver
