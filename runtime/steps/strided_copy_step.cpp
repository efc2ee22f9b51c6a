#include "runtime/steps/strided_copy_step.h"

#include <algorithm>

#include "runtime/steps/blocks.h"

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

int64_t StridedCopyStep::blocks(int workers) const {
  return blocks_of_bytes(units_, bytes_, workers);
}

void StridedCopyStep::run(const RunContext& context, int64_t block, int64_t blocks, std::byte*) const {
  const BlockRange range(units_, block, blocks);
  int64_t first = 0;  // unit of the part
  for (const Part& part : parts_) {
    const int64_t units = part.copy.units();
    const int64_t begin = std::max(range.begin - first, int64_t{0}), end = std::min(range.end - first, units);
    if (begin < end)
      part.copy.run(context.address(part.src) + part.src_offset_bytes,
                    context.address(part.dst) + part.dst_offset_bytes, begin, end);
    first += units;
  }
}

std::string StridedCopyStep::implementation() const {
  if (parts_.empty()) return "nothing";
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
