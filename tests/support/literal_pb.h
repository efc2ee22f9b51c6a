#pragma once
#include <filesystem>
#include <memory>
#include <utility>

#include "compiler/data/tensor_pb.h"
#include "compiler/graph/literal.h"

namespace tegula::test {

/// A tensor of ONNX's test data as a constant of a graph; the element type is the file's.
inline Result<compiler::Literal> read_literal_pb(const std::filesystem::path& path) {
  TEGULA_ASSIGN_OR_RETURN(data::NamedTensor named, data::read_tensor_pb(path));
  const auto owner = std::make_shared<const data::Tensor>(std::move(named.tensor));
  return compiler::Literal(owner->dtype, owner->dims, owner->bytes, owner);
}

}  // namespace tegula::test
