#pragma once
#include <map>
#include <string>
#include <vector>

#include "compiler/driver/compile.h"
#include "compiler/graph/graph.h"
#include "schema/base/result.h"

namespace onnx {
class TypeProto_Tensor;
}

namespace tegula::compiler {

/// Gives the inputs of a model their shapes, from the file and ImportOptions.
///
/// A dim_param names a symbol; equal names are one symbol. A dimension without a size or a name (or with a negative
/// size) is the symbol <input>_<position>. Names are made identifiers (symbol_names.h).
class InputShapes {
 public:
  InputShapes(Graph& graph, const ImportOptions& options) : graph_(graph), options_(options) {}

  /// The shape of one input; new symbols are added to the graph's. Errors name the input.
  Result<Shape> shape_of(const std::string& input, const onnx::TypeProto_Tensor& type);

  /// After the last input: every entry of the options must have met what it names.
  Status check_options_used(const std::vector<std::string>& input_names) const;

 private:
  Result<Shape> from_file(const std::string& input, const onnx::TypeProto_Tensor& type);
  Result<Shape> from_options(const std::string& input, const std::vector<std::string>& dims);
  /// The symbol, or the number that the options fix it to.
  Dim symbol(const std::string& name);

  Graph& graph_;
  const ImportOptions& options_;
  std::map<std::string, Dim> known_;  ///< symbols met so far, by the model's name
};

}  // namespace tegula::compiler
