#pragma once
#include <cstdint>

namespace tegula::data {

/// Conversions of 16-bit floats, for data on its way in and out of files. To half: to the nearest, ties to even,
/// overflow to infinity; NaN stays NaN, quiet.
float f16_to_f32(uint16_t half);
uint16_t f32_to_f16(float value);
float bf16_to_f32(uint16_t value);
uint16_t f32_to_bf16(float value);

}  // namespace tegula::data
