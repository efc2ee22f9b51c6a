#pragma once
#include <string>
#include <vector>

namespace onnx {
class AttributeProto;
class FunctionProto;
class NodeProto;
}  // namespace onnx

namespace tegula::compiler {

// Fields that are newer than the packaged ONNX messages: protobuf keeps them, undecoded, with the unknown fields.

std::string overload_of(const onnx::NodeProto& node);          ///< NodeProto.overload, IR version 10
std::string overload_of(const onnx::FunctionProto& function);  ///< FunctionProto.overload, IR version 10
/// FunctionProto.attribute_proto, IR version 9: attributes with defaults.
std::vector<onnx::AttributeProto> default_attributes_of(const onnx::FunctionProto& function);

}  // namespace tegula::compiler
