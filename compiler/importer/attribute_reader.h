#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "compiler/importer/external_data.h"
#include "compiler/importer/onnx_node.h"
#include "schema/base/result.h"

namespace onnx {
class AttributeProto;
class NodeProto;
}  // namespace onnx

namespace tegula::compiler {

/// The attributes that a node has, by name. In a function's body an attribute may stand for one of the call
/// (ref_attr_name): `call` maps those, and what the call does not give is absent here.
using AttributeMap = std::map<std::string, const onnx::AttributeProto*, std::less<>>;
AttributeMap attributes_of(const onnx::NodeProto& node, const AttributeMap& call);

/// Fills node.attributes and node.tensors (FP16 and BF16 widened; sparse tensors densified). Graph attributes are left
/// to the caller. kUnsupported for types of attribute that no importable operator has.
Status read_attributes(const AttributeMap& attributes, const std::shared_ptr<const void>& owner, ExternalData& external,
                       OnnxNode& node);

}  // namespace tegula::compiler
