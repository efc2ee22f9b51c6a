#pragma once
#include <memory>
#include <utility>

#include "compiler/data/tensor_data.h"
#include "compiler/graph/literal.h"

namespace tegula::driver {

/// The tensor as a constant of a graph, which then owns it. One without elements has an address, too: no address would
/// mean no operand.
inline compiler::Literal to_literal(data::Tensor tensor) {
  if (tensor.bytes.empty()) return compiler::Literal::make(tensor.dtype, std::move(tensor.dims), [](const auto&) {});
  const auto owner = std::make_shared<const data::Tensor>(std::move(tensor));
  return compiler::Literal(owner->dtype, owner->dims, owner->bytes, owner);
}

}  // namespace tegula::driver
