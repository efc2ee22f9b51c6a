#include "tests/golden/golden_run.h"

#include <algorithm>
#include <map>
#include <vector>

#include "compiler/graph/random_literal.h"
#include "schema/file_layout.h"
#include "tegula/instance.h"
#include "tegula/program.h"

namespace tegula::test {
namespace {

using compiler::Literal;

/// Inputs whose dimensions are numbers or bare symbols; integers are indices below 8.
std::vector<Literal> make_inputs(const Program& program, int64_t larger) {
  std::map<std::string, int64_t> symbols;
  for (const SymbolInfo& symbol : program.symbols()) symbols[symbol.name] = std::max<int64_t>(1, symbol.min) + larger;
  std::vector<Literal> inputs;
  for (const TensorInfo& input : program.inputs()) {
    Dims dims;
    for (const Dimension& dim : input.dims) dims.push_back(dim.size >= 0 ? dim.size : symbols.at(dim.symbol));
    Literal literal = compiler::random_literal(input.dtype, dims, inputs.size() + 1);
    if (is_signed_integer(input.dtype)) {
      std::vector<int64_t> indices = literal.to_ints();
      for (int64_t& index : indices) index = std::max<int64_t>(index, 0);
      literal = Literal::of<int64_t>(dims, indices);
    }
    inputs.push_back(std::move(literal));
  }
  return inputs;
}

}  // namespace

Result<uint64_t> run_golden(const std::string& path, const std::string& max_isa) {
  OpenOptions options;
  options.verify = Verify::kFull;
  options.max_isa = max_isa;
  TEGULA_ASSIGN_OR_RETURN(const Program program, Program::open(path, options));
  TEGULA_ASSIGN_OR_RETURN(Instance instance, Instance::create(program));
  std::vector<std::byte> all;
  for (const int64_t larger : {0, 1}) {
    const std::vector<Literal> literals = make_inputs(program, larger);
    std::vector<NamedInput> inputs;
    for (std::size_t i = 0; i < literals.size(); ++i)
      inputs.push_back(
          {program.inputs()[i].name, {literals[i].dtype(), literals[i].dims(), literals[i].bytes().data()}});
    TEGULA_ASSIGN_OR_RETURN(const std::vector<Dims> shapes, instance.output_shapes(inputs));
    std::vector<std::vector<std::byte>> buffers;
    std::vector<NamedOutput> outputs;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      const TensorInfo& output = program.outputs()[i];
      buffers.emplace_back(static_cast<std::size_t>(element_count(shapes[i])) * size_of(output.dtype));
      outputs.push_back({output.name, {output.dtype, shapes[i], buffers.back().data()}});
    }
    TEGULA_RETURN_IF_ERROR(instance.run(inputs, outputs));
    for (const std::vector<std::byte>& buffer : buffers) all.insert(all.end(), buffer.begin(), buffer.end());
  }
  return checksum(all.data(), all.size());
}

}  // namespace tegula::test
