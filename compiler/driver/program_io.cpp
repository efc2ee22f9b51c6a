#include "compiler/driver/program_io.h"

#include <algorithm>
#include <cstdio>

#include "compiler/data/convert.h"

namespace tegula::driver {
namespace {

using data::in_quotes;
using data::NamedTensor;

std::vector<std::string> names_of(std::span<const TensorInfo> infos) {
  std::vector<std::string> names;
  for (const TensorInfo& info : infos) names.push_back(info.name);
  return names;
}

std::string list(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + in_quotes(name);
  return names.empty() ? "none" : text;
}

template <typename Map>
Status all_known(const Map& map, const std::vector<std::string>& known, std::string_view what) {
  for (const auto& [name, value] : map)
    if (std::find(known.begin(), known.end(), name) == known.end())
      return Error{ErrorCode::kInvalidArgument,
                   concat("the program has no ", what, " ", in_quotes(name), "; it has ", list(known))};
  return {};
}

}  // namespace

OpenOptions open_options(bool verbose) {
  OpenOptions options;
  if (verbose)
    options.log = [](LogLevel level, std::string_view line) {
      if (level == LogLevel::kError) return;
      std::fprintf(stderr, "%s: %.*s\n", level == LogLevel::kWarning ? "warning" : "info",
                   static_cast<int>(line.size()), line.data());
    };
  return options;
}

std::vector<std::string> input_names(const Program& program) {
  return names_of(program.inputs());
}
std::vector<std::string> output_names(const Program& program) {
  return names_of(program.outputs());
}

Result<std::vector<NamedTensor>> match_inputs(const Program& program, std::vector<NamedTensor> given) {
  const auto names = input_names(program);
  for (const NamedTensor& tensor : given)
    if (std::find(names.begin(), names.end(), tensor.name) == names.end())
      return Error{ErrorCode::kInvalidArgument,
                   concat("the program has no input ", in_quotes(tensor.name), "; its inputs are ", list(names))};
  std::vector<NamedTensor> inputs;
  for (const TensorInfo& info : program.inputs()) {
    const auto found =
        std::find_if(given.begin(), given.end(), [&](const NamedTensor& t) { return t.name == info.name; });
    if (found == given.end())
      return Error{ErrorCode::kInvalidArgument,
                   concat("input ", in_quotes(info.name), " is missing; the inputs are ", list(names))};
    TEGULA_ASSIGN_OR_RETURN(data::Tensor tensor, data::convert_exactly(std::move(found->tensor), info.dtype,
                                                                       concat("input ", in_quotes(info.name))));
    inputs.push_back({info.name, std::move(tensor)});
  }
  return inputs;
}

std::vector<NamedInput> references(std::span<const NamedTensor> inputs) {
  std::vector<NamedInput> refs;
  for (const NamedTensor& input : inputs)
    refs.push_back({input.name, ConstTensorRef(input.tensor.dtype, input.tensor.dims, input.tensor.bytes.data())});
  return refs;
}

std::vector<NamedOutput> references(std::span<NamedTensor> outputs) {
  std::vector<NamedOutput> refs;
  for (NamedTensor& output : outputs)
    refs.push_back({output.name, TensorRef{output.tensor.dtype, output.tensor.dims, output.tensor.bytes.data()}});
  return refs;
}

Result<std::vector<NamedTensor>> allocate_outputs(const Program& program, Instance& instance,
                                                  std::span<const NamedTensor> inputs) {
  TEGULA_ASSIGN_OR_RETURN(const std::vector<Dims> shapes, instance.output_shapes(references(inputs)));
  std::vector<NamedTensor> outputs;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const TensorInfo& info = program.outputs()[i];
    TEGULA_ASSIGN_OR_RETURN(data::Tensor tensor, data::make_tensor(info.dtype, shapes[i]));
    outputs.push_back({info.name, std::move(tensor)});
  }
  return outputs;
}

Result<std::vector<NamedTensor>> run_once(const Program& program, Instance& instance,
                                          std::span<const NamedTensor> inputs) {
  TEGULA_ASSIGN_OR_RETURN(std::vector<NamedTensor> outputs, allocate_outputs(program, instance, inputs));
  TEGULA_RETURN_IF_ERROR(instance.run(references(inputs), references(std::span(outputs))));
  return outputs;
}

Result<std::vector<Dims>> input_shapes(const Program& program, const InputRequest& request) {
  std::map<std::string, int64_t> symbols;
  std::vector<std::string> symbol_names;
  for (const SymbolInfo& symbol : program.symbols()) {
    symbols[symbol.name] = std::clamp<int64_t>(1, symbol.min, std::max(symbol.min, symbol.max));
    symbol_names.push_back(symbol.name);
  }
  TEGULA_RETURN_IF_ERROR(all_known(request.dims, symbol_names, "symbolic dimension"));
  TEGULA_RETURN_IF_ERROR(all_known(request.shapes, input_names(program), "input"));
  for (const auto& [name, size] : request.dims) symbols[name] = size;

  std::vector<Dims> shapes;
  for (const TensorInfo& info : program.inputs()) {
    const auto given = request.shapes.find(info.name);
    if (given != request.shapes.end()) {
      shapes.push_back(given->second);
      continue;
    }
    Dims dims;
    for (const Dimension& dimension : info.dims) {
      const auto symbol = symbols.find(dimension.symbol);
      if (dimension.size < 0 && symbol == symbols.end())
        return Error{ErrorCode::kInvalidArgument,
                     concat("a dimension of input ", in_quotes(info.name), " is ", in_quotes(dimension.symbol),
                            "; give its shape: --shape ", info.name, "=...")};
      dims.push_back(dimension.size >= 0 ? dimension.size : symbol->second);
    }
    shapes.push_back(std::move(dims));
  }
  return shapes;
}

Result<std::vector<NamedTensor>> random_inputs(const Program& program, const InputRequest& request) {
  TEGULA_RETURN_IF_ERROR(all_known(request.ranges, input_names(program), "input"));
  TEGULA_ASSIGN_OR_RETURN(const std::vector<Dims> shapes, input_shapes(program, request));
  std::vector<NamedTensor> inputs;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const TensorInfo& info = program.inputs()[i];
    const auto range = request.ranges.find(info.name);
    TEGULA_ASSIGN_OR_RETURN(
        data::Tensor tensor,
        data::random_tensor(info.name, info.dtype, shapes[i],
                            range == request.ranges.end() ? std::nullopt : std::optional(range->second), request.seed));
    inputs.push_back({info.name, std::move(tensor)});
  }
  return inputs;
}

}  // namespace tegula::driver
