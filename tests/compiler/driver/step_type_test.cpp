#include "compiler/driver/step_type.h"

#include <gtest/gtest.h>

#include "schema/base/dtype.h"
#include "schema/function.h"

namespace tegula::driver {
namespace {

/// Tables with one step from values of these types to the last of them.
class OneStep {
 public:
  template <typename Attributes>
  OneStep(Attributes attributes, std::initializer_list<DType> types) {
    auto step = std::make_unique<schema::StepT>();
    step->attributes.Set(std::move(attributes));
    for (const DType type : types) {
      auto value = std::make_unique<schema::ValueT>();
      value->dtype = static_cast<uint8_t>(type);
      step->inputs.push_back(static_cast<int32_t>(tables_.values.size()));
      tables_.values.push_back(std::move(value));
    }
    step->outputs = {step->inputs.back()};
    step->inputs.pop_back();
    tables_.steps.push_back(std::move(step));
  }

  std::string type() const { return operator_type(tables_, *tables_.steps[0]); }
  std::string precision() const { return step_precision(tables_, *tables_.steps[0]); }

 private:
  schema::ProgramT tables_;
};

schema::EltwiseT chain(std::initializer_list<std::pair<Function, DType>> functions) {
  schema::EltwiseT eltwise;
  for (const auto& [function, to] : functions) {
    auto instruction = std::make_unique<schema::FunctionInstructionT>();
    instruction->function = static_cast<uint16_t>(function);
    instruction->to = static_cast<uint8_t>(to);
    eltwise.instructions.push_back(std::move(instruction));
  }
  return eltwise;
}

TEST(StepType, NamesOperatorsAsOnnxDoes) {
  EXPECT_EQ(OneStep(schema::GemmT(), {DType::kF32, DType::kF32, DType::kF32}).type(), "MatMul");
  EXPECT_EQ(OneStep(schema::ConvT(), {DType::kF32, DType::kF32, DType::kF32}).type(), "Conv");
  schema::PoolT pool;
  pool.kind = schema::PoolKind::Average;
  EXPECT_EQ(OneStep(std::move(pool), {DType::kF32, DType::kF32}).type(), "AveragePool");
  schema::ReduceT reduce;
  reduce.kind = schema::ReduceKind::Mean;
  EXPECT_EQ(OneStep(std::move(reduce), {DType::kF32, DType::kF32}).type(), "ReduceMean");
  EXPECT_EQ(OneStep(schema::LayerNormT(), {DType::kF32, DType::kF32}).type(), "LayerNormalization");
  EXPECT_EQ(OneStep(chain({{Function::k_cast, DType::kF32}, {Function::k_leaky_relu, DType::kF32}}),
                    {DType::kBF16, DType::kF32})
                .type(),
            "LeakyRelu");
  EXPECT_EQ(OneStep(schema::TransposeT(), {DType::kF32, DType::kF32}).type(), "Transpose");
}

TEST(StepType, CountsProductsByWhatTheyMultiply) {
  EXPECT_EQ(OneStep(schema::GemmT(), {DType::kBF16, DType::kBF16, DType::kF32}).precision(), "BF16");
  EXPECT_EQ(OneStep(schema::ConvT(), {DType::kU8, DType::kS8, DType::kF32}).precision(), "INT8");
  EXPECT_EQ(OneStep(schema::ConvT(), {DType::kBF16, DType::kF32, DType::kBF16}).precision(), "BF16") << "depthwise";
  EXPECT_EQ(OneStep(schema::MatMulT(), {DType::kF32, DType::kF32, DType::kF32}).precision(), "FP32");
}

TEST(StepType, CountsConversionsByWhatTheyGive) {
  const OneStep down(chain({{Function::k_cast, DType::kBF16}}), {DType::kF32, DType::kBF16});
  EXPECT_EQ(down.type() + " " + down.precision(), "Cast BF16");
  const OneStep up(chain({{Function::k_cast, DType::kF32}}), {DType::kBF16, DType::kF32});
  EXPECT_EQ(up.type() + " " + up.precision(), "Cast FP32");
  const OneStep quantize(chain({{Function::k_quantize, DType::kU8}}), {DType::kF32, DType::kU8});
  EXPECT_EQ(quantize.type() + " " + quantize.precision(), "QuantizeLinear INT8");
  const OneStep dequantize(chain({{Function::k_dequantize, DType::kF32}}), {DType::kU8, DType::kF32});
  EXPECT_EQ(dequantize.type() + " " + dequantize.precision(), "DequantizeLinear INT8");
  const OneStep to_bf16(chain({{Function::k_dequantize, DType::kF32}, {Function::k_cast, DType::kBF16}}),
                        {DType::kU8, DType::kBF16});
  EXPECT_EQ(to_bf16.type() + " " + to_bf16.precision(), "DequantizeLinear INT8");
}

TEST(StepType, CountsOthersByTheirResult) {
  EXPECT_EQ(OneStep(schema::SoftmaxT(), {DType::kBF16, DType::kF32}).precision(), "FP32");
  EXPECT_EQ(OneStep(schema::ArgReduceT(), {DType::kF32, DType::kS64}).precision(), "FP32");
  EXPECT_EQ(OneStep(schema::GatherT(), {DType::kS64, DType::kS64}).precision(), "Other");
}

}  // namespace
}  // namespace tegula::driver
