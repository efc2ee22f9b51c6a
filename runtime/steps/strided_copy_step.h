#pragma once
#include <memory>
#include <string>
#include <vector>

#include "kernels/copy/strided_copy.h"
#include "kernels/copy/transpose_kernel.h"
#include "runtime/steps/step.h"

namespace tegula::runtime {

/// A step that only moves elements: one or several strided copies. Copy, Transpose, Slice and Concat are such steps.
class StridedCopyStep final : public BoundStep {
 public:
  /// Copies `dims` elements from `src` to `dst`, which lie that many bytes behind the start of their tensors. Once per
  /// part.
  void add(const BoundTensor& src, int64_t src_offset_bytes, std::span<const int64_t> src_strides,
           const BoundTensor& dst, int64_t dst_offset_bytes, std::span<const int64_t> dst_strides,
           std::span<const int64_t> dims);

  /// After the last part: takes generated code where a part has a use for it.
  Status choose_kernel(const BindContext& context);

  int64_t blocks(int workers) const override;
  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte* scratch) const override;
  std::string implementation() const override;
  bool plain_loops() const override;

 private:
  struct Part {
    kernels::StridedCopy copy;
    BoundTensor src, dst;
    int64_t src_offset_bytes, dst_offset_bytes;
  };
  std::vector<Part> parts_;
  kernels::TransposeCodePtr code_;
  std::string code_name_;
  int64_t units_ = 0, bytes_ = 0;
};

/// What a binder returns: the step with its kernel chosen.
Result<std::unique_ptr<BoundStep>> finish(std::unique_ptr<StridedCopyStep> step, const BindContext& context);

}  // namespace tegula::runtime
