#pragma once
#include <string_view>

#include "compiler/data/tensor_data.h"

namespace tegula::data {

/// The tensor with elements of another type, each exactly equal to the one it came from: float to wider or narrower
/// float, integer or bool to any type, where every element fits. Floats never become integers. kInvalidArgument names
/// the first element that would change, or says that the types do not convert. `what` names the tensor: "input 'x'".
Result<Tensor> convert_exactly(Tensor tensor, DType to, std::string_view what);

}  // namespace tegula::data
