#pragma once
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "jit/vector_isa.h"
#include "schema/base/result.h"

namespace tegula::kernels {

/// What shapes the code of generated resizing: sizes, scales and weights come in tables (resize_plan.h).
struct ResizeCodeDesc {
  jit::VectorIsa isa = jit::VectorIsa::kAvx2;

  auto operator<=>(const ResizeCodeDesc&) const = default;
  std::string name() const;  ///< "resize_f32_avx512"
};

// The structs below are read by generated code: fields stay where they are.

/// One source of a weighted sum.
struct ResizeTap {
  int64_t offset = 0;  ///< bytes
  float weight = 0;
  int32_t count = 0;  ///< of taps, in the first of them; 0: the sum is +0
};
static_assert(sizeof(ResizeTap) == 16);

/// dst[p][i] = w0 * src[p][offset0][i] + w1 * src[p][offset1][i] + ..., i < n, p < positions: each product and each sum
/// rounded, taps ascending.
struct ResizeMixCall {
  const std::byte* src = nullptr;
  int64_t src_step = 0;  ///< bytes from one position to the next
  const ResizeTap* taps = nullptr;
  int64_t taps_step = 0;  ///< bytes
  std::byte* dst = nullptr;
  int64_t dst_step = 0;  ///< bytes
  int64_t positions = 0;
  int64_t n = 0;  ///< f32 elements
};

/// A row of src and how many rows of dst in succession are made of it.
struct ResizeRow {
  int64_t src_offset = 0;  ///< bytes
  int64_t repeats = 1;
};

/// Where the sources of a vector of results are, from the start of its window of src on.
enum class ResizeReach : uint8_t {
  kVector = 0,    ///< among as many elements: a permutation
  kPair = 1,      ///< among twice as many: a permutation of two vectors
  kAnywhere = 2,  ///< a gather
};

/// Resizes contiguous rows of 4-byte elements along themselves.
struct ResizeLineCall {
  const std::byte* src = nullptr;
  std::byte* dst = nullptr;
  const int64_t* windows = nullptr;  ///< for each vector of results: bytes from the row's start
  /// For each vector of results and each tap: a vector of element numbers (s32, from the window's start), then, of
  /// sums, a vector of weights. Taps of weight 0 do not take part, and come last.
  const std::byte* table = nullptr;
  int64_t positions = 0;  ///< results of one row
  int64_t window = 0;     ///< elements that a permutation may read: of one vector at most, or of two
  int64_t taps = 1;
  const ResizeRow* rows = nullptr;  ///< of copies
  int64_t row_count = 0;
  int64_t dst_stride = 0;  ///< bytes, between rows
};

/// Generated resizing, equal to resize() to the bit. Immutable; safe for concurrent calls.
class ResizeCode {
 public:
  virtual ~ResizeCode() = default;
  using LineFunction = void (*)(const ResizeLineCall*);

  void mix(const ResizeMixCall& call) const { mix_(&call); }
  /// One row of weighted sums.
  void sum_line(const ResizeLineCall& call, ResizeReach reach) const { sums_[static_cast<std::size_t>(reach)](&call); }
  /// `row_count` rows of nearest elements, any 4-byte type.
  void copy_lines(const ResizeLineCall& call, ResizeReach reach) const {
    copies_[static_cast<std::size_t>(reach)](&call);
  }

 protected:
  void (*mix_)(const ResizeMixCall*) = nullptr;
  std::array<LineFunction, 3> sums_{}, copies_{};  // for each reach
};

using ResizeCodePtr = std::shared_ptr<const ResizeCode>;
Result<ResizeCodePtr> build_resize(const ResizeCodeDesc& desc);

}  // namespace tegula::kernels
