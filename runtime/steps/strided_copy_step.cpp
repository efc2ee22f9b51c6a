#include "runtime/steps/strided_copy_step.h"

#include <algorithm>

#include "runtime/plan/kernel_library.h"
#include "runtime/steps/blocks.h"
#include "runtime/steps/operand_sizes.h"

namespace tegula::runtime {

void StridedCopyStep::add(const BoundTensor& src, int64_t src_offset_bytes, std::span<const int64_t> src_strides,
                          const BoundTensor& dst, int64_t dst_offset_bytes, std::span<const int64_t> dst_strides,
                          std::span<const int64_t> dims) {
  kernels::StridedCopy copy(size_of(dst.dtype), dims, src_strides, dst_strides);
  if (copy.units() == 0) return;
  units_ += copy.units();
  bytes_ += copy.bytes();
  parts_.push_back({copy, src, dst, src_offset_bytes, dst_offset_bytes});
}

Status StridedCopyStep::choose_kernel(const BindContext& context) {
  if (!context.features.avx2) return {};
  // All parts are of one type.
  if (parts_.empty()) return {};
  const kernels::TransposeCodeDesc desc{vector_isa_of(context), static_cast<int>(size_of(parts_.front().dst.dtype))};
  const bool wanted =
      std::any_of(parts_.begin(), parts_.end(), [&](const Part& part) { return part.copy.wants_squares(desc.side()); });
  if (!wanted) return {};
  TEGULA_ASSIGN_OR_RETURN(code_,
                          (context.kernels.cache<kernels::TransposeCodeDesc, kernels::TransposeCode>().get_or_build(
                              desc, kernels::build_transpose)));
  code_name_ = desc.name();
  return {};
}

Result<std::unique_ptr<BoundStep>> finish(std::unique_ptr<StridedCopyStep> step, const BindContext& context) {
  TEGULA_RETURN_IF_ERROR(step->choose_kernel(context));
  return std::unique_ptr<BoundStep>(std::move(step));
}

int64_t StridedCopyStep::blocks(int workers) const {
  return blocks_of_bytes(units_, bytes_, workers);
}

void StridedCopyStep::run(const RunContext& context, int64_t block, int64_t blocks, std::byte*) const {
  const BlockRange range(units_, block, blocks);
  const kernels::TransposeSquares squares = code_ ? code_->squares() : kernels::TransposeSquares();
  int64_t first = 0;  // unit of the part
  for (const Part& part : parts_) {
    const int64_t units = part.copy.units();
    const int64_t begin = std::max(range.begin - first, int64_t{0}), end = std::min(range.end - first, units);
    if (begin < end)
      part.copy.run(context.address(part.src) + part.src_offset_bytes,
                    context.address(part.dst) + part.dst_offset_bytes, begin, end, squares);
    first += units;
  }
}

std::string StridedCopyStep::implementation() const {
  if (parts_.empty()) return "nothing";
  if (code_) return code_name_;
  // Parts mostly agree; the largest one speaks for all.
  const auto largest = std::max_element(parts_.begin(), parts_.end(),
                                        [](const Part& a, const Part& b) { return a.copy.bytes() < b.copy.bytes(); });
  return "copy_" + std::string(largest->copy.name());
}

bool StridedCopyStep::plain_loops() const {
  return std::any_of(parts_.begin(), parts_.end(),
                     [](const Part& part) { return part.copy.kind() == kernels::StridedCopy::Kind::kElements; });
}

}  // namespace tegula::runtime
