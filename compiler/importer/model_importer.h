#pragma once
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/driver/compile.h"
#include "compiler/graph/graph.h"
#include "compiler/importer/attribute_reader.h"
#include "compiler/importer/external_data.h"
#include "compiler/importer/node_order.h"
#include "schema/base/result.h"

namespace onnx {
class FunctionProto;
class GraphProto;
class ModelProto;
class SparseTensorProto;
class TensorProto;
class TypeProto_Tensor;
class ValueInfoProto;
}  // namespace onnx

namespace tegula::compiler {

/// Turns one ModelProto into a Graph: every node through its operator's import function, model-local functions and the
/// branches of If written out in place. One object imports one model.
///
/// FP16 and BF16 are widened: inputs of those types are cast to FP32 where they enter, outputs that the model declares
/// so are cast back where they leave, and everything between is FP32.
class ModelImporter {
 public:
  ModelImporter(std::shared_ptr<const onnx::ModelProto> model, ExternalData external, const ImportOptions& options);

  /// kUnsupported with every node that stands in the way, one a line; kInvalidFile, kInvalidArgument. Messages are
  /// printable, whatever the model's names are.
  Result<Graph> run();

 private:
  /// What a name of the model stands for.
  struct Binding {
    Value* value = nullptr;  ///< nullptr: absent (an operand of a function that the call leaves out), or broken
    bool broken = false;     ///< written by a node that could not be imported
  };
  /// The names of one graph or function body.
  struct Scope {
    const Scope* outer = nullptr;  ///< of a branch: the graph around it
    std::string prefix;            ///< of node names: "call/"
    const std::map<std::string, int>* opsets = nullptr;
    const AttributeMap* call = nullptr;  ///< attributes of the call that a function body belongs to
    std::unordered_map<std::string, Binding> names;
    std::unordered_map<std::string, const onnx::TensorProto*> initializers;  ///< not read so far
    std::unordered_map<std::string, const onnx::SparseTensorProto*> sparse_initializers;
    int depth = 0;
  };

  /// Any graph when there are refusals.
  Result<Graph> import_graph();
  Status import_inputs(Scope& scope);
  /// An input that the options make a constant.
  Result<Value*> add_constant_input(const std::string& name, const onnx::TypeProto_Tensor& type,
                                    const Literal& literal);
  Status import_outputs(Scope& scope);
  Status add_initializers(const onnx::GraphProto& graph, Scope& scope);
  Status import_nodes(const NodeProtos& nodes, Scope& scope);
  Status import_node(const onnx::NodeProto& node, Scope& scope);
  Status import_operator(const onnx::NodeProto& node, const std::vector<Binding>& inputs, Scope& scope);
  Status import_call(const onnx::NodeProto& node, const onnx::FunctionProto& function,
                     const std::vector<Binding>& inputs, Scope& scope);
  Status import_if(const onnx::NodeProto& node, const std::vector<Binding>& inputs, Scope& scope);

  static bool is_known(const Scope& scope, const std::string& name);
  /// The binding of a name that is known; initializers become constants when they are first read.
  Result<Binding> find(Scope& scope, const std::string& name);
  Result<Value*> add_initializer(Scope& owner, const std::string& name);
  /// Binds `name` to what a function's body or a branch calls by its inner name; the value takes the outer one.
  void hand_out(const Binding& binding, const std::string& inner_name, const std::string& name, Scope& scope);
  void bind_outputs(const onnx::NodeProto& node, const std::vector<Value*>& values, Scope& scope);
  void bind_broken(const onnx::NodeProto& node, Scope& scope);
  /// Remembers why a node cannot be imported and marks its outputs; the import goes on to find all such nodes.
  void refuse(const onnx::NodeProto& node, Scope& scope, const Error& error);
  Error refusals() const;

  const onnx::FunctionProto* find_function(const onnx::NodeProto& node) const;
  int version_of(const Scope& scope, const std::string& domain) const;

  std::shared_ptr<const onnx::ModelProto> model_;
  ExternalData external_;
  const ImportOptions& options_;
  Graph graph_;
  std::map<std::string, int> opsets_;
  std::map<std::string, const onnx::FunctionProto*> functions_;  ///< by "domain:name:overload"
  std::vector<Error> refusals_;
  int64_t widened_ = 0;  ///< tensors that were FP16 or BF16
  int64_t nodes_imported_ = 0, max_nodes_ = 0;
};

}  // namespace tegula::compiler
