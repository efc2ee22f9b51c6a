#pragma once
#include <filesystem>
#include <utility>

#include "compiler/data/tensor_pb.h"
#include "compiler/driver/tensor_literal.h"

namespace tegula::test {

/// A tensor of ONNX's test data as a constant of a graph; the element type is the file's.
inline Result<compiler::Literal> read_literal_pb(const std::filesystem::path& path) {
  TEGULA_ASSIGN_OR_RETURN(data::NamedTensor named, data::read_tensor_pb(path));
  return driver::to_literal(std::move(named.tensor));
}

}  // namespace tegula::test
