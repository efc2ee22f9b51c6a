// How ModelImporter goes through the nodes of the graph, of functions' bodies and of the branches of If.
#include <onnx/onnx_pb.h>

#include <algorithm>

#include "compiler/importer/fold_value.h"
#include "compiler/importer/model_importer.h"
#include "compiler/importer/onnx_types.h"
#include "compiler/importer/unsupported_hints.h"
#include "compiler/importer/wire.h"

namespace tegula::compiler {
namespace {

/// Calls of functions and branches inside one another; real models have a handful.
constexpr int kMaxDepth = 64;

std::string domain_of(const onnx::NodeProto& node) {
  return node.domain() == "ai.onnx" ? "" : node.domain();
}

/// What messages and origins call the node.
OnnxNode header_of(const onnx::NodeProto& node, const std::string& prefix) {
  OnnxNode header;
  header.domain = domain_of(node);
  header.op_type = node.op_type();
  header.name = prefix + label_of(node);
  return header;
}

}  // namespace

Status ModelImporter::import_nodes(const NodeProtos& nodes, Scope& scope) {
  TEGULA_ASSIGN_OR_RETURN(const auto order,
                          execution_order(nodes, [&](const std::string& name) { return is_known(scope, name); }));
  for (const onnx::NodeProto* node : order) TEGULA_RETURN_IF_ERROR(import_node(*node, scope));
  return {};
}

Status ModelImporter::import_node(const onnx::NodeProto& node, Scope& scope) {
  if (++nodes_imported_ > max_nodes_)
    return Error{ErrorCode::kUnsupported,
                 concat("the model has more than ", max_nodes_, " nodes, functions written out")};
  std::vector<Binding> inputs;
  bool broken = false;
  for (const std::string& name : node.input()) {
    inputs.emplace_back();
    if (name.empty()) continue;
    TEGULA_ASSIGN_OR_RETURN(inputs.back(), find(scope, name));
    broken |= inputs.back().broken;
  }
  if (const onnx::FunctionProto* function = find_function(node)) return import_call(node, *function, inputs, scope);
  const std::string domain = domain_of(node);
  const bool is_if = domain.empty() && node.op_type() == "If";
  if (!is_if && find_import(domain, node.op_type(), version_of(scope, domain)) == nullptr) {
    refuse(node, scope, header_of(node, scope.prefix).unsupported(hint_for(domain, node.op_type())));
    return {};
  }
  if (broken) {
    bind_broken(node, scope);
    return {};
  }
  return is_if ? import_if(node, inputs, scope) : import_operator(node, inputs, scope);
}

Status ModelImporter::import_operator(const onnx::NodeProto& node, const std::vector<Binding>& inputs, Scope& scope) {
  OnnxNode onnx_node = header_of(node, scope.prefix);
  onnx_node.version = version_of(scope, onnx_node.domain);
  for (const Binding& input : inputs) onnx_node.inputs.push_back(input.value);
  onnx_node.output_names.assign(node.output().begin(), node.output().end());
  if (Status status = read_attributes(attributes_of(node, *scope.call), model_, external_, onnx_node); !status.ok()) {
    refuse(node, scope, status.error());
    return {};
  }

  Node* last = graph_.nodes().empty() ? nullptr : graph_.nodes().back().get();
  Builder build(graph_, {onnx_node.name});
  ImportContext context{build, graph_};
  const ImportFunction import = find_import(onnx_node.domain, onnx_node.op_type, onnx_node.version);
  const Result<std::vector<Value*>> values = [&]() -> Result<std::vector<Value*>> {
    try {
      return import(context, onnx_node);
    } catch (const AttributeTypeError& error) {
      return onnx_node.invalid(error.what());
    }
  }();
  if (!values.ok()) {
    refuse(node, scope, values.error());
    return {};
  }
  // Values that this node made carry the model's names; an operand handed through keeps its own.
  std::vector<const Node*> made;
  for (const Node* n = last != nullptr          ? graph_.next(last)
                       : graph_.nodes().empty() ? nullptr
                                                : graph_.nodes().front().get();
       n != nullptr; n = graph_.next(n))
    made.push_back(n);
  for (int i = 0; i < node.output_size(); ++i) {
    const std::size_t index = static_cast<std::size_t>(i);
    if (node.output(i).empty()) continue;
    if (index >= values->size() || (*values)[index] == nullptr) {
      refuse(node, scope, onnx_node.unsupported(concat("output ", i, " ('", node.output(i), "') is not supported")));
      return {};
    }
    Value* value = (*values)[index];
    if (value->producer != nullptr && std::find(made.begin(), made.end(), value->producer) != made.end())
      graph_.rename_value(value, scope.prefix + node.output(i));
  }
  bind_outputs(node, *values, scope);
  return {};
}

Status ModelImporter::import_call(const onnx::NodeProto& node, const onnx::FunctionProto& function,
                                  const std::vector<Binding>& inputs, Scope& scope) {
  const OnnxNode header = header_of(node, scope.prefix);
  if (scope.depth >= kMaxDepth)
    return header.invalid(concat("function ", function.name(), ": calls are nested more than ", kMaxDepth, " deep"));
  if (node.input_size() > function.input_size() || node.output_size() > function.output_size())
    return header.invalid(concat("gives function ", function.name(), " ", node.input_size(), " inputs and ",
                                 node.output_size(), " outputs; it has ", function.input_size(), " and ",
                                 function.output_size()));
  const std::vector<onnx::AttributeProto> defaults = default_attributes_of(function);
  AttributeMap call = attributes_of(node, *scope.call);
  for (const onnx::AttributeProto& attribute : defaults) call.try_emplace(attribute.name(), &attribute);

  std::map<std::string, int> opsets;
  for (const onnx::OperatorSetIdProto& opset : function.opset_import())
    opsets[opset.domain() == "ai.onnx" ? "" : opset.domain()] =
        static_cast<int>(std::clamp<int64_t>(opset.version(), 0, 1 << 20));
  for (const auto& [domain, version] : *scope.opsets) opsets.try_emplace(domain, version);

  Scope body;
  body.prefix = header.name + "/";
  body.opsets = &opsets;
  body.call = &call;
  body.depth = scope.depth + 1;
  for (int i = 0; i < function.input_size(); ++i)
    body.names[function.input(i)] = i < node.input_size() ? inputs[static_cast<std::size_t>(i)] : Binding{};
  TEGULA_RETURN_IF_ERROR(import_nodes(function.node(), body));
  for (int i = 0; i < node.output_size(); ++i) {
    if (node.output(i).empty()) continue;
    if (!is_known(body, function.output(i)))
      return header.invalid(
          concat("function ", function.name(), ": nothing writes its output '", function.output(i), "'"));
    TEGULA_ASSIGN_OR_RETURN(const Binding binding, find(body, function.output(i)));
    hand_out(binding, body.prefix + function.output(i), node.output(i), scope);
  }
  return {};
}

Status ModelImporter::import_if(const onnx::NodeProto& node, const std::vector<Binding>& inputs, Scope& scope) {
  const OnnxNode header = header_of(node, scope.prefix);
  if (inputs.size() != 1 || inputs[0].value == nullptr) return header.invalid("needs a condition");
  if (scope.depth >= kMaxDepth) return header.invalid(concat("is nested more than ", kMaxDepth, " deep"));
  const std::optional<Literal> condition = fold_value(*inputs[0].value);
  if (!condition) {
    refuse(node, scope,
           header.unsupported("its condition depends on the model's inputs; only a constant condition is "
                              "supported: fix the shapes or the inputs that decide it"));
    return {};
  }
  if (condition->dtype() != DType::kBool || condition->count() != 1)
    return header.invalid("its condition is no single bool");
  const AttributeMap attributes = attributes_of(node, *scope.call);
  const char* which = condition->at<uint8_t>(0) != 0 ? "then_branch" : "else_branch";
  const auto attribute = attributes.find(which);
  if (attribute == attributes.end() || !attribute->second->has_g()) return header.invalid(concat("has no ", which));
  const onnx::GraphProto& graph = attribute->second->g();
  if (graph.output_size() != node.output_size())
    return header.invalid(concat(which, " has ", graph.output_size(), " outputs for ", node.output_size()));

  Scope branch;
  branch.outer = &scope;
  branch.prefix = header.name + "/";
  branch.opsets = scope.opsets;
  branch.call = scope.call;
  branch.depth = scope.depth + 1;
  TEGULA_RETURN_IF_ERROR(add_initializers(graph, branch));
  TEGULA_RETURN_IF_ERROR(import_nodes(graph.node(), branch));
  for (int i = 0; i < node.output_size(); ++i) {
    if (node.output(i).empty()) continue;
    if (!is_known(branch, graph.output(i).name()))
      return header.invalid(concat(which, ": nothing writes its output '", graph.output(i).name(), "'"));
    TEGULA_ASSIGN_OR_RETURN(const Binding binding, find(branch, graph.output(i).name()));
    hand_out(binding, branch.prefix + graph.output(i).name(), node.output(i), scope);
  }
  return {};
}

void ModelImporter::hand_out(const Binding& binding, const std::string& inner_name, const std::string& name,
                             Scope& scope) {
  scope.names[name] = binding;
  if (binding.value != nullptr && binding.value->name == inner_name)
    graph_.rename_value(binding.value, scope.prefix + name);
}

void ModelImporter::bind_outputs(const onnx::NodeProto& node, const std::vector<Value*>& values, Scope& scope) {
  for (int i = 0; i < node.output_size(); ++i)
    if (!node.output(i).empty()) scope.names[node.output(i)].value = values[static_cast<std::size_t>(i)];
}

void ModelImporter::bind_broken(const onnx::NodeProto& node, Scope& scope) {
  for (const std::string& output : node.output())
    if (!output.empty()) scope.names[output].broken = true;
}

void ModelImporter::refuse(const onnx::NodeProto& node, Scope& scope, const Error& error) {
  refusals_.push_back(error);
  bind_broken(node, scope);
}

}  // namespace tegula::compiler
