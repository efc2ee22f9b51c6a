#include "perf/kernels/runner.h"

#include <algorithm>
#include <chrono>

#include "kernels/conv/conv.h"
#include "kernels/depthwise/depthwise.h"
#include "kernels/gemm/gemm.h"
#include "kernels/gemm/matmul.h"
#include "perf/kernels/buffer.h"
#include "perf/kernels/problem_shape.h"
#include "perf/kernels/weights.h"

namespace tegula::perf {
namespace {

using kernels::TensorView;

/// Operands of an epilogue for a result of rows x columns.
class EpilogueOperands {
 public:
  EpilogueOperands(const kernels::EpilogueDesc& desc, int64_t rows, int64_t columns) : bias_(columns) {
    args_.alpha = 0.125f;
    if (desc.bias) args_.bias = bias_.data();
    if (desc.bias) args_.quantized.bias = reinterpret_cast<const int32_t*>(bias_.data());
    args_.quantized.multipliers = args_.weight_scales = bias_.data();
    for (const kernels::PostOpDesc& post_op : desc.post_ops) {
      if (post_op.operand == kernels::OperandKind::kNone) continue;
      buffers_.emplace_back(rows * columns);
      args_.operands[buffers_.size() - 1] = {buffers_.back().data(), columns};
    }
  }
  const kernels::EpilogueArgs& args() const { return args_; }

 private:
  Buffer bias_;
  std::vector<Buffer> buffers_;
  kernels::EpilogueArgs args_;
};

class GemmRunner final : public Runner {
 public:
  GemmRunner(kernels::TileSetPtr tiles, const kernels::GemmShape& shape, int64_t cold)
      : kernel_(tiles),
        shape_(shape),
        a_(shape.m * shape.k),
        c_(shape.m * shape.n),
        scratch_(static_cast<int64_t>(kernel_.scratch_bytes(shape) / sizeof(float))),
        weights_(kernels::PackedMatrix{tiles->desc().types.packing(), 1, shape.k, shape.n}.bytes(), cold),
        epilogue_(tiles->desc().epilogue, shape.m, shape.n) {
    weight_bytes = static_cast<double>(weights_.bytes());
  }

  void run() override {
    kernel_.run(shape_, {a_.data(), shape_.k, weights_.next(), c_.data(), shape_.n, epilogue_.args()}, 0, 1,
                reinterpret_cast<std::byte*>(scratch_.data()));
  }
  double flop() const override { return 2.0 * static_cast<double>(shape_.m * shape_.n * shape_.k); }

 private:
  kernels::GemmKernel kernel_;
  kernels::GemmShape shape_;
  Buffer a_, c_, scratch_;
  Weights weights_;
  EpilogueOperands epilogue_;
};

TensorView view(const Buffer& buffer, const Dims& dims) {
  return TensorView::contiguous(DType::kF32, dims, static_cast<void*>(buffer.data()));
}

class MatMulRunner final : public Runner {
 public:
  MatMulRunner(kernels::TileSetPtr tiles, int64_t batch, const kernels::GemmShape& shape, bool transpose_b)
      : a_(batch * shape.m * shape.k),
        b_(batch * shape.k * shape.n),
        c_(batch * shape.m * shape.n),
        multipliers_(shape.n),
        kernel_(tiles, {false, transpose_b, tiles->desc().epilogue}, view(a_, {batch, shape.m, shape.k}),
                view(b_, transpose_b ? Dims{batch, shape.n, shape.k} : Dims{batch, shape.k, shape.n}),
                view(c_, {batch, shape.m, shape.n}), {}),
        scratch_(static_cast<int64_t>(kernel_.scratch_bytes() / sizeof(float))),
        flop_(2.0 * static_cast<double>(batch * shape.m * shape.n * shape.k)) {}

  void run() override {
    kernels::EpilogueArgs epilogue;
    epilogue.alpha = 0.125f;
    epilogue.quantized.multipliers = multipliers_.data();
    kernel_.run({a_.data(), b_.data(), c_.data(), epilogue}, 0, 1, reinterpret_cast<std::byte*>(scratch_.data()));
  }
  double flop() const override { return flop_; }

 private:
  Buffer a_, b_, c_, multipliers_;
  kernels::MatMulKernel kernel_;
  Buffer scratch_;
  double flop_;
};

class ConvRunner final : public Runner {
 public:
  ConvRunner(kernels::TileSetPtr tiles, const kernels::ConvShape& shape, int64_t cold)
      : kernel_(tiles, shape),
        src_(shape.batch * shape.in[0] * shape.in[1] * shape.in[2] * shape.ic),
        dst_(shape.out_pixels() * shape.oc),
        scratch_(static_cast<int64_t>(kernel_.scratch_bytes() / sizeof(float))),
        weights_(packed_weights(shape, tiles->desc().types.packing()).bytes(), cold),
        epilogue_(tiles->desc().epilogue, shape.out_pixels(), shape.oc),
        flop_(2.0 * static_cast<double>(shape.out_pixels() * shape.oc * shape.ic / shape.groups * shape.kernel[1] *
                                        shape.kernel[2])) {
    weight_bytes = static_cast<double>(weights_.bytes());
  }

  void run() override {
    kernel_.run({src_.data(), weights_.next(), dst_.data(), epilogue_.args()}, 0, 1,
                reinterpret_cast<std::byte*>(scratch_.data()));
  }
  double flop() const override { return flop_; }

 private:
  kernels::ConvKernel kernel_;
  Buffer src_, dst_, scratch_;
  Weights weights_;
  EpilogueOperands epilogue_;
  double flop_;
};

class DepthwiseRunner final : public Runner {
 public:
  DepthwiseRunner(kernels::DepthwiseKernelPtr kernel, const kernels::ConvShape& shape, int64_t cold)
      : kernel_(std::move(kernel)),
        src_(shape.batch * shape.in[1] * shape.in[2] * shape.ic),
        dst_(shape.out_pixels() * shape.oc),
        scratch_(static_cast<int64_t>(kernel_->scratch_bytes(shape.ic) / sizeof(float))),
        weights_(kernels::PackedDepthwise{shape.ic, shape.kernel[1] * shape.kernel[2], 4}.bytes(), cold),
        epilogue_(kernel_->desc().epilogue, shape.out_pixels(), shape.oc),
        flop_(2.0 * static_cast<double>(shape.out_pixels() * shape.oc * shape.kernel[1] * shape.kernel[2])) {
    args_.src = src_.data();
    args_.dst = dst_.data();
    args_.n = shape.batch;
    args_.channels = shape.ic;
    std::copy_n(shape.in.begin(), 3, args_.in);
    std::copy_n(shape.out.begin(), 3, args_.out);
    std::copy_n(shape.pads_begin.begin(), 3, args_.pads);
    args_.src_pixel_stride = args_.dst_pixel_stride = shape.ic;
    args_.epilogue = epilogue_.args();
  }

  void run() override {
    args_.weights = weights_.next();
    kernel_->run(args_, 0, 1, reinterpret_cast<std::byte*>(scratch_.data()));
  }
  double flop() const override { return flop_; }

 private:
  kernels::DepthwiseKernelPtr kernel_;
  Buffer src_, dst_, scratch_;
  Weights weights_;
  EpilogueOperands epilogue_;
  kernels::DepthwiseArgs args_;
  double flop_;
};

/// What `build` gives, and the time that it takes.
template <typename Build>
auto timed(const Build& build, double& seconds) {
  const auto start = std::chrono::steady_clock::now();
  auto result = build();
  seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

/// The best tiles for the problem.
Result<kernels::TileSetPtr> tiles_of(const Problem& problem, const jit::CpuFeatures& cpu, double& seconds) {
  const kernels::TileTypes types = problem.types();
  TEGULA_ASSIGN_OR_RETURN(const kernels::TileChoice choice, choose_tiles(problem.epilogue, cpu, types));
  return timed([&] { return kernels::build_tiles({choice.isa, problem.epilogue, types}); }, seconds);
}

Result<std::unique_ptr<Runner>> make_conv(const Problem& problem, const jit::CpuFeatures& cpu, double& seconds) {
  TEGULA_ASSIGN_OR_RETURN(const kernels::ConvShape shape, conv_shape(problem));
  TEGULA_ASSIGN_OR_RETURN(const int64_t cold, cold_bytes(problem));
  if (shape.groups > 1 && shape.groups == shape.ic && shape.ic == shape.oc) {
    if (problem.types() != kernels::kF32Product)
      return Error{ErrorCode::kUnsupported,
                   concat("problem '", problem.text, "': depthwise convolutions are fp32 here")};
    kernels::DepthwiseDesc desc;
    TEGULA_ASSIGN_OR_RETURN(const kernels::TileChoice choice, choose_tiles(problem.epilogue, cpu));
    desc.isa = choice.isa;
    std::copy_n(shape.kernel.begin(), 3, desc.kernel);
    std::copy_n(shape.strides.begin(), 3, desc.strides);
    desc.epilogue = problem.epilogue;
    TEGULA_ASSIGN_OR_RETURN(kernels::DepthwiseKernelPtr kernel, timed([&] { return build_depthwise(desc); }, seconds));
    return std::unique_ptr<Runner>(std::make_unique<DepthwiseRunner>(std::move(kernel), shape, cold));
  }
  TEGULA_ASSIGN_OR_RETURN(kernels::TileSetPtr tiles, tiles_of(problem, cpu, seconds));
  return std::unique_ptr<Runner>(std::make_unique<ConvRunner>(std::move(tiles), shape, cold));
}

Result<std::unique_ptr<Runner>> make(const Problem& problem, const jit::CpuFeatures& cpu, double& seconds) {
  const std::string op = problem.op.substr(0, problem.op.find(':'));
  const std::string type = problem.op.substr(std::min(op.size() + 1, problem.op.size()));
  const bool has_type = type == "f32" || type == "u8s8" || type == "bf16";
  const bool weight_only = type == "f32s8" || type == "bf16s8";
  if (op == "conv" && has_type) return make_conv(problem, cpu, seconds);
  if (!(op == "gemm" && (has_type || weight_only)) && !(op == "matmul" && has_type))
    return Error{ErrorCode::kInvalidArgument, concat("problem '", problem.text, "': there is no '", problem.op, "'")};
  kernels::GemmShape shape;
  TEGULA_ASSIGN_OR_RETURN(const int64_t cold, cold_bytes(problem));
  TEGULA_ASSIGN_OR_RETURN(shape.m, problem.number("m"));
  TEGULA_ASSIGN_OR_RETURN(shape.n, problem.number("n"));
  TEGULA_ASSIGN_OR_RETURN(shape.k, problem.number("k"));
  TEGULA_ASSIGN_OR_RETURN(kernels::TileSetPtr tiles, tiles_of(problem, cpu, seconds));
  if (op == "gemm") return std::unique_ptr<Runner>(std::make_unique<GemmRunner>(std::move(tiles), shape, cold));
  TEGULA_ASSIGN_OR_RETURN(const int64_t batch, problem.number("b"));
  const auto transposed = problem.fields.find("tb");
  return std::unique_ptr<Runner>(std::make_unique<MatMulRunner>(
      std::move(tiles), batch, shape, transposed != problem.fields.end() && transposed->second == "1"));
}

}  // namespace

Result<std::unique_ptr<Runner>> make_runner(const Problem& problem, const jit::CpuFeatures& cpu) {
  double seconds = 0;
  TEGULA_ASSIGN_OR_RETURN(std::unique_ptr<Runner> runner, make(problem, cpu, seconds));
  runner->generation_seconds = seconds;
  return runner;
}

}  // namespace tegula::perf
