#pragma once
#include <onnx/defs/parser.h>
#include <onnx/onnx_pb.h>

#include <string>

#include "compiler/driver/compile.h"
#include "compiler/graph/graph_text.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// A model in ONNX's textual syntax; a message that no model has when it does not parse.
inline onnx::ModelProto parse_model(const std::string& text) {
  onnx::ModelProto model;
  const auto status = onnx::OnnxParser::Parse(model, text.c_str());
  if (!status.IsOK()) throw std::runtime_error("bad model text: " + status.ErrorMessage());
  return model;
}

inline Result<ImportedModel> import_model(const onnx::ModelProto& model, const ImportOptions& options = {}) {
  return import_onnx_bytes(model.SerializeAsString(), options);
}

/// A model of operator set 21 (or `opset`) whose graph is `graph`: "(float[2] x) => (float[2] y) { y = Relu(x) }".
inline onnx::ModelProto model_of(const std::string& graph, int opset = 21) {
  return parse_model("<ir_version: 8, opset_import: [\"\" : " + std::to_string(opset) +
                     ", \"com.microsoft\" : 1, \"local\" : 1]>\ng " + graph);
}

/// The imported graph as text, or the error's message.
inline std::string imported(const onnx::ModelProto& model, const ImportOptions& options = {}) {
  const auto result = import_model(model, options);
  return result.ok() ? print(result->graph) : result.error().message;
}

inline std::string imported(const std::string& graph, const ImportOptions& options = {}, int opset = 21) {
  return imported(model_of(graph, opset), options);
}

}  // namespace tegula::compiler
