#include "kernels/gemm/matmul.h"

#include <cstring>

#include "runtime/steps/gemm_epilogue.h"

namespace tegula::runtime {
namespace {

using kernels::MatMulKernel;
using kernels::TensorView;

class MatMulStep final : public BoundStep {
 public:
  MatMulStep(MatMulKernel kernel, StepEpilogue epilogue, double flop, const BindContext& context)
      : kernel_(std::move(kernel)),
        epilogue_(std::move(epilogue)),
        flop_(flop),
        a_(context.inputs[0]),
        b_(context.inputs[1]),
        dst_(context.outputs[0]) {}

  int64_t blocks(int workers) const override { return kernel_.blocks(workers); }
  std::size_t scratch_bytes() const override { return kernel_.scratch_bytes(); }

  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte* scratch) const override {
    kernel_.run({context.address(a_), context.address(b_), context.address(dst_), epilogue_.args(context)}, block,
                blocks, scratch);
  }

  std::string implementation() const override {
    return concat("matmul_", kernel_.gemm().tiles().desc().types.name(), "_", kernels::name_of(isa()));
  }
  bool plain_loops() const override { return isa() == kernels::TileIsa::kPlain; }
  double flop() const override { return flop_; }

 private:
  kernels::TileIsa isa() const { return kernel_.gemm().tiles().desc().isa; }

  MatMulKernel kernel_;
  StepEpilogue epilogue_;
  double flop_;
  BoundTensor a_, b_, dst_;
};

/// Rows and columns of a matrix that may be stored transposed.
struct MatrixSizes {
  int64_t rows, columns;

  MatrixSizes(const BoundTensor& tensor, bool transposed) {
    rows = tensor.dims[static_cast<std::size_t>(tensor.rank - (transposed ? 1 : 2))];
    columns = tensor.dims[static_cast<std::size_t>(tensor.rank - (transposed ? 2 : 1))];
  }
};

/// Whether the batch dimensions of `operand` broadcast to those of dst.
bool batch_broadcasts(const BoundTensor& operand, const BoundTensor& dst) {
  const int added = dst.rank - operand.rank;
  if (added < 0) return false;
  for (int d = added; d < dst.rank - 2; ++d) {
    const int64_t dim = operand.dims[static_cast<std::size_t>(d - added)];
    if (dim != 1 && dim != dst.dims[static_cast<std::size_t>(d)]) return false;
  }
  return true;
}

/// Inputs of a step whose right operand is u8: after a bias, which it cannot have, the zero point of that operand.
constexpr std::size_t kUnsignedInputs = 4;

Result<int32_t> read_right_zero_point(const BindContext& context) {
  const BoundTensor& zero_point = context.inputs[kUnsignedInputs - 1];
  if (!zero_point.is_constant() || zero_point.dtype != DType::kS32 || zero_point.count() != 1)
    return context.invalid("a zero point of the right operand that is no constant s32");
  int32_t value = 0;
  std::memcpy(&value, zero_point.location.constant, sizeof(value));
  if (value < 0 || value > 255) return context.invalid("a zero point ", value, " of a right operand of u8");
  return value;
}

bool is_plain_matrix(const BoundTensor& tensor) {
  return tensor.packing == Packing::kPlain && tensor.rank >= 2;
}

}  // namespace

Result<std::unique_ptr<BoundStep>> bind_matmul(const BindContext& context) {
  const schema::MatMul& table = *context.step.attributes_as_MatMul();
  if (context.inputs.size() < 2 || context.inputs.size() > kUnsignedInputs || context.outputs.size() != 1 ||
      !context.inputs[0].present() || !context.inputs[1].present() || !context.outputs[0].present())
    return context.invalid(
        "matmul takes two values, perhaps a bias, and beside a right operand of u8 its zero point, to one value");
  const BoundTensor &a = context.inputs[0], &b = context.inputs[1], &dst = context.outputs[0];
  if (!is_plain_matrix(a) || !is_plain_matrix(b) || !is_plain_matrix(dst))
    return context.invalid("matmul takes values of at least two dimensions");
  const bool unsigned_b = context.inputs.size() == kUnsignedInputs;
  if (unsigned_b != (b.dtype == DType::kU8))
    return context.invalid("a right operand of ", name_of(b.dtype), unsigned_b ? " with" : " without", " a zero point");
  BoundTensor tile_b = b;  // as tiles know it: s8 where b is u8, which it becomes while it is packed
  if (unsigned_b) tile_b.dtype = DType::kS8;
  int32_t right_zero_point = 0;
  if (unsigned_b) {
    TEGULA_ASSIGN_OR_RETURN(right_zero_point, read_right_zero_point(context));
  }
  TEGULA_ASSIGN_OR_RETURN(const kernels::TileTypes types, product_types(context, a, tile_b, dst, table.requantize()));
  const MatrixSizes left(a, table.transpose_a()), right(b, table.transpose_b()), result(dst, false);
  if (left.rows != result.rows || left.columns != right.rows || right.columns != result.columns ||
      !batch_broadcasts(a, dst) || !batch_broadcasts(b, dst))
    return context.invalid("a product of ", to_string(a.shape()), " and ", to_string(b.shape()), " is not ",
                           to_string(dst.shape()));
  const auto last = static_cast<std::size_t>(dst.rank - 1);
  if (dst.dims[last] > 1 && dst.strides[last] != 1) return context.invalid("rows of the result are not contiguous");

  TEGULA_ASSIGN_OR_RETURN(StepEpilogue epilogue,
                          StepEpilogue::read_typed(context, types, table.alpha(), table.requantize(), dst));
  if (unsigned_b) TEGULA_RETURN_IF_ERROR(epilogue.take_zero_points(context, right_zero_point));
  TEGULA_ASSIGN_OR_RETURN(kernels::TileSetPtr tiles, tiles_for(context, epilogue.desc(), types));
  std::vector<TensorView> operands;
  for (const BoundTensor& operand : epilogue.operands()) operands.push_back(operand.sizes());
  kernels::MatMulDesc desc{table.transpose_a(), table.transpose_b(), epilogue.desc()};
  if (unsigned_b) desc.b_zero_point = right_zero_point;
  MatMulKernel kernel(std::move(tiles), desc, a.sizes(), b.sizes(), dst.sizes(), operands);
  const double flop = 2.0 * static_cast<double>(dst.count()) * static_cast<double>(left.columns);
  return std::unique_ptr<BoundStep>(
      std::make_unique<MatMulStep>(std::move(kernel), std::move(epilogue), flop, context));
}

}  // namespace tegula::runtime
