#include <algorithm>
#include <array>
#include <cstring>

#include "kernels/eltwise/apply_block.h"
#include "kernels/eltwise/cast.h"
#include "kernels/eltwise/eltwise.h"
#include "kernels/eltwise/iteration.h"
#include "kernels/plain_loops.h"
#include "schema/function_types.h"

namespace tegula::kernels {
namespace {

constexpr std::size_t kBlockBytes = static_cast<std::size_t>(kEltwiseBlock) * 8;  // of the widest type

void gather(std::size_t size, const std::byte* from, int64_t stride, std::byte* to, int64_t count) {
  if (stride == 1) {
    std::memcpy(to, from, static_cast<std::size_t>(count) * size);
    return;
  }
  const auto element = static_cast<int64_t>(size);
  for (int64_t i = 0; i < count; ++i) std::memcpy(to + i * element, from + i * stride * element, size);
}

void scatter(std::size_t size, const std::byte* from, std::byte* to, int64_t stride, int64_t count) {
  if (stride == 1) {
    std::memcpy(to, from, static_cast<std::size_t>(count) * size);
    return;
  }
  const auto element = static_cast<int64_t>(size);
  for (int64_t i = 0; i < count; ++i) std::memcpy(to + i * stride * element, from + i * element, size);
}

Result<PlainEltwise> make_for(const FunctionProgram& program, std::span<const TensorView> inputs) {
  std::vector<DType> types;
  for (const TensorView& input : inputs) types.push_back(input.dtype);
  return PlainEltwise::make(program, types);
}

}  // namespace

Result<PlainEltwise> PlainEltwise::make(FunctionProgram program, std::span<const DType> inputs) {
  if (inputs.size() > kMaxEltwiseInputs)
    return Error{ErrorCode::kUnsupported, concat("elementwise program of ", inputs.size(), " inputs: at most ",
                                                 kMaxEltwiseInputs, " are supported")};
  TEGULA_ASSIGN_OR_RETURN(const std::vector<DType> results, result_types(program, inputs));
  std::vector<DType> types(inputs.begin(), inputs.end());
  types.insert(types.end(), results.begin(), results.end());
  return PlainEltwise(std::move(program), std::move(types));
}

std::size_t PlainEltwise::scratch_bytes() const {
  return types_.size() * kBlockBytes;
}

std::byte* PlainEltwise::value(std::byte* scratch, std::size_t id) const {
  return scratch + id * kBlockBytes;
}

void PlainEltwise::compute(std::byte* scratch, int64_t count) const {
  for (std::size_t i = 0; i < program_.instructions.size(); ++i) {
    const FunctionInstruction& in = program_.instructions[i];
    std::byte* out = value(scratch, program_.inputs + i);
    const int arity = arity_of(in.function);
    const BlockOperands operands = {value(scratch, in.a), arity > 1 ? value(scratch, in.b) : nullptr,
                                    arity > 2 ? value(scratch, in.c) : nullptr};
    const DType type = types_[in.function == Function::k_where ? in.b : in.a];
    if (converts_quantization(in.function)) {
      quantize_block(in, type, types_[program_.inputs + i], operands, out, count);
      continue;
    }
    switch (in.function) {
      case Function::k_cast: cast_block(type, in.to, operands.x, out, count); break;
      case Function::k_pow: pow_block(type, types_[in.b], operands, out, count); break;
      default: apply_block(in, type, operands, out, count);
    }
  }
}

void PlainEltwise::run(std::span<const TensorView> inputs, const TensorView& output, int64_t part, int64_t parts,
                       std::byte* scratch) const {
  std::array<TensorView, kMaxEltwiseInputs + 1> views;
  for (std::size_t i = 0; i < inputs.size(); ++i) views[i] = inputs[i].broadcast_to(output.shape());
  const std::size_t dst = inputs.size();
  views[dst] = output;
  const CommonWalk<kMaxEltwiseInputs + 1> walk(output.shape(), std::span(views).first(dst + 1));
  const int64_t blocks_per_row = (walk.inner() + kEltwiseBlock - 1) / kEltwiseBlock;
  const int64_t blocks = walk.rows() * blocks_per_row;
  const int64_t first = blocks * part / parts, last = blocks * (part + 1) / parts;
  for (int64_t block = first; block < last; ++block) {
    const int64_t row = block / blocks_per_row, at = block % blocks_per_row * kEltwiseBlock;
    const int64_t count = std::min(kEltwiseBlock, walk.inner() - at);
    const auto address = [&](std::size_t v) {
      const int view = static_cast<int>(v);
      const int64_t elements = walk.row_offset(view, row) + at * walk.inner_stride(view);
      return views[v].data + elements * static_cast<int64_t>(size_of(views[v].dtype));
    };
    for (std::size_t i = 0; i < dst; ++i)
      gather(size_of(types_[i]), address(i), walk.inner_stride(static_cast<int>(i)), value(scratch, i), count);
    compute(scratch, count);
    scatter(size_of(output.dtype), value(scratch, types_.size() - 1), address(dst),
            walk.inner_stride(static_cast<int>(dst)), count);
  }
}

Status check_eltwise(const FunctionProgram& program, std::span<const TensorView> inputs, const TensorView& output) {
  TEGULA_ASSIGN_OR_RETURN(const PlainEltwise plain, make_for(program, inputs));
  if (output.dtype != plain.output_type())
    return plain_error("eltwise",
                       concat("the result is ", name_of(plain.output_type()), ", not ", name_of(output.dtype)));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const TensorView& input = inputs[i];
    bool fits = input.rank <= output.rank;
    for (int d = 0; fits && d < input.rank; ++d)
      fits = input.dims[d] == 1 || input.dims[d] == output.dims[d + output.rank - input.rank];
    if (!fits)
      return plain_error("eltwise", concat("input ", i, " of ", to_string(input.shape()), " does not broadcast to ",
                                           to_string(output.shape())));
  }
  return {};
}

Status eltwise_reference(const FunctionProgram& program, std::span<const TensorView> inputs, const TensorView& output) {
  TEGULA_ASSIGN_OR_RETURN(const PlainEltwise plain, make_for(program, inputs));
  std::vector<std::max_align_t> scratch(plain.scratch_bytes() / sizeof(std::max_align_t) + 1);
  plain.run(inputs, output, 0, 1, reinterpret_cast<std::byte*>(scratch.data()));
  return {};
}

}  // namespace tegula::kernels
