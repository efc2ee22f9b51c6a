#include "compiler/importer/attribute_reader.h"

#include <onnx/onnx_pb.h>

#include "compiler/importer/tensor_reader.h"

namespace tegula::compiler {
namespace {

/// Files older than IR version 2 do not say which field is meant.
int type_of(const onnx::AttributeProto& attribute) {
  if (attribute.type() != onnx::AttributeProto::UNDEFINED) return attribute.type();
  if (attribute.has_f()) return onnx::AttributeProto::FLOAT;
  if (attribute.has_i()) return onnx::AttributeProto::INT;
  if (attribute.has_s()) return onnx::AttributeProto::STRING;
  if (attribute.has_t()) return onnx::AttributeProto::TENSOR;
  if (attribute.has_g()) return onnx::AttributeProto::GRAPH;
  if (attribute.floats_size() > 0) return onnx::AttributeProto::FLOATS;
  if (attribute.ints_size() > 0) return onnx::AttributeProto::INTS;
  if (attribute.strings_size() > 0) return onnx::AttributeProto::STRINGS;
  return onnx::AttributeProto::UNDEFINED;
}

Result<Literal> read_tensor_attribute(const onnx::AttributeProto& attribute, const std::shared_ptr<const void>& owner,
                                      ExternalData& external) {
  if (type_of(attribute) == onnx::AttributeProto::TENSOR) return read_tensor(attribute.t(), owner, external);
  return read_sparse_tensor(attribute.sparse_tensor(), owner, external);
}

}  // namespace

AttributeMap attributes_of(const onnx::NodeProto& node, const AttributeMap& call) {
  AttributeMap map;
  for (const onnx::AttributeProto& attribute : node.attribute()) {
    if (attribute.ref_attr_name().empty()) {
      map.insert_or_assign(attribute.name(), &attribute);
    } else if (const auto given = call.find(attribute.ref_attr_name()); given != call.end()) {
      map.insert_or_assign(attribute.name(), given->second);
    }
  }
  return map;
}

Status read_attributes(const AttributeMap& attributes, const std::shared_ptr<const void>& owner, ExternalData& external,
                       OnnxNode& node) {
  for (const auto& [name, attribute] : attributes) {
    switch (type_of(*attribute)) {
      case onnx::AttributeProto::FLOAT: node.attributes.set(name, static_cast<double>(attribute->f())); break;
      case onnx::AttributeProto::INT: node.attributes.set(name, static_cast<int64_t>(attribute->i())); break;
      case onnx::AttributeProto::STRING: node.attributes.set(name, std::string(attribute->s())); break;
      case onnx::AttributeProto::FLOATS:
        node.attributes.set(name, std::vector<double>(attribute->floats().begin(), attribute->floats().end()));
        break;
      case onnx::AttributeProto::INTS:
        node.attributes.set(name, std::vector<int64_t>(attribute->ints().begin(), attribute->ints().end()));
        break;
      case onnx::AttributeProto::STRINGS:
        node.attributes.set(name, std::vector<std::string>(attribute->strings().begin(), attribute->strings().end()));
        break;
      case onnx::AttributeProto::TENSOR:
      case onnx::AttributeProto::SPARSE_TENSOR: {
        auto tensor = read_tensor_attribute(*attribute, owner, external);
        if (!tensor.ok()) {
          Error error = node.invalid(concat("attribute '", name, "': ", tensor.error().message));
          error.code = tensor.error().code;
          return error;
        }
        node.tensors.emplace_back(name, widened(*tensor));
        break;
      }
      case onnx::AttributeProto::GRAPH: break;
      default:
        return node.unsupported(concat("attribute '", name, "' has a type that is not supported (",
                                       static_cast<int>(attribute->type()), ")"));
    }
  }
  return {};
}

}  // namespace tegula::compiler
