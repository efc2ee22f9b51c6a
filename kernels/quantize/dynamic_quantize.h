#pragma once
#include <cstdint>

#include "kernels/plain_loops.h"

namespace tegula::kernels {

/// Quantizes by the range of the data itself, which includes 0 (kernels/README.md, "Numbers"):
///   u8: scale = (max - min) / 255, zero_point = sat(rne(-min / scale))
///   s8: scale = max(max, -min) / 127, zero_point = 0
///   dst = sat(rne(src / scale) + zero_point)
/// A range of 0 (and one so small that its scale would be 0) has scale 1. NaN does not count in the range and becomes
/// the lowest value.
struct DynamicQuantizeDesc {
  /// Each row by itself; otherwise the whole tensor. A row is what one index of the outermost dimensions has, of as
  /// many of them as leave a scale for each row: an index of all but the innermost, or only of the outermost (an
  /// image).
  bool per_row = false;
};

/// The smallest and the largest of some numbers and 0.
struct ValueRange {
  float min = 0, max = 0;

  void include(float x) {
    min = x < min ? x : min;
    max = x > max ? x : max;
  }
};

struct ScaleAndZeroPoint {
  float scale = 1;
  int32_t zero_point = 0;
};

/// `quantized`: kU8 or kS8.
ScaleAndZeroPoint quantization_of(const ValueRange& range, DType quantized);

/// inputs: src (f32 or bf16, any strides). outputs: dst (u8 or s8, src's dims), scale (f32), zero_point (u8 or s32; u8
/// only for a dst of u8) or absent; both have one element, or with per_row one for each row, and lie contiguously.
Status check(const DynamicQuantizeDesc& desc, Views inputs, Views outputs);
Status dynamic_quantize(const DynamicQuantizeDesc& desc, Views inputs, Views outputs);

/// Rows of the innermost dimension; 1 for a scalar.
int64_t rows_of(const TensorView& view);
/// Whether `rows` is the product of some of the outermost dimensions of `view`, but not of none or of all.
bool has_rows(const TensorView& view, int64_t rows);

}  // namespace tegula::kernels
