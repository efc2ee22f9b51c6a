#include "jit/vector/program.h"

#include <gtest/gtest.h>

#include "jit/vector/allocate.h"

namespace tegula::jit {
namespace {

ValueId input(VectorProgram& program, uint32_t number) {
  return program.add({.op = VectorOp::kInput, .immediate = number});
}
ValueId constant(VectorProgram& program, uint32_t bits) {
  return program.add({.op = VectorOp::kConstant, .immediate = bits});
}

TEST(VectorProgram, EqualInstructionsAreOne) {
  VectorProgram program;
  const ValueId x = input(program, 0);
  EXPECT_EQ(program.add({.op = VectorOp::kMul, .operand = {x, x}}),
            program.add({.op = VectorOp::kMul, .operand = {x, x}}));
  EXPECT_NE(constant(program, 1), constant(program, 2));
  EXPECT_EQ(program.instructions.size(), 4U);
}

TEST(VectorProgram, DeadCodeLeaves) {
  VectorProgram program;
  const ValueId x = input(program, 0), y = input(program, 1);
  program.add({.op = VectorOp::kAdd, .operand = {x, y}});
  const ValueId product = program.add({.op = VectorOp::kMul, .operand = {y, y}});
  program.outputs = {product};
  const VectorProgram live = program.without_dead_code();
  ASSERT_EQ(live.instructions.size(), 2U);
  EXPECT_EQ(live.instructions[0].immediate, 1U);  // input 1 keeps its number
  EXPECT_EQ(live.outputs, std::vector<ValueId>{1});
}

TEST(VectorAllocation, PolynomialStaysInOneRegister) {
  VectorProgram program;
  const ValueId x = input(program, 0);
  ValueId p = program.add({.op = VectorOp::kFma, .operand = {x, constant(program, 1), constant(program, 2)}});
  for (uint32_t c = 3; c < 8; ++c) p = program.add({.op = VectorOp::kFma, .operand = {p, x, constant(program, c)}});
  program.outputs = {p};
  VectorBindings bindings;
  bindings.inputs = {{.reg = 9}};
  bindings.vectors = {1, 2, 3, 4};
  const auto allocation = allocate(program, VectorIsa::kAvx512, bindings);
  ASSERT_TRUE(allocation);
  EXPECT_EQ(allocation->spill_slots, 0);
  EXPECT_LE(allocation->peak_vectors, 2);
  for (const MachineStep& step : allocation->steps) EXPECT_NE(step.dst, 9) << "an input that must stay was overwritten";
}

TEST(VectorAllocation, ConstantsThatFindNoRegisterAreLoadedAgainRatherThanSpilled) {
  VectorProgram program;
  const ValueId x = input(program, 0);
  const ValueId one = constant(program, 1), two = constant(program, 2);
  const ValueId a = program.add({.op = VectorOp::kMax, .operand = {one, x}});
  const ValueId b = program.add({.op = VectorOp::kMin, .operand = {two, a}});
  const ValueId c = program.add({.op = VectorOp::kMax, .operand = {one, b}});
  program.outputs = {c};
  VectorBindings bindings;
  bindings.inputs = {{.reg = 0, .overwrite = true}};
  bindings.vectors = {1};
  const auto allocation = allocate(program, VectorIsa::kAvx2, bindings);
  ASSERT_TRUE(allocation);
  EXPECT_EQ(allocation->spill_slots, 0);
  bindings.vectors = {};
  EXPECT_FALSE(allocate(program, VectorIsa::kAvx2, bindings));
}

TEST(VectorAllocation, OutputEndsWhereItIsWanted) {
  VectorProgram program;
  const ValueId x = input(program, 0), y = input(program, 1);
  program.outputs = {program.add({.op = VectorOp::kAdd, .operand = {x, y}})};
  VectorBindings bindings;
  bindings.inputs = {{.reg = 5}, {.reg = 6}};
  bindings.vectors = {1, 2};
  bindings.output = 7;
  const auto allocation = allocate(program, VectorIsa::kAvx2, bindings);
  ASSERT_TRUE(allocation);
  EXPECT_EQ(allocation->outputs, std::vector<int>{7});
  EXPECT_EQ(allocation->steps.back().dst, 7);
}

}  // namespace
}  // namespace tegula::jit
