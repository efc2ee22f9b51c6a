#pragma once
#include <optional>
#include <vector>

#include "kernels/resize/resize.h"
#include "kernels/resize/resize_kernel.h"

namespace tegula::kernels {

/// A resize by rows of dst: a row is everything from the last of the axes on. Prepared from sizes and strides, run for
/// any addresses, with the results of resize() to the bit.
///
///   interpolation (f32)  a row of src is interpolated along the last axis once and kept until no row of dst needs
///                        it; rows of dst are weighted sums of such rows
///   nearest (any type)   pixels are copied, or whole rows where the row above came from the same place
///
/// Along the last axis, single elements side by side (NCHW) are permuted within registers, wider pixels (NHWC) are
/// mixed or copied one by one.
class ResizePlan {
 public:
  /// After check(). nullopt: plain loops do it (other types, gaps inside of pixels, results outside of the source,
  /// filters too wide for a sensible amount of scratch).
  static std::optional<ResizePlan> make(const ResizeDesc& desc, const TensorView& src, const TensorView& dst,
                                        jit::VectorIsa isa);

  /// Whether run() reads `code`.
  bool needs_code() const { return kind_ != Kind::kCopyPixels; }
  /// Rows of dst.
  int64_t units() const { return rows_; }
  /// Of one worker, aligned to 64.
  std::size_t scratch_bytes() const { return static_cast<std::size_t>(scratch_bytes_); }
  /// Resizes rows begin .. end - 1.
  void run(const ResizeCode* code, const std::byte* src, std::byte* dst, int64_t begin, int64_t end,
           std::byte* scratch) const;

 private:
  enum class Kind { kCopyPixels, kCopyLines, kMix, kSumLines };

  /// A dimension before the last axis; all sizes in bytes.
  struct Outer {
    int64_t dim = 1, src_stride = 0, dst_stride = 0;
    int axis = -1;  ///< among the taps; -1: not resized
  };
  class Rows;
  class Walk;

  void prepare_lines(int64_t source_elements);
  void prepare_pixels();
  void prepare_plane();
  bool prepare_scratch();
  int64_t axis_stride(std::size_t axis) const;  ///< bytes, of src; one before the last
  void copy_lines(const ResizeCode& code, Walk& walk, const std::byte* src, std::byte* dst, int64_t count) const;
  void copy_rows(Walk& walk, const std::byte* src, std::byte* dst, int64_t count) const;
  void copy_pixels(const std::byte* src, std::byte* dst) const;

  Kind kind_ = Kind::kCopyPixels;
  ResizeReach reach_ = ResizeReach::kVector;  ///< lines
  int lanes_ = 8;
  int64_t element_bytes_ = 4;
  std::vector<ResizeTaps> taps_;
  std::vector<Outer> outer_;
  int64_t rows_ = 1;
  int64_t positions_ = 1, pixel_bytes_ = 0;               ///< of one row: the last axis, and what lies behind it
  int64_t src_step_ = 0, dst_step_ = 0;                   ///< bytes between positions
  std::vector<ResizeTap> position_taps_;                  ///< kMix: [position][tap]
  std::vector<int64_t> windows_;                          ///< lines
  std::vector<uint32_t> table_;                           ///< lines
  int64_t window_ = 0;                                    ///< lines
  std::vector<ResizeRow> plane_rows_;                     ///< kCopyLines: the rows of the innermost outer dimension
  int64_t slots_ = 0, temporaries_ = 0, row_stride_ = 0;  ///< interpolated rows in scratch; bytes of each
  int64_t scratch_bytes_ = 0;
};

}  // namespace tegula::kernels
