#pragma once
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "compiler/data/tensor_data.h"
#include "schema/base/result.h"

namespace tegula::driver {

/// An ONNX model run by the plain loops, as it was imported: no pass has touched it. What programs are compared with.
class ReferenceModel {
 public:
  explicit ReferenceModel(std::filesystem::path path) : path_(std::move(path)) {}

  /// Called for each tensor that a node of the model computes, in execution order. `onnx_nodes`: the nodes of the file
  /// that it belongs to; an ONNX node may become several nodes of the graph, and the last of them ends it.
  using SeeTensor =
      std::function<Status(std::span<const std::string> onnx_nodes, std::string_view value, data::Tensor tensor)>;

  /// The outputs for one set of inputs, which must be all of the model's, by name, with its types.
  Result<std::vector<data::NamedTensor>> run(std::span<const data::NamedTensor> inputs,
                                             const SeeTensor& see = {}) const;

 private:
  std::filesystem::path path_;
};

}  // namespace tegula::driver
