#pragma once
#include <functional>
#include <string>
#include <vector>

#include <google/protobuf/repeated_ptr_field.h>

#include "schema/base/result.h"

namespace onnx {
class NodeProto;
}

namespace tegula::compiler {

using NodeProtos = google::protobuf::RepeatedPtrField<onnx::NodeProto>;

/// The nodes of one graph (or function body) in an order in which every name is written before it is read: the file's
/// own order where that is one, else the topological order that keeps closest to it. `is_known` tells the names that
/// exist before the first node: inputs, initializers, names of the graphs around. kInvalidFile: a name that nobody
/// writes, one that two nodes write, or a cycle.
Result<std::vector<const onnx::NodeProto*>> execution_order(const NodeProtos& nodes,
                                                            const std::function<bool(const std::string&)>& is_known);

/// The node's name, or one made from its first output: what messages call it.
std::string label_of(const onnx::NodeProto& node);

}  // namespace tegula::compiler
