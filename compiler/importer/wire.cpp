#include "compiler/importer/wire.h"

#include <google/protobuf/unknown_field_set.h>
#include <onnx/onnx_pb.h>

namespace tegula::compiler {
namespace {

using google::protobuf::UnknownField;
using google::protobuf::UnknownFieldSet;

constexpr int kNodeOverload = 8, kFunctionOverload = 13, kFunctionAttributeProto = 11;

/// The length-delimited entries of one field.
std::vector<std::string> entries(const UnknownFieldSet& unknown, int number) {
  std::vector<std::string> found;
  for (int i = 0; i < unknown.field_count(); ++i) {
    const UnknownField& field = unknown.field(i);
    if (field.number() == number && field.type() == UnknownField::TYPE_LENGTH_DELIMITED)
      found.push_back(field.length_delimited());
  }
  return found;
}

std::string last_entry(const UnknownFieldSet& unknown, int number) {
  const std::vector<std::string> found = entries(unknown, number);
  return found.empty() ? std::string() : found.back();
}

}  // namespace

std::string overload_of(const onnx::NodeProto& node) {
  return last_entry(node.unknown_fields(), kNodeOverload);
}

std::string overload_of(const onnx::FunctionProto& function) {
  return last_entry(function.unknown_fields(), kFunctionOverload);
}

std::vector<onnx::AttributeProto> default_attributes_of(const onnx::FunctionProto& function) {
  std::vector<onnx::AttributeProto> attributes;
  for (const std::string& entry : entries(function.unknown_fields(), kFunctionAttributeProto))
    if (onnx::AttributeProto attribute; attribute.ParseFromString(entry)) attributes.push_back(std::move(attribute));
  return attributes;
}

}  // namespace tegula::compiler
