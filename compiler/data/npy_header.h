#pragma once
#include <string_view>

#include "compiler/data/tensor_data.h"

namespace tegula::data {

/// What the dictionary at the start of a .npy file says.
struct NpyHeader {
  DType dtype = DType::kF32;
  bool swap_bytes = false;  ///< the elements are big-endian
  bool fortran_order = false;
  Dims dims;
};

/// Parses the dictionary: a Python literal with exactly the keys descr, fortran_order and shape, in any order.
/// kInvalidFile: what is wrong with it. kUnsupported: a dtype that is not numeric.
Result<NpyHeader> parse_npy_header(std::string_view text);

}  // namespace tegula::data
