#include "kernels/gemm/gemm.h"

#include "runtime/steps/gemm_epilogue.h"

namespace tegula::runtime {
namespace {

class GemmStep final : public BoundStep {
 public:
  GemmStep(kernels::GemmKernel kernel, const kernels::GemmShape& shape, StepEpilogue epilogue,
           const BindContext& context, int64_t lda, int64_t ldc)
      : kernel_(std::move(kernel)),
        shape_(shape),
        epilogue_(std::move(epilogue)),
        src_(context.inputs[0]),
        weights_(context.inputs[1]),
        dst_(context.outputs[0]),
        lda_(lda),
        ldc_(ldc) {}

  int64_t blocks(int workers) const override { return kernel_.blocks(shape_, workers); }
  std::size_t scratch_bytes() const override { return kernel_.scratch_bytes(shape_); }

  void run(const RunContext& context, int64_t block, int64_t blocks, std::byte* scratch) const override {
    const kernels::GemmArgs args{context.address(src_), lda_, context.address(weights_),
                                 context.address(dst_), ldc_, epilogue_.args(context)};
    kernel_.run(shape_, args, block, blocks, scratch);
  }

  std::string implementation() const override {
    const kernels::TileSetDesc& desc = kernel_.tiles().desc();
    return concat("gemm_", desc.types.name(), "_", kernels::name_of(desc.isa));
  }
  bool plain_loops() const override { return kernel_.tiles().desc().isa == kernels::TileIsa::kPlain; }
  double flop() const override {
    return 2.0 * static_cast<double>(shape_.m) * static_cast<double>(shape_.n) * static_cast<double>(shape_.k);
  }

 private:
  kernels::GemmKernel kernel_;
  kernels::GemmShape shape_;
  StepEpilogue epilogue_;
  BoundTensor src_, weights_, dst_;
  int64_t lda_, ldc_;
};

bool has_rows_of(const BoundTensor& tensor, int64_t elements) {
  return tensor.rank > 0 && tensor.dims[static_cast<std::size_t>(tensor.rank - 1)] == elements;
}

}  // namespace

Result<std::unique_ptr<BoundStep>> bind_gemm(const BindContext& context) {
  const schema::Gemm& table = *context.step.attributes_as_Gemm();
  if (context.inputs.size() < 2 || context.inputs.size() > 3 || context.outputs.size() != 1 ||
      !context.inputs[0].present() || !context.inputs[1].present() || !context.outputs[0].present())
    return context.invalid("gemm takes a value, weights and perhaps a bias to one value");
  const BoundTensor &src = context.inputs[0], &weights = context.inputs[1], &dst = context.outputs[0];
  const auto n = static_cast<int64_t>(table.n()), k = static_cast<int64_t>(table.k());
  const BoundTensor& weight_scales = context.value(table.weight_scales());
  TEGULA_ASSIGN_OR_RETURN(const kernels::TileTypes types,
                          product_types(context, src, weights, dst, table.requantize(), weight_scales));
  if (weights.packing != types.packing() || weights.rank != 2 || weights.dims[0] != k || weights.dims[1] != n)
    return context.invalid("weights of ", to_string(weights.shape()), " for k=", k, " n=", n);
  if (!has_rows_of(src, k) || !has_rows_of(dst, n) || src.rank != dst.rank ||
      !std::ranges::equal(src.shape().first(static_cast<std::size_t>(src.rank - 1)),
                          dst.shape().first(static_cast<std::size_t>(src.rank - 1))))
    return context.invalid("a gemm of k=", k, " n=", n, " from ", to_string(src.shape()), " to ",
                           to_string(dst.shape()));
  const auto src_rows = src.as_rows(), dst_rows = dst.as_rows();
  if (!src_rows || !dst_rows) return context.invalid("rows are not contiguous and evenly apart");

  TEGULA_ASSIGN_OR_RETURN(StepEpilogue epilogue, StepEpilogue::read_typed(context, types, table.alpha(),
                                                                          table.requantize(), dst, weight_scales));
  const kernels::TileDepth depth(types, nullptr, k);
  TEGULA_ASSIGN_OR_RETURN(kernels::TileSetPtr tiles, tiles_for(context, epilogue.desc(), types, &depth));
  const int64_t m = n > 0 ? dst.count() / n : 0;
  return std::unique_ptr<BoundStep>(std::make_unique<GemmStep>(kernels::GemmKernel(std::move(tiles)),
                                                               kernels::GemmShape{m, n, k}, std::move(epilogue),
                                                               context, src_rows->row_stride, dst_rows->row_stride));
}

}  // namespace tegula::runtime
