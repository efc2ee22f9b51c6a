#include "compiler/importer/model_importer.h"

#include <onnx/onnx_pb.h>

#include <algorithm>

#include "compiler/importer/input_shapes.h"
#include "compiler/importer/onnx_types.h"
#include "compiler/importer/tensor_reader.h"
#include "compiler/importer/wire.h"
#include "compiler/ops/op_def.h"
#include "schema/printable.h"

namespace tegula::compiler {
namespace {

Error invalid(std::string message) {
  return {ErrorCode::kInvalidFile, std::move(message)};
}

/// Functions that call others twice, and those others twice ..., make exponentially many nodes of a small file.
constexpr int64_t kMaxNodes = 100'000, kMaxNodesPerFileNode = 16;

/// Before it, operators came with attributes for what inputs do since, and models of that time are hard to find.
constexpr int kOldestOpset = 6;

std::string normal_domain(const std::string& domain) {
  return domain == "ai.onnx" ? "" : domain;
}

template <typename Imports>
std::map<std::string, int> opsets_of(const Imports& imports) {
  std::map<std::string, int> opsets;
  for (const onnx::OperatorSetIdProto& opset : imports) {
    const int64_t version = std::clamp<int64_t>(opset.version(), 0, 1 << 20);
    opsets[normal_domain(opset.domain())] = static_cast<int>(version);
  }
  return opsets;
}

/// Why a value of this type cannot be an input, or "".
std::string refuse_type(const onnx::ValueInfoProto& info) {
  switch (info.type().value_case()) {
    case onnx::TypeProto::kTensorType: break;
    case onnx::TypeProto::kSequenceType: return "is a sequence; only tensors are supported";
    case onnx::TypeProto::kOptionalType: return "is optional; only tensors are supported";
    case onnx::TypeProto::kMapType: return "is a map; only tensors are supported";
    case onnx::TypeProto::kSparseTensorType: return "is a sparse tensor; only dense tensors are supported";
    default: return "has no type";
  }
  const int64_t type = info.type().tensor_type().elem_type();
  return dtype_from_onnx(type) ? "" : concat("has elements of type ", onnx_type_name(type), ", which is not supported");
}

}  // namespace

ModelImporter::ModelImporter(std::shared_ptr<const onnx::ModelProto> model, ExternalData external,
                             const ImportOptions& options)
    : model_(std::move(model)), external_(std::move(external)), options_(options) {}

Result<Graph> ModelImporter::run() {
  auto graph = import_graph();
  if (!graph.ok()) return Error{graph.error().code, printable(graph.error().message, kLongestMessage)};
  if (!refusals_.empty()) return refusals();
  return graph;
}

Result<Graph> ModelImporter::import_graph() {
  if (!model_->has_graph()) return invalid("not an ONNX model: it has no graph");
  opsets_ = opsets_of(model_->opset_import());
  if (!opsets_.contains("") && !model_->graph().node().empty() && opsets_.empty())
    return invalid("the model does not say which operator set it uses (opset_import)");
  if (const auto main = opsets_.find(""); main != opsets_.end() && main->second < kOldestOpset)
    return Error{ErrorCode::kUnsupported,
                 concat("operator set ", main->second, " is not supported: convert the model to ", kOldestOpset,
                        " or later (onnx.version_converter)")};
  max_nodes_ = kMaxNodes + kMaxNodesPerFileNode * model_->graph().node_size();
  for (const onnx::FunctionProto& function : model_->functions())
    functions_.emplace(concat(normal_domain(function.domain()), ':', function.name(), ':', overload_of(function)),
                       &function);

  graph_.name = model_->graph().name();
  Scope scope;
  scope.opsets = &opsets_;
  const AttributeMap no_call;
  scope.call = &no_call;
  TEGULA_RETURN_IF_ERROR(add_initializers(model_->graph(), scope));
  TEGULA_RETURN_IF_ERROR(import_inputs(scope));
  TEGULA_RETURN_IF_ERROR(import_nodes(model_->graph().node(), scope));
  TEGULA_RETURN_IF_ERROR(import_outputs(scope));
  if (!refusals_.empty()) return Graph();
  if (widened_ > 0) graph_.notes.push_back(concat(widened_, " FP16 or BF16 tensors were widened to FP32"));
  graph_.remove_dead();
  for (const auto& node : graph_.nodes())
    for (std::size_t i = 1; i < node->outputs.size(); ++i)  // the first is what the node is for
      if (const Value* output = node->outputs[i]; output != nullptr && output->users.empty() && !output->is_output)
        graph_.drop_output(node.get(), i);
  return std::move(graph_);
}

Status ModelImporter::add_initializers(const onnx::GraphProto& graph, Scope& scope) {
  for (const onnx::TensorProto& tensor : graph.initializer())
    if (tensor.name().empty() || is_known(scope, tensor.name()) ||
        !scope.initializers.emplace(tensor.name(), &tensor).second)
      return invalid(concat("initializer '", tensor.name(), "': its name is empty or taken"));
  for (const onnx::SparseTensorProto& tensor : graph.sparse_initializer()) {
    const std::string& name = tensor.values().name();
    if (name.empty() || is_known(scope, name) || !scope.sparse_initializers.emplace(name, &tensor).second)
      return invalid(concat("sparse initializer '", name, "': its name is empty or taken"));
  }
  return {};
}

Status ModelImporter::import_inputs(Scope& scope) {
  InputShapes shapes(graph_, options_);
  std::vector<std::string> names;
  for (const onnx::ValueInfoProto& info : model_->graph().input()) {
    const std::string& name = info.name();
    // Before IR version 4 every initializer was an input too: a default that the caller might replace. Ours are
    // constants.
    if (scope.initializers.contains(name) || scope.sparse_initializers.contains(name)) continue;
    if (name.empty() || is_known(scope, name)) return invalid(concat("input '", name, "': its name is empty or taken"));
    names.push_back(name);
    if (const std::string why = refuse_type(info); !why.empty()) {
      refusals_.push_back({ErrorCode::kUnsupported, concat("input '", name, "': ", why)});
      scope.names[name].broken = true;
      continue;
    }
    const onnx::TypeProto_Tensor& type = info.type().tensor_type();
    if (const auto constant = options_.constants.find(name); constant != options_.constants.end()) {
      TEGULA_ASSIGN_OR_RETURN(scope.names[name].value, add_constant_input(name, type, constant->second));
      continue;
    }
    TEGULA_ASSIGN_OR_RETURN(Shape shape, shapes.shape_of(name, type));
    if (const auto dims = constant_dims(shape); dims && !checked_element_count(*dims))
      return invalid(concat("input '", name, "': its shape ", tegula::to_string(*dims), " has too many elements"));
    Value* input = graph_.add_input(name, *dtype_from_onnx(type.elem_type()), std::move(shape));
    Value* used = input;
    if (computed_type(input->dtype) != input->dtype) {
      ++widened_;
      Builder build(graph_, {name});
      TEGULA_ASSIGN_OR_RETURN(used, build.cast(input, computed_type(input->dtype)));
    }
    scope.names[name].value = used;
  }
  return shapes.check_options_used(names);
}

Result<Value*> ModelImporter::add_constant_input(const std::string& name, const onnx::TypeProto_Tensor& type,
                                                 const Literal& literal) {
  const auto bad = [&](std::string_view what) {
    return Error{ErrorCode::kInvalidArgument, concat("input '", name, "': the constant given for it ", what)};
  };
  if (dtype_from_onnx(type.elem_type()) != literal.dtype())
    return bad(concat("has elements of type ", name_of(literal.dtype())));
  if (type.has_shape()) {
    const auto& dims = type.shape().dim();
    bool fits = static_cast<std::size_t>(dims.size()) == literal.dims().size();
    for (int d = 0; fits && d < dims.size(); ++d)
      fits = !dims[d].has_dim_value() || dims[d].dim_value() == literal.dims()[static_cast<std::size_t>(d)];
    if (!fits) return bad(concat("has the shape ", tegula::to_string(literal.dims())));
  }
  return graph_.add_constant(name, widened(literal));
}

Status ModelImporter::import_outputs(Scope& scope) {
  if (model_->graph().output().empty()) return invalid("the model has no output");
  std::vector<std::pair<std::string, Value*>> outputs;
  for (const onnx::ValueInfoProto& info : model_->graph().output()) {
    const std::string& name = info.name();
    if (name.empty() || !is_known(scope, name)) return invalid(concat("output '", name, "': nothing writes it"));
    for (const auto& [other, value] : outputs)
      if (other == name) return invalid(concat("output '", name, "': is there twice"));
    TEGULA_ASSIGN_OR_RETURN(const Binding binding, find(scope, name));
    if (binding.broken) continue;
    if (binding.value == nullptr) return invalid(concat("output '", name, "': nothing writes it"));
    Value* value = binding.value;
    const std::optional<DType> declared = dtype_from_onnx(info.type().tensor_type().elem_type());
    if (declared && computed_type(*declared) != *declared && value->dtype == computed_type(*declared)) {
      // An FP16 input that is an output as it is needs no two casts.
      if (is_function(value->producer, Function::k_cast) && value->producer->input(0)->dtype == *declared) {
        value = value->producer->input(0);
      } else {
        Builder build(graph_, {name});
        TEGULA_ASSIGN_OR_RETURN(value, build.cast(value, *declared));
      }
    }
    outputs.emplace_back(name, value);
  }
  graph_.set_outputs(std::move(outputs));
  return {};
}

bool ModelImporter::is_known(const Scope& scope, const std::string& name) {
  for (const Scope* s = &scope; s != nullptr; s = s->outer)
    if (s->names.contains(name) || s->initializers.contains(name) || s->sparse_initializers.contains(name)) return true;
  return false;
}

Result<ModelImporter::Binding> ModelImporter::find(Scope& scope, const std::string& name) {
  for (Scope* s = &scope; s != nullptr; s = const_cast<Scope*>(s->outer)) {
    if (const auto bound = s->names.find(name); bound != s->names.end()) return bound->second;
    if (!s->initializers.contains(name) && !s->sparse_initializers.contains(name)) continue;
    auto value = add_initializer(*s, name);
    Binding& binding = s->names[name];
    if (value.ok()) {
      binding.value = *value;
    } else if (value.error().code == ErrorCode::kUnsupported) {
      refusals_.push_back(value.error());
      binding.broken = true;
    } else {
      return value.error();
    }
    return binding;
  }
  return invalid(concat("'", name, "' is read and nothing gives it"));
}

Result<Value*> ModelImporter::add_initializer(Scope& owner, const std::string& name) {
  const auto dense = owner.initializers.find(name);
  auto literal = dense != owner.initializers.end()
                     ? read_tensor(*dense->second, model_, external_)
                     : read_sparse_tensor(*owner.sparse_initializers.at(name), model_, external_);
  if (!literal.ok()) return std::move(literal).error();
  if (computed_type(literal->dtype()) != literal->dtype()) ++widened_;
  return graph_.add_constant(owner.prefix + name, widened(*literal));
}

Error ModelImporter::refusals() const {
  constexpr std::size_t kMostListed = 1000;
  ErrorCode code = ErrorCode::kUnsupported;
  for (const Error& refusal : refusals_)
    if (refusal.code != ErrorCode::kUnsupported) code = ErrorCode::kInvalidFile;
  if (refusals_.size() == 1) return {code, printable(refusals_.front().message, kLongestMessage)};
  std::string text = concat(refusals_.size(), " things of the model cannot be imported:");
  for (std::size_t i = 0; i < std::min(refusals_.size(), kMostListed); ++i)
    text += "\n  " + printable(refusals_[i].message, kLongestMessage);
  if (refusals_.size() > kMostListed) text += concat("\n  and ", refusals_.size() - kMostListed, " more");
  return {code, text};
}

int ModelImporter::version_of(const Scope& scope, const std::string& domain) const {
  const auto found = scope.opsets->find(domain);
  if (found != scope.opsets->end()) return found->second;
  return domain.empty() ? kOldestOpset : 1;
}

const onnx::FunctionProto* ModelImporter::find_function(const onnx::NodeProto& node) const {
  const auto found = functions_.find(concat(normal_domain(node.domain()), ':', node.op_type(), ':', overload_of(node)));
  return found == functions_.end() ? nullptr : found->second;
}

}  // namespace tegula::compiler
