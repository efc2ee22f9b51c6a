#include "tests/support/program_testing.h"

#include <gtest/gtest.h>

#include "compiler/driver/compile.h"
#include "compiler/ops/interpret.h"
#include "compiler/passes/pass.h"
#include "tegula/instance.h"
#include "tegula/program.h"
#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

std::vector<std::byte> compiled(std::string_view text) {
  Graph graph = graph_of(text);
  PassOptions options;
  options.verify_each = true;
  const auto passes = run_pipeline(graph, options);
  EXPECT_TRUE(passes.ok()) << passes.error().message;
  if (!passes.ok()) return {};
  auto bytes = write_program(graph, {}, {});
  EXPECT_TRUE(bytes.ok()) << bytes.error().message << "\n" << print(graph);
  return bytes.ok() ? *std::move(bytes) : std::vector<std::byte>{};
}

}  // namespace

void expect_program_computes(std::string_view text, double tolerance) {
  Graph graph = graph_of(text);
  const std::vector<Literal> literals = bind_and_fill(graph);
  const auto expected = interpret(graph, literals);
  ASSERT_TRUE(expected.ok()) << expected.error().message;

  const std::vector<std::byte> bytes = compiled(text);
  const auto program = Program::open(std::span<const std::byte>(bytes));
  ASSERT_TRUE(program.ok()) << program.error().message << "\n" << text;
  auto instance = Instance::create(*program);
  ASSERT_TRUE(instance.ok()) << instance.error().message;
  std::vector<NamedInput> inputs;
  for (std::size_t i = 0; i < literals.size(); ++i)
    inputs.push_back({graph.inputs()[i]->name, {literals[i].dtype(), literals[i].dims(), literals[i].bytes().data()}});
  std::vector<NamedOutput> outputs;
  std::vector<Literal> actual;
  for (std::size_t i = 0; i < expected->size(); ++i) {
    const Literal& like = (*expected)[i];
    void* data = nullptr;
    actual.push_back(
        Literal::make(like.dtype(), like.dims(), [&](const kernels::TensorView& view) { data = view.data; }));
    outputs.push_back({graph.outputs()[i].first, {like.dtype(), like.dims(), data}});
  }
  const auto status = instance->run(inputs, outputs);
  ASSERT_TRUE(status.ok()) << status.error().message << "\n" << text;
  for (std::size_t i = 0; i < actual.size(); ++i)
    expect_close(actual[i], (*expected)[i], tolerance, "output " + graph.outputs()[i].first);
}

}  // namespace tegula::compiler
