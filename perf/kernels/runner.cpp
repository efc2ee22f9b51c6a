#include "perf/kernels/runner.h"

#include <algorithm>
#include <atomic>
#include <chrono>

#include "kernels/conv/conv.h"
#include "kernels/depthwise/depthwise.h"
#include "kernels/depthwise/quantized_depthwise.h"
#include "kernels/gemm/gemm.h"
#include "kernels/gemm/matmul.h"
#include "perf/kernels/buffer.h"
#include "perf/kernels/problem_shape.h"
#include "perf/kernels/weights.h"

namespace tegula::perf {
namespace {

using kernels::TensorView;

/// Operands of an epilogue for a result of rows x columns. The first tensor is the result's old value: so the runtime
/// has it where nothing else reads it.
class EpilogueOperands {
 public:
  EpilogueOperands(const kernels::EpilogueDesc& desc, const Buffer& dst, int64_t rows, int64_t columns)
      : bias_(columns) {
    args_.alpha = 0.125f;
    if (desc.bias) args_.bias = bias_.data();
    if (desc.bias) args_.quantized.bias = reinterpret_cast<const int32_t*>(bias_.data());
    args_.quantized.multipliers = args_.weight_scales = bias_.data();
    std::size_t next = 0;
    for (const kernels::PostOpDesc& post_op : desc.post_ops) {
      if (post_op.operand == kernels::OperandKind::kNone) continue;
      if (next > 0) buffers_.emplace_back(rows * columns);
      args_.operands[next] = {next > 0 ? buffers_.back().data() : dst.data(), columns};
      ++next;
    }
  }
  const kernels::EpilogueArgs& args() const { return args_; }

 private:
  Buffer bias_;
  std::vector<Buffer> buffers_;
  kernels::EpilogueArgs args_;
};

/// A kernel of ours: scratch for each worker, and blocks that the workers take one after another.
class BlockRunner : public Runner {
 public:
  void run(Team& team) final {
    begin();
    const int64_t count = blocks(team.size());
    if (count == 1) return run_block(0, 1, scratch(0));
    std::atomic<int64_t> next{0};
    team.run([&](int worker) {
      for (int64_t block = next.fetch_add(1); block < count; block = next.fetch_add(1))
        run_block(block, count, scratch(worker));
    });
  }

 protected:
  void make_scratch(std::size_t bytes, int threads) {
    for (int i = 0; i < threads; ++i) scratch_.emplace_back(static_cast<int64_t>(bytes / sizeof(float)));
  }

 private:
  /// Before the blocks of a run.
  virtual void begin() {}
  virtual int64_t blocks(int workers) const = 0;
  virtual void run_block(int64_t block, int64_t count, std::byte* scratch) = 0;
  std::byte* scratch(int worker) {
    return reinterpret_cast<std::byte*>(scratch_[static_cast<std::size_t>(worker)].data());
  }

  std::vector<Buffer> scratch_;
};

class GemmRunner final : public BlockRunner {
 public:
  GemmRunner(kernels::TileSetPtr tiles, const kernels::GemmShape& shape, int64_t cold, int threads)
      : kernel_(tiles),
        shape_(shape),
        a_(shape.m * shape.k),
        c_(shape.m * shape.n),
        weights_(kernels::PackedMatrix{tiles->desc().types.packing(), 1, shape.k, shape.n}.bytes(), cold),
        epilogue_(tiles->desc().epilogue, c_, shape.m, shape.n) {
    weight_bytes = static_cast<double>(weights_.bytes());
    make_scratch(kernel_.scratch_bytes(shape), threads);
  }

  double flop() const override { return 2.0 * static_cast<double>(shape_.m * shape_.n * shape_.k); }

 private:
  void begin() override { current_ = weights_.next(); }
  int64_t blocks(int workers) const override { return kernel_.blocks(shape_, workers); }
  void run_block(int64_t block, int64_t count, std::byte* scratch) override {
    kernel_.run(shape_, {a_.data(), shape_.k, current_, c_.data(), shape_.n, epilogue_.args()}, block, count, scratch);
  }

  kernels::GemmKernel kernel_;
  kernels::GemmShape shape_;
  Buffer a_, c_;
  Weights weights_;
  const float* current_ = nullptr;
  EpilogueOperands epilogue_;
};

TensorView view(const Buffer& buffer, const Dims& dims) {
  return TensorView::contiguous(DType::kF32, dims, static_cast<void*>(buffer.data()));
}

class MatMulRunner final : public BlockRunner {
 public:
  MatMulRunner(kernels::TileSetPtr tiles, int64_t batch, const kernels::GemmShape& shape, bool transpose_b, int threads)
      : a_(batch * shape.m * shape.k),
        b_(batch * shape.k * shape.n),
        c_(batch * shape.m * shape.n),
        multipliers_(shape.n),
        kernel_(tiles, {false, transpose_b, tiles->desc().epilogue}, view(a_, {batch, shape.m, shape.k}),
                view(b_, transpose_b ? Dims{batch, shape.n, shape.k} : Dims{batch, shape.k, shape.n}),
                view(c_, {batch, shape.m, shape.n}), {}),
        flop_(2.0 * static_cast<double>(batch * shape.m * shape.n * shape.k)) {
    make_scratch(kernel_.scratch_bytes(), threads);
  }

  double flop() const override { return flop_; }

 private:
  int64_t blocks(int workers) const override { return kernel_.blocks(workers); }
  void run_block(int64_t block, int64_t count, std::byte* scratch) override {
    kernels::EpilogueArgs epilogue;
    epilogue.alpha = 0.125f;
    epilogue.quantized.multipliers = multipliers_.data();
    kernel_.run({a_.data(), b_.data(), c_.data(), epilogue}, block, count, scratch);
  }

  Buffer a_, b_, c_, multipliers_;
  kernels::MatMulKernel kernel_;
  double flop_;
};

class ConvRunner final : public BlockRunner {
 public:
  ConvRunner(kernels::TileSetPtr tiles, const kernels::ConvShape& shape, int64_t cold, int threads)
      : kernel_(tiles, shape),
        src_(shape.batch * shape.in[0] * shape.in[1] * shape.in[2] * shape.ic),
        dst_(shape.out_pixels() * shape.oc),
        weights_(packed_weights(shape, tiles->desc().types.packing()).bytes(), cold),
        epilogue_(tiles->desc().epilogue, dst_, shape.out_pixels(), shape.oc),
        flop_(2.0 * static_cast<double>(shape.out_pixels() * shape.oc * shape.ic / shape.groups * shape.kernel[1] *
                                        shape.kernel[2])) {
    weight_bytes = static_cast<double>(weights_.bytes());
    make_scratch(kernel_.scratch_bytes(), threads);
  }

  double flop() const override { return flop_; }

 private:
  void begin() override { current_ = weights_.next(); }
  int64_t blocks(int workers) const override { return kernel_.blocks(workers); }
  void run_block(int64_t block, int64_t count, std::byte* scratch) override {
    kernel_.run({src_.data(), current_, dst_.data(), epilogue_.args()}, block, count, scratch);
  }

  kernels::ConvKernel kernel_;
  Buffer src_, dst_;
  Weights weights_;
  const float* current_ = nullptr;
  EpilogueOperands epilogue_;
  double flop_;
};

class DepthwiseRunner final : public BlockRunner {
 public:
  DepthwiseRunner(kernels::DepthwiseKernelPtr kernel, const kernels::ConvShape& shape, int64_t cold, int threads)
      : kernel_(std::move(kernel)),
        src_(shape.batch * shape.in[1] * shape.in[2] * shape.ic),
        dst_(shape.out_pixels() * shape.oc),
        weights_(kernels::PackedDepthwise{shape.ic, shape.kernel[1] * shape.kernel[2], 4}.bytes(), cold),
        epilogue_(kernel_->desc().epilogue, dst_, shape.out_pixels(), shape.oc),
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
    make_scratch(kernel_->scratch_bytes(shape.ic), threads);
  }

  double flop() const override { return flop_; }

 private:
  void begin() override { args_.weights = weights_.next(); }
  int64_t blocks(int workers) const override { return kernel_->blocks(args_, workers); }
  void run_block(int64_t block, int64_t count, std::byte* scratch) override {
    kernel_->run(args_, block, count, scratch);
  }

  kernels::DepthwiseKernelPtr kernel_;
  Buffer src_, dst_;
  Weights weights_;
  EpilogueOperands epilogue_;
  kernels::DepthwiseArgs args_;
  double flop_;
};

class QuantizedDepthwiseRunner final : public BlockRunner {
 public:
  QuantizedDepthwiseRunner(kernels::QuantizedDepthwiseKernelPtr kernel, const kernels::ConvShape& shape, int64_t cold,
                           int threads)
      : kernel_(std::move(kernel)),
        src_(shape.batch * shape.in[1] * shape.in[2] * shape.ic),
        dst_(shape.out_pixels() * shape.oc),
        numbers_(shape.oc),
        weights_(kernels::PackedDepthwise{shape.ic, shape.kernel[1] * shape.kernel[2], 1}.bytes(), cold),
        flop_(2.0 * static_cast<double>(shape.out_pixels() * shape.oc * shape.kernel[1] * shape.kernel[2])) {
    args_.src = reinterpret_cast<const uint8_t*>(src_.data());
    args_.dst = reinterpret_cast<std::byte*>(dst_.data());
    args_.n = shape.batch;
    args_.channels = shape.ic;
    std::copy_n(shape.in.begin(), 3, args_.in);
    std::copy_n(shape.out.begin(), 3, args_.out);
    std::copy_n(shape.pads_begin.begin(), 3, args_.pads);
    args_.src_pixel_stride = args_.dst_pixel_stride = shape.ic;
    args_.bias = reinterpret_cast<const int32_t*>(numbers_.data());
    args_.multipliers = numbers_.data();
    args_.multiplier_per_channel = true;
    for (std::size_t next = 0; const kernels::PostOpDesc& post_op : kernel_->desc().post_ops)
      if (post_op.operand != kernels::OperandKind::kNone) args_.operands[next++] = {args_.dst, shape.oc, {}};
    weight_bytes = static_cast<double>(weights_.bytes());
    make_scratch(kernel_->scratch_bytes(shape.ic), threads);
  }

  double flop() const override { return flop_; }

 private:
  void begin() override { args_.weights = reinterpret_cast<const int8_t*>(weights_.next()); }
  int64_t blocks(int workers) const override { return kernel_->blocks(args_, workers); }
  void run_block(int64_t block, int64_t count, std::byte* scratch) override {
    kernel_->run(args_, block, count, scratch);
  }

  kernels::QuantizedDepthwiseKernelPtr kernel_;
  Buffer src_, dst_, numbers_;
  Weights weights_;
  kernels::QuantizedDepthwiseArgs args_;
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

Result<std::unique_ptr<Runner>> make_conv(const Problem& problem, const jit::CpuFeatures& cpu, int threads,
                                          double& seconds) {
  TEGULA_ASSIGN_OR_RETURN(const kernels::ConvShape shape, conv_shape(problem));
  TEGULA_ASSIGN_OR_RETURN(const int64_t cold, cold_bytes(problem));
  const bool depthwise = shape.groups > 1 && shape.groups == shape.ic && shape.ic == shape.oc;
  if (depthwise && problem.types().integer()) {
    kernels::QuantizedDepthwiseDesc desc;
    std::copy_n(shape.kernel.begin(), 3, desc.kernel);
    std::copy_n(shape.strides.begin(), 3, desc.strides);
    desc.post_ops = problem.epilogue.post_ops;
    desc.scales_result = problem.epilogue.quantized.dst_scale;
    desc.isa = choose_quantized_depthwise(desc, false, cpu);
    TEGULA_ASSIGN_OR_RETURN(kernels::QuantizedDepthwiseKernelPtr kernel,
                            timed([&] { return build_quantized_depthwise(desc); }, seconds));
    return std::unique_ptr<Runner>(std::make_unique<QuantizedDepthwiseRunner>(std::move(kernel), shape, cold, threads));
  }
  if (depthwise) {
    if (problem.types() != kernels::kF32Product)
      return Error{ErrorCode::kUnsupported,
                   concat("problem '", problem.text, "': depthwise convolutions are fp32 or u8s8 here")};
    kernels::DepthwiseDesc desc;
    TEGULA_ASSIGN_OR_RETURN(const kernels::TileChoice choice, choose_tiles(problem.epilogue, cpu));
    desc.isa = choice.isa;
    std::copy_n(shape.kernel.begin(), 3, desc.kernel);
    std::copy_n(shape.strides.begin(), 3, desc.strides);
    desc.epilogue = problem.epilogue;
    TEGULA_ASSIGN_OR_RETURN(kernels::DepthwiseKernelPtr kernel, timed([&] { return build_depthwise(desc); }, seconds));
    return std::unique_ptr<Runner>(std::make_unique<DepthwiseRunner>(std::move(kernel), shape, cold, threads));
  }
  TEGULA_ASSIGN_OR_RETURN(kernels::TileSetPtr tiles, tiles_of(problem, cpu, seconds));
  return std::unique_ptr<Runner>(std::make_unique<ConvRunner>(std::move(tiles), shape, cold, threads));
}

Result<std::unique_ptr<Runner>> make(const Problem& problem, const jit::CpuFeatures& cpu, int threads,
                                     double& seconds) {
  const std::string op = problem.op.substr(0, problem.op.find(':'));
  const std::string type = problem.op.substr(std::min(op.size() + 1, problem.op.size()));
  const bool has_type = type == "f32" || type == "u8s8" || type == "bf16";
  const bool weight_only = type == "f32s8" || type == "bf16s8";
  if (op == "conv" && has_type) return make_conv(problem, cpu, threads, seconds);
  if (!(op == "gemm" && (has_type || weight_only)) && !(op == "matmul" && has_type))
    return Error{ErrorCode::kInvalidArgument, concat("problem '", problem.text, "': there is no '", problem.op, "'")};
  kernels::GemmShape shape;
  TEGULA_ASSIGN_OR_RETURN(const int64_t cold, cold_bytes(problem));
  TEGULA_ASSIGN_OR_RETURN(shape.m, problem.number("m"));
  TEGULA_ASSIGN_OR_RETURN(shape.n, problem.number("n"));
  TEGULA_ASSIGN_OR_RETURN(shape.k, problem.number("k"));
  TEGULA_ASSIGN_OR_RETURN(kernels::TileSetPtr tiles, tiles_of(problem, cpu, seconds));
  if (op == "gemm")
    return std::unique_ptr<Runner>(std::make_unique<GemmRunner>(std::move(tiles), shape, cold, threads));
  TEGULA_ASSIGN_OR_RETURN(const int64_t batch, problem.number("b"));
  const auto transposed = problem.fields.find("tb");
  return std::unique_ptr<Runner>(std::make_unique<MatMulRunner>(
      std::move(tiles), batch, shape, transposed != problem.fields.end() && transposed->second == "1", threads));
}

}  // namespace

Result<std::unique_ptr<Runner>> make_runner(const Problem& problem, const jit::CpuFeatures& cpu, int threads) {
  double seconds = 0;
  TEGULA_ASSIGN_OR_RETURN(std::unique_ptr<Runner> runner, make(problem, cpu, threads, seconds));
  runner->generation_seconds = seconds;
  return runner;
}

}  // namespace tegula::perf
