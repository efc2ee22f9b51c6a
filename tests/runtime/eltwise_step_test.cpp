// Elementwise steps through the public API: generated and plain, for any number of threads.
#include <gtest/gtest.h>

#include "kernels/eltwise/eltwise.h"
#include "tests/runtime/run_program.h"

namespace tegula {
namespace {

using test::make_instance;
using test::message_of;
using test::open_program;
using test::ProgramBuilder;
using test::Tensor;

schema::EltwiseT chain(const std::vector<FunctionInstruction>& instructions) {
  schema::EltwiseT attributes;
  for (const FunctionInstruction& in : instructions) {
    auto row = std::make_unique<schema::FunctionInstructionT>();
    row->function = static_cast<uint16_t>(in.function);
    row->a = in.a;
    row->b = in.b;
    row->c = in.c;
    row->alpha = in.alpha;
    row->beta = in.beta;
    row->to = static_cast<uint8_t>(in.to);
    attributes.instructions.push_back(std::move(row));
  }
  return attributes;
}

/// y = program(x [rows, 40], z [40])
template <typename T>
void expect_program_computes(const std::vector<FunctionInstruction>& instructions) {
  ProgramBuilder b;
  const auto rows = b.symbol("rows", 0, 10000);
  const int32_t x = b.input("x", dtype_of<T>::value, {rows, 40}), z = b.input("z", dtype_of<T>::value, {40});
  const int32_t y = b.output("y", dtype_of<T>::value, {rows, 40});
  b.step(chain(instructions), {x, z}, {y});
  const auto file = b.file();
  const Program program = open_program(file);
  for (const int threads : {1, 3}) {
    Instance instance = make_instance(program, threads);
    for (const int64_t count : {0, 1, 7, 3000}) {
      auto in = Tensor<T>::iota({count, 40}), weights = Tensor<T>::iota({40});
      Tensor<T> out({count, 40}), expected({count, 40});
      ASSERT_EQ(message_of(instance.run(std::vector<NamedInput>{{"x", in.in()}, {"z", weights.in()}},
                                        std::vector<NamedOutput>{{"y", out.out()}})),
                "ok");
      const auto view = [](Tensor<T>& tensor) {
        return kernels::TensorView::contiguous(dtype_of<T>::value, tensor.dims,
                                               static_cast<void*>(tensor.elements.data()));
      };
      ASSERT_TRUE(
          kernels::eltwise_reference({2, instructions}, std::vector{view(in), view(weights)}, view(expected)).ok());
      ASSERT_EQ(out.elements, expected.elements) << threads << " threads, " << count << " rows";
    }
  }
}

TEST(EltwiseStep, GeneratedChain) {
  expect_program_computes<float>(
      {{.function = Function::k_mul, .a = 0, .b = 1}, {.function = Function::k_tanh, .a = 2}});
}

TEST(EltwiseStep, PlainLoops) {
  expect_program_computes<int64_t>(
      {{.function = Function::k_mul, .a = 0, .b = 1}, {.function = Function::k_sub, .a = 2, .b = 0}});
}

TEST(EltwiseStep, RefusesProgramsThatMakeNoSense) {
  const auto message = [](const std::vector<FunctionInstruction>& instructions) {
    ProgramBuilder b;
    const int32_t x = b.input("x", DType::kF32, {4}), y = b.output("y", DType::kF32, {4});
    b.step(chain(instructions), {x}, {y});
    const auto file = b.file();
    const Result<Program> program = Program::open(file, {});
    if (!program.ok()) return program.error().message;
    Result<Instance> instance = Instance::create(*program, {.threads = 1});
    if (!instance.ok()) return instance.error().message;
    auto in = Tensor<float>::iota({4});
    Tensor<float> out({4});
    return message_of(
        instance->run(std::vector<NamedInput>{{"x", in.in()}}, std::vector<NamedOutput>{{"y", out.out()}}));
  };
  EXPECT_EQ(message({{.function = Function::k_relu, .a = 0}}), "ok");
  EXPECT_NE(message({{.function = Function::k_relu, .a = 5}}), "ok");
  EXPECT_NE(message({{.function = static_cast<Function>(999), .a = 0}}), "ok");
  EXPECT_NE(message({{.function = Function::k_bitwise_not, .a = 0}}), "ok");
  EXPECT_NE(message({{.function = Function::k_cast, .a = 0, .to = DType::kS32}}), "ok");
  EXPECT_NE(message({}), "ok");
}

}  // namespace
}  // namespace tegula
