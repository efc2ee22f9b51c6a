#pragma once
#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "schema/base/shape.h"
#include "tegula/instance.h"
#include "tegula/program.h"
#include "tests/support/guarded_buffer.h"

namespace tegula::test {

/// Opens a program file that may be damaged and, when it is accepted, runs it with inputs of the shapes that it asks
/// for: "ok", or the error of whichever failed. The file, the inputs and the outputs end at unmapped pages. Errors of
/// ours (kInternal) fail the test. Programs with large tensors are not run.
inline std::string open_and_run(std::span<const std::byte> bytes, const OpenOptions& options = {}) {
  GuardedBuffer<std::byte> guarded(bytes.size());
  if (!bytes.empty()) std::memcpy(guarded.data(), bytes.data(), bytes.size());
  const Result<Program> program = Program::open(std::span<const std::byte>(guarded.data(), guarded.size()), options);
  if (!program.ok()) return program.error().message;
  Result<Instance> instance = Instance::create(*program);
  if (!instance.ok()) return instance.error().message;
  // Every symbolic dimension is 2: larger ones would only take time.
  std::deque<GuardedBuffer<std::byte>> memory;
  std::vector<NamedInput> inputs;
  for (const TensorInfo& info : program->inputs()) {
    Dims dims;
    for (const Dimension& dim : info.dims) dims.push_back(dim.size < 0 ? 2 : dim.size);
    const auto count = checked_element_count(dims);
    if (!count || *count > 100'000) return "an input is large";
    memory.emplace_back(static_cast<std::size_t>(*count) * size_of(info.dtype));
    inputs.push_back({info.name, {info.dtype, dims, memory.back().data()}});
  }
  const Result<std::vector<Dims>> shapes = instance->output_shapes(inputs);
  if (!shapes.ok()) return shapes.error().message;
  std::vector<NamedOutput> outputs;
  for (std::size_t o = 0; o < shapes->size(); ++o) {
    const TensorInfo& info = program->outputs()[o];
    const int64_t count = element_count((*shapes)[o]);
    if (count > 1'000'000) return "an output is large";
    memory.emplace_back(static_cast<std::size_t>(count) * size_of(info.dtype));
    outputs.push_back({info.name, {info.dtype, (*shapes)[o], memory.back().data()}});
  }
  const Status status = instance->run(inputs, outputs);
  if (status.ok()) return "ok";
  if (status.error().code == ErrorCode::kInternal) ADD_FAILURE() << status.error().message;
  return status.error().message;
}

}  // namespace tegula::test
