#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "compiler/data/tensor_data.h"

namespace tegula::driver {

/// How far `got` is from `want`, element by element. The scale of a difference is the largest finite |want|: elements
/// that cancel to nearly nothing say little about how well they were computed.
struct Difference {
  std::string mismatch;  ///< other dimensions, or integers against floats; then nothing else is set
  int64_t elements = 0;
  double largest = 0;     ///< |got - want|; infinity where NaN or infinity stands against anything else
  double scale = 0;       ///< largest finite |want|
  int64_t at = 0;         ///< index (row-major) of the largest
  int64_t differing = 0;  ///< elements that are not equal
  bool is_integer = false;

  /// largest / scale (0 when both are 0).
  double relative() const;
  /// Integers and bool: all equal; floats: relative() <= tolerance.
  bool within(double tolerance) const;
  /// "largest difference 3.1e-06 of 12.4 (2.5e-07) at element 17".
  std::string to_string() const;
};

Difference compare(const data::Tensor& got, const data::Tensor& want);

/// Every element, in order; 64-bit numbers as the nearest double.
std::vector<double> to_reals(const data::Tensor& tensor);

/// Position of the largest element of each row of the last dimension; the first wins. For float tensors.
std::vector<int64_t> argmax_rows(const data::Tensor& tensor);

}  // namespace tegula::driver
