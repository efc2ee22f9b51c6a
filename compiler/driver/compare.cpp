#include "compiler/driver/compare.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "compiler/data/half.h"

namespace tegula::driver {
namespace {

using data::Tensor;

double float_at(const Tensor& tensor, std::size_t i) {
  switch (tensor.dtype) {
    case DType::kF32: return tensor.elements<float>()[i];
    case DType::kF64: return tensor.elements<double>()[i];
    case DType::kF16: return data::f16_to_f32(tensor.elements<uint16_t>()[i]);
    default: return data::bf16_to_f32(tensor.elements<uint16_t>()[i]);
  }
}

double integer_at(const Tensor& tensor, std::size_t i) {
  const std::size_t size = size_of(tensor.dtype);
  uint64_t bits = 0;
  std::memcpy(&bits, tensor.bytes.data() + i * size, size);
  if (!is_signed_integer(tensor.dtype)) return static_cast<double>(bits);
  const int shift = 64 - static_cast<int>(size) * 8;
  return static_cast<double>(static_cast<int64_t>(bits << shift) >> shift);
}

double distance(double got, double want) {
  if (got == want || (std::isnan(got) && std::isnan(want))) return 0;
  const double difference = std::fabs(got - want);
  return std::isfinite(difference) ? difference : std::numeric_limits<double>::infinity();
}

}  // namespace

double Difference::relative() const {
  return largest == 0 ? 0 : scale == 0 ? std::numeric_limits<double>::infinity() : largest / scale;
}

bool Difference::within(double tolerance) const {
  return mismatch.empty() && (is_integer ? differing == 0 : relative() <= tolerance);
}

std::string Difference::to_string() const {
  if (!mismatch.empty()) return mismatch;
  if (differing == 0) return "identical";
  if (is_integer)
    return concat(differing, " of ", elements, " elements differ, the most by ", largest, " at element ", at);
  return concat("largest difference ", largest, " of ", scale, " (", relative(), ") at element ", at);
}

Difference compare(const Tensor& got, const Tensor& want) {
  Difference result;
  const bool comparable = got.dtype == want.dtype || (is_float(got.dtype) && is_float(want.dtype));
  if (!comparable || got.dims != want.dims) {
    result.mismatch = concat("it is ", name_of(got.dtype), to_string(got.dims), " instead of ", name_of(want.dtype),
                             to_string(want.dims));
    return result;
  }
  result.is_integer = !is_float(got.dtype);
  result.elements = got.count();
  for (std::size_t i = 0; i < static_cast<std::size_t>(result.elements); ++i) {
    const double g = result.is_integer ? integer_at(got, i) : float_at(got, i);
    const double w = result.is_integer ? integer_at(want, i) : float_at(want, i);
    const std::size_t size = size_of(got.dtype);
    const bool same = result.is_integer
                          ? std::memcmp(got.bytes.data() + i * size, want.bytes.data() + i * size, size) == 0
                          : distance(g, w) == 0;
    result.differing += same ? 0 : 1;  // by their bytes: 64-bit integers do not fit a double
    if (std::isfinite(w)) result.scale = std::max(result.scale, std::fabs(w));
    if (distance(g, w) > result.largest) {
      result.largest = distance(g, w);
      result.at = static_cast<int64_t>(i);
    }
  }
  return result;
}

std::vector<double> to_reals(const Tensor& tensor) {
  std::vector<double> reals(static_cast<std::size_t>(tensor.count()));
  for (std::size_t i = 0; i < reals.size(); ++i)
    reals[i] = is_float(tensor.dtype) ? float_at(tensor, i) : integer_at(tensor, i);
  return reals;
}

std::vector<int64_t> argmax_rows(const Tensor& tensor) {
  const int64_t columns = tensor.dims.empty() ? 1 : tensor.dims.back();
  std::vector<int64_t> best;
  if (columns == 0) return best;
  for (int64_t row = 0; row < tensor.count() / columns; ++row) {
    int64_t at = 0;
    for (int64_t c = 1; c < columns; ++c)
      if (float_at(tensor, static_cast<std::size_t>(row * columns + c)) >
          float_at(tensor, static_cast<std::size_t>(row * columns + at)))
        at = c;
    best.push_back(at);
  }
  return best;
}

}  // namespace tegula::driver
