#pragma once
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "jit/vector_isa.h"
#include "kernels/normalize/group_norm.h"

namespace tegula::kernels {

/// What shapes the code of a generated f32 group norm; everything else is an argument.
struct GroupNormCodeDesc {
  jit::VectorIsa isa = jit::VectorIsa::kAvx2;

  auto operator<=>(const GroupNormCodeDesc&) const = default;
  std::string name() const;  ///< "group_norm_f32_avx512"
};

/// `channels` neighbouring channels of one image at all its positions, and four arrays with an entry for each channel.
/// Read by generated code: fields stay where they are.
struct GroupNormCall {
  const float* src = nullptr;
  int64_t src_position_bytes = 0;
  float* dst = nullptr;
  int64_t dst_position_bytes = 0;
  int64_t positions = 0;
  int64_t channels = 0;
  const float* mean = nullptr;
  const float* factor = nullptr;
  const float* bias = nullptr;
  float* sums = nullptr;
};

/// Immutable; safe for concurrent calls.
class GroupNormCode {
 public:
  virtual ~GroupNormCode() = default;
  void sum(const GroupNormCall& call) const { sum_(&call); }  ///< sums = sum x; mean, factor, bias, dst are not read
  void squares(const GroupNormCall& call) const { squares_(&call); }  ///< sums = sum (x - mean)^2
  void results(const GroupNormCall& call) const { results_(&call); }  ///< dst = (x - mean) * factor + bias

 protected:
  using Function = void (*)(const GroupNormCall*);
  Function sum_ = nullptr, squares_ = nullptr, results_ = nullptr;
};
using GroupNormCodePtr = std::shared_ptr<const GroupNormCode>;

Result<GroupNormCodePtr> build_group_norm(const GroupNormCodeDesc& desc);

/// A group norm of f32 with contiguous channels and evenly spaced positions, cut into units of a few groups of an
/// image.
struct GroupNormPlan {
  int64_t images = 0, positions = 0, channels = 0, groups = 0;
  int64_t src_image_stride = 0, src_position_stride = 0;  ///< elements
  int64_t dst_image_stride = 0, dst_position_stride = 0;
  float epsilon = 0;

  int64_t groups_per_unit() const;  ///< so many that their channels fill cache lines
  int64_t units() const;
  /// Private memory of run(), for means, factors and sums.
  std::size_t scratch_bytes() const { return 3 * static_cast<std::size_t>(channels) * sizeof(float); }
};

/// nullopt: other types or strides; plain loops do those. The operands have passed check().
std::optional<GroupNormPlan> plan_group_norm(const GroupNormDesc& desc, std::span<const TensorView> inputs,
                                             std::span<const TensorView> outputs);

/// Units [begin, end), equal to group_norm() to the bit however they are split.
void run_group_norm(const GroupNormPlan& plan, const GroupNormCode& code, const float* src, const float* scale,
                    const float* bias, float* dst, int64_t begin, int64_t end, std::byte* scratch);

}  // namespace tegula::kernels
