#pragma once
#include <array>

#include "kernels/tensor_view.h"
#include "schema/base/result.h"

namespace tegula::kernels {

/// The numbers are those of the program file.
enum class PadMode : uint8_t {
  kConstant = 0,  ///< the fill value
  kEdge = 1,      ///< the nearest element
  kReflect = 2,   ///< mirrored, again and again, the edge element not repeated: a b c b | a b c | b a b
  kWrap = 3,      ///< src repeated
};

/// dst[i0, i1, ...] = src[i0 - begins[0], ...], with what lies outside of src given by the mode. dst's dimensions
/// give the sizes; negative begins (and dst's size) crop.
struct PadDesc {
  PadMode mode = PadMode::kConstant;
  int rank = 0;
  std::array<int64_t, kMaxRank> begins{};
};

/// Looks at types and dimensions only. kInvalidArgument: types or ranks differ, begins are out of range, or a mode
/// other than kConstant has nothing to take elements from.
Status check_pad(const PadDesc& desc, const TensorView& src, const TensorView& dst);

/// Checks, then copies. `fill` points at one element, or is nullptr for 0. Any strides; src and dst must not overlap.
Status pad(const PadDesc& desc, const TensorView& src, const void* fill, const TensorView& dst);

/// Rows of dst (all its dimensions but the last), the pieces that pad_rows works on. A scalar has one row.
int64_t pad_row_count(const TensorView& dst);

/// Fills rows [begin, end) of dst, counted row-major. After check_pad. Any number of threads may each run a range.
void pad_rows(const PadDesc& desc, const TensorView& src, const void* fill, const TensorView& dst, int64_t begin,
              int64_t end);

}  // namespace tegula::kernels
