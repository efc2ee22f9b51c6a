#pragma once
#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "jit/vector_isa.h"
#include "kernels/reduce/reduce.h"

namespace tegula::kernels {

/// What shapes the code of a generated f32 reduction over [outer, reduced, inner]; sizes and strides are arguments.
struct ReduceCodeDesc {
  jit::VectorIsa isa = jit::VectorIsa::kAvx2;
  ReduceKind kind = ReduceKind::kSum;  ///< sum, mean, max, min, l1, l2 or sum_square
  bool rows = false;  ///< inner is 1: 16 lanes along `reduced`, which is contiguous; else one accumulator per `inner`

  auto operator<=>(const ReduceCodeDesc&) const = default;
  std::string name() const;  ///< "reduce_sum_rows_f32_avx512"
};

/// One call of generated code: one row (one result), or `inner` results side by side. Read by generated code: fields
/// stay where they are.
struct ReduceCall {
  const float* src = nullptr;
  int64_t reduced = 0;        ///< elements that make one result
  int64_t reduced_bytes = 0;  ///< columns: from one to the next
  float* dst = nullptr;
  int64_t inner = 0;  ///< columns: results side by side, contiguous in src and dst
  float count = 1;    ///< mean divides by it
};

/// Immutable; safe for concurrent calls.
class ReduceCode {
 public:
  virtual ~ReduceCode() = default;
  void operator()(const ReduceCall& call) const { function_(&call); }

 protected:
  void (*function_)(const ReduceCall*) = nullptr;
};
using ReduceCodePtr = std::shared_ptr<const ReduceCode>;

Result<ReduceCodePtr> build_reduce(const ReduceCodeDesc& desc);

/// A reduction of f32 that generated code can do: its dimensions merged to [outer, reduced, inner].
struct ReducePlan {
  int64_t outer = 1, reduced = 1, inner = 1;             ///< inner is 1 for rows
  int64_t src_outer_stride = 0, src_reduced_stride = 0;  ///< elements
  int64_t dst_outer_stride = 0;
  bool rows = false;
  int64_t work() const { return outer * reduced * inner; }
  /// Independent pieces: outer ones, and slices of `inner` when there are few.
  int64_t units() const;
};

/// nullopt: another kind or type, or dimensions and strides that do not merge; plain loops do those.
std::optional<ReducePlan> plan_reduce(const ReduceDesc& desc, const TensorView& src, const TensorView& dst);

/// Units [begin, end) of the plan.
void run_reduce(const ReducePlan& plan, const ReduceCode& code, const float* src, float* dst, int64_t begin,
                int64_t end);

}  // namespace tegula::kernels
