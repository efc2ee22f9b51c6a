#include "compiler/importer/input_shapes.h"

#include <onnx/onnx_pb.h>

#include <algorithm>

#include "compiler/importer/symbol_names.h"
#include "kernels/tensor_view.h"

namespace tegula::compiler {
namespace {

Error input_error(const std::string& input, std::string_view what) {
  return {ErrorCode::kInvalidArgument, concat("input '", input, "': ", what)};
}

std::string join(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "none" : text;
}

}  // namespace

Dim InputShapes::symbol(const std::string& name) {
  const auto [entry, is_new] = known_.try_emplace(name);
  if (!is_new) return entry->second;
  const std::string identifier = unused_symbol(graph_, name);  // two names of the model may become one identifier
  SymbolRange range{identifier};
  auto option = options_.dims.find(name);
  if (option == options_.dims.end()) option = options_.dims.find(identifier);
  if (option != options_.dims.end()) std::tie(range.min, range.max) = option->second;
  if (range.min == range.max) {
    entry->second = Dim(range.min);
  } else {
    graph_.symbols.push_back(range);
    entry->second = Dim::symbol(identifier);
  }
  return entry->second;
}

Result<Shape> InputShapes::from_file(const std::string& input, const onnx::TypeProto_Tensor& type) {
  if (!type.has_shape()) return input_error(input, "the model does not say its rank; give a shape (--shape)");
  if (type.shape().dim_size() > kernels::kMaxRank)
    return input_error(input,
                       concat("has ", type.shape().dim_size(), " dimensions; ", kernels::kMaxRank, " are supported"));
  Shape shape;
  for (const onnx::TensorShapeProto_Dimension& dim : type.shape().dim()) {
    if (dim.has_dim_value() && dim.dim_value() >= 0) {
      shape.push_back(dim.dim_value());
    } else if (dim.has_dim_param() && !dim.dim_param().empty()) {
      shape.push_back(symbol(dim.dim_param()));
    } else {
      shape.push_back(symbol(concat(input, '_', shape.size())));
    }
  }
  return shape;
}

Result<Shape> InputShapes::from_options(const std::string& input, const std::vector<std::string>& dims) {
  if (dims.size() > kernels::kMaxRank)
    return input_error(input, concat("a shape of ", dims.size(), " dimensions is too long"));
  Shape shape;
  for (const std::string& text : dims) {
    if (text == "?") {
      shape.push_back(symbol(concat(input, '_', shape.size())));
      continue;
    }
    auto dim = Dim::parse(text);
    if (!dim.ok()) return input_error(input, concat("dimension '", text, "': ", dim.error().message));
    std::vector<std::string> names;
    dim->collect_symbols(names);
    std::map<std::string, Dim> values;
    for (const std::string& name : names) values.emplace(name, symbol(name));
    shape.push_back(dim->substitute(values));
    if (shape.back().is_constant() && shape.back().value() < 0)
      return input_error(input, concat("dimension '", text, "' is negative"));
  }
  return shape;
}

Result<Shape> InputShapes::shape_of(const std::string& input, const onnx::TypeProto_Tensor& type) {
  const auto option = options_.shapes.find(input);
  if (option == options_.shapes.end()) return from_file(input, type);
  if (type.has_shape() && static_cast<std::size_t>(type.shape().dim_size()) != option->second.size())
    return input_error(input, concat("the model gives it ", type.shape().dim_size(), " dimensions, the option ",
                                     option->second.size()));
  return from_options(input, option->second);
}

Status InputShapes::check_options_used(const std::vector<std::string>& input_names) const {
  for (const auto& [name, shape] : options_.shapes)
    if (std::find(input_names.begin(), input_names.end(), name) == input_names.end())
      return Error{ErrorCode::kInvalidArgument,
                   concat("a shape is given for '", name, "', which is no input; the inputs are: ", join(input_names))};
  for (const auto& [name, literal] : options_.constants)
    if (std::find(input_names.begin(), input_names.end(), name) == input_names.end())
      return Error{ErrorCode::kInvalidArgument, concat("a constant is given for '", name,
                                                       "', which is no input; the inputs are: ", join(input_names))};
  for (const auto& [name, range] : options_.dims) {
    if (range.first < 0 || range.first > range.second)
      return Error{ErrorCode::kInvalidArgument,
                   concat("dimension '", name, "': ", range.first, "..", range.second, " is no range of sizes")};
    const bool used = std::any_of(known_.begin(), known_.end(), [&](const auto& entry) {
      return entry.first == name || to_identifier(entry.first) == name;
    });
    if (used) continue;
    std::vector<std::string> names;
    for (const auto& [known, dim] : known_) names.push_back(known);
    return Error{ErrorCode::kInvalidArgument,
                 concat("no input has a dimension called '", name, "'; the model's are: ", join(names))};
  }
  return {};
}

}  // namespace tegula::compiler
