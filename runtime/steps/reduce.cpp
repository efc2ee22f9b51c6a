#include "kernels/reduce/reduce.h"

#include <algorithm>

#include "kernels/reduce/reduce_kernel.h"
#include "runtime/plan/kernel_library.h"
#include "runtime/steps/blocks.h"
#include "runtime/steps/narrow_pool.h"
#include "runtime/steps/operand_sizes.h"
#include "runtime/steps/plain_step.h"

namespace tegula::runtime {
namespace {

class ReduceStep final : public BoundStep {
 public:
  ReduceStep(const kernels::ReducePlan& plan, kernels::ReduceCodePtr code, std::string implementation,
             const BindContext& context)
      : plan_(plan),
        code_(std::move(code)),
        implementation_(std::move(implementation)),
        src_(context.inputs[0]),
        dst_(context.outputs[0]) {}

  int64_t blocks(int workers) const override { return blocks_of_bytes(plan_.units(), plan_.work() * 4, workers); }

  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte*) const override {
    const BlockRange range(plan_.units(), block, blocks);
    run_reduce(plan_, *code_, context.data<float>(src_), context.data<float>(dst_), range.begin, range.end);
  }

  std::string implementation() const override { return implementation_; }
  double flop() const override { return static_cast<double>(plan_.work()); }

 private:
  kernels::ReducePlan plan_;
  kernels::ReduceCodePtr code_;
  std::string implementation_;
  BoundTensor src_, dst_;
};

/// Means of bf16, and of quantized numbers where the step says what they stand for, over dimensions before the last.
bool is_narrow_mean(const schema::Reduce& table, const kernels::ReduceDesc& desc, const OperandSizes& sizes) {
  if (desc.kind != kernels::ReduceKind::kMean || sizes.inputs.size() != 1 || sizes.outputs.size() != 1) return false;
  const DType type = sizes.inputs[0].dtype;
  return (kernels::is_quantized(type) && table.ends() != nullptr) || type == DType::kBF16;
}

/// Such a mean is the average of one window: [outer, reduced, inner] to [outer, 1, inner].
Result<std::unique_ptr<BoundStep>> bind_narrow_mean(const BindContext& context, const schema::Reduce& table,
                                                    const kernels::ReduceDesc& desc, const OperandSizes& sizes) {
  const kernels::TensorView &src = sizes.inputs[0], &dst = sizes.outputs[0];
  const auto reduced = reduced_view(desc, src, dst);
  if (!reduced) return context.invalid("a mean of ", to_string(src.shape()), " to ", to_string(dst.shape()));
  int64_t extents[3] = {1, 1, 1};  // outer, reduced, inner
  int part = 0;
  for (int d = 0; d < src.rank; ++d) {
    const int next = desc.reduces(d) ? 1 : part == 0 ? 0 : 2;
    if (next < part) part = 3;  // reduced dimensions with others between them
    if (part == 3) break;
    part = next;
    extents[part] *= src.dims[d];
  }
  int inner = 0;
  for (int d = src.rank - 1; d >= 0 && !desc.reduces(d); --d) ++inner;
  const auto rows = context.inputs[0].as_rows(inner);
  if (part != 2 || !rows || !dst.is_contiguous())
    return context.unsupported("a mean of ", name_of(src.dtype), to_string(src.shape()),
                               " over other dimensions than neighbouring ones before the last");
  kernels::NarrowPoolDesc pool;
  pool.window.kind = kernels::PoolKind::kAverage;
  pool.window.rank = 1;
  pool.window.kernel[0] = extents[1];
  read_ends(table.ends(), pool.src, pool.dst);
  const int64_t from[] = {extents[0], extents[1], extents[2]}, to[] = {extents[0], 1, extents[2]};
  auto source = kernels::TensorView::contiguous(src.dtype, from, static_cast<void*>(nullptr));
  source.strides[0] = extents[1] * rows->row_stride;
  source.strides[1] = rows->row_stride;
  return bind_narrow_pool(context, pool, source,
                          kernels::TensorView::contiguous(dst.dtype, to, static_cast<void*>(nullptr)));
}

}  // namespace

Result<std::unique_ptr<BoundStep>> bind_reduce(const BindContext& context) {
  const schema::Reduce& table = *context.step.attributes_as_Reduce();
  kernels::ReduceDesc desc{static_cast<kernels::ReduceKind>(table.kind()), 0};
  if (table.axes() != nullptr)
    for (const uint32_t axis : *table.axes()) {
      if (axis >= kernels::kMaxRank) return context.invalid("axis ", axis);
      desc.axes |= 1u << axis;
    }
  const OperandSizes sizes(context);
  if (is_narrow_mean(table, desc, sizes)) return bind_narrow_mean(context, table, desc, sizes);
  if (const Status status = check(desc, sizes.inputs, sizes.outputs); !status.ok())
    return context.invalid(status.error().message);

  const auto plan = plan_reduce(desc, sizes.inputs[0], sizes.outputs[0]);
  if (!context.features.avx2 || !plan) {
    decline_generated_code(context, "it is written for f32, along rows or columns");
    return make_plain_step(desc, &kernels::reduce, context);
  }
  const kernels::ReduceCodeDesc code_desc{vector_isa_of(context), desc.kind, plan->rows};
  const auto code = context.kernels.cache<kernels::ReduceCodeDesc, kernels::ReduceCode>().get_or_build(
      code_desc, kernels::build_reduce);
  if (!code.ok()) return code.error();
  return std::unique_ptr<BoundStep>(std::make_unique<ReduceStep>(*plan, *code, code_desc.name(), context));
}

}  // namespace tegula::runtime
