#include <dlfcn.h>

#include <exception>
#include <utility>
#include <vector>

#include "perf/kernels/dnnl_primitives.h"
#include "perf/kernels/peer.h"
#include "perf/kernels/problem_shape.h"
#include "perf/kernels/weights.h"

namespace tegula::perf {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;
using Type = memory::data_type;

Error unsupported(const Problem& problem, std::string_view what) {
  return Error{ErrorCode::kUnsupported, concat("problem '", problem.text, "': oneDNN ", what)};
}

/// An OpenMP build takes as many threads as OpenMP says.
void use_one_thread() {
  using SetThreads = void (*)(int);
  if (auto set = reinterpret_cast<SetThreads>(dlsym(RTLD_DEFAULT, "omp_set_num_threads"))) set(1);
}

/// Types of a problem's operands.
struct Types {
  Type src = Type::f32, weights = Type::f32, dst = Type::f32, bias = Type::f32;
  bool integer = false;
};

Result<Types> types_of(const Problem& problem) {
  const kernels::TileTypes types = problem.types();
  if (types == kernels::kF32Product) return Types{};
  if (types.integer()) return Types{Type::u8, Type::s8, Type::u8, kDnnlIntegerBias, true};
  if (types.src == DType::kBF16 && types.weights == DType::kBF16)
    return Types{Type::bf16, Type::bf16, Type::bf16, Type::f32};
  return unsupported(problem, "is not asked for weights of another precision");
}

/// Scales and post-ops, and the arguments that they come with.
Result<dnnl::primitive_attr> attributes(const Problem& problem, const dnnl::engine& engine, const DnnlScales& scales,
                                        DnnlArguments& arguments) {
  dnnl::post_ops ops;
  dnnl::primitive_attr attr;
  if (problem.epilogue.alpha) append_eltwise(ops, dnnl::algorithm::eltwise_linear, 0.125f, 0);
  for (const kernels::PostOpDesc& post_op : problem.epilogue.post_ops) {
    switch (post_op.function) {
      case Function::k_add: ops.append_sum(1.0f); break;
      case Function::k_relu: append_eltwise(ops, dnnl::algorithm::eltwise_relu, 0, 0); break;
      case Function::k_clip: append_eltwise(ops, dnnl::algorithm::eltwise_clip, post_op.alpha, post_op.beta); break;
      case Function::k_gelu_erf: append_eltwise(ops, dnnl::algorithm::eltwise_gelu_erf, 0, 0); break;
      case Function::k_gelu_tanh: append_eltwise(ops, dnnl::algorithm::eltwise_gelu_tanh, 0, 0); break;
      case Function::k_sigmoid: append_eltwise(ops, dnnl::algorithm::eltwise_logistic, 0, 0); break;
      case Function::k_silu: append_eltwise(ops, dnnl::algorithm::eltwise_swish, 1, 0); break;
      case Function::k_tanh: append_eltwise(ops, dnnl::algorithm::eltwise_tanh, 0, 0); break;
      default: return unsupported(problem, concat("is not asked for ", name_of(post_op.function)));
    }
  }
  if (problem.types().integer()) set_scales(scales, engine, attr, ops, arguments);
  attr.set_post_ops(ops);
  return attr;
}

memory filled(const memory::desc& desc, const dnnl::engine& engine) {
  memory out(desc, engine);
  float* const data = static_cast<float*>(out.get_data_handle());
  for (std::size_t i = 0; i < desc.get_size() / sizeof(float); ++i)
    data[i] = static_cast<float>(i * 7919 % 17) / 16.0f - 0.5f;
  return out;
}

class Peer final : public Runner {
 public:
  Peer(dnnl::primitive primitive, const dnnl::engine& engine, const DnnlArguments& arguments,
       const memory::desc& weights, int64_t cold, double flop)
      : primitive_(std::move(primitive)), stream_(engine), flop_(flop) {
    const Weights copies(static_cast<int64_t>(weights.get_size()), cold);
    for (int64_t i = 0; i < copies.copies(); ++i) {
      arguments_.push_back(arguments);
      arguments_.back().insert_or_assign(DNNL_ARG_WEIGHTS, memory(weights, engine, copies.copy(i)));
    }
  }

  void run(Team&) override {
    primitive_.execute(stream_, arguments_[turn_]);
    stream_.wait();
    turn_ = (turn_ + 1) % arguments_.size();
  }
  double flop() const override { return flop_; }

 private:
  dnnl::primitive primitive_;
  dnnl::stream stream_;
  std::vector<DnnlArguments> arguments_;  // one for each copy of the weights
  std::size_t turn_ = 0;
  double flop_;
};

/// What matmul and convolution have in common once they are described.
template <typename PrimitiveDesc>
std::unique_ptr<Runner> make_runner_of(const PrimitiveDesc& pd, const dnnl::primitive& primitive, bool bias,
                                       DnnlArguments arguments, const dnnl::engine& engine, int64_t cold, double flop) {
  arguments.insert_or_assign(DNNL_ARG_SRC, filled(pd.src_desc(), engine));
  arguments.insert_or_assign(DNNL_ARG_DST, filled(pd.dst_desc(), engine));
  if (bias) arguments.insert_or_assign(DNNL_ARG_BIAS, filled(pd.bias_desc(), engine));
  return std::make_unique<Peer>(primitive, engine, arguments, pd.weights_desc(), cold, flop);
}

Result<std::unique_ptr<Runner>> make_matmul(const Problem& problem, const dnnl::engine& engine, int64_t cold) {
  TEGULA_ASSIGN_OR_RETURN(const Types types, types_of(problem));
  TEGULA_ASSIGN_OR_RETURN(const int64_t m, problem.number("m"));
  TEGULA_ASSIGN_OR_RETURN(const int64_t n, problem.number("n"));
  TEGULA_ASSIGN_OR_RETURN(const int64_t k, problem.number("k"));
  memory::desc src({m, k}, types.src, Tag::ab), weights({k, n}, types.weights, Tag::any),
      dst({m, n}, types.dst, Tag::ab);
  memory::desc bias({1, n}, types.bias, Tag::ab);
  int64_t batch = 1;
  DnnlScales scales{n, 1 << 1, 1 << 1, problem.epilogue.quantized.dst_scale};
  if (problem.op.starts_with("matmul")) {
    TEGULA_ASSIGN_OR_RETURN(batch, problem.number("b"));
    const auto transposed = problem.fields.find("tb");
    const bool tb = transposed != problem.fields.end() && transposed->second == "1";
    src = {{batch, m, k}, types.src, Tag::abc};
    weights = {{batch, k, n}, types.weights, tb ? Tag::acb : Tag::abc};  // an activation: it comes as it is
    dst = {{batch, m, n}, types.dst, Tag::abc};
    bias = {{1, 1, n}, types.bias, Tag::abc};
    scales = {1, 0, 0, scales.result};
    cold = 0;
  }
  const bool has_bias = problem.epilogue.bias;
  DnnlArguments arguments;
  TEGULA_ASSIGN_OR_RETURN(const dnnl::primitive_attr attr, attributes(problem, engine, scales, arguments));
  const auto pd = describe_matmul(engine, src, weights, has_bias ? &bias : nullptr, dst, attr);
  return make_runner_of(pd, dnnl::matmul(pd), has_bias, std::move(arguments), engine, cold,
                        2.0 * static_cast<double>(batch * m * n * k));
}

Result<std::unique_ptr<Runner>> make_conv(const Problem& problem, const dnnl::engine& engine, int64_t cold) {
  TEGULA_ASSIGN_OR_RETURN(const Types types, types_of(problem));
  TEGULA_ASSIGN_OR_RETURN(const kernels::ConvShape shape, conv_shape(problem));
  const auto any = [](Type type, memory::dims dims) { return memory::desc(std::move(dims), type, Tag::any); };
  const int64_t groups = shape.groups, ic = shape.ic / groups, oc = shape.oc / groups;
  DnnlConv conv;
  conv.src = any(types.src, {shape.batch, shape.ic, shape.in[1], shape.in[2]});
  conv.weights = groups == 1 ? any(types.weights, {oc, ic, shape.kernel[1], shape.kernel[2]})
                             : any(types.weights, {groups, oc, ic, shape.kernel[1], shape.kernel[2]});
  conv.bias = memory::desc({shape.oc}, types.bias, Tag::a);
  conv.dst = any(types.dst, {shape.batch, shape.oc, shape.out[1], shape.out[2]});
  for (std::size_t d = 1; d < 3; ++d) {
    conv.strides.push_back(shape.strides[d]);
    conv.pads_begin.push_back(shape.pads_begin[d]);
    const int64_t last = (shape.out[d] - 1) * shape.strides[d] + shape.kernel[d];
    conv.pads_end.push_back(last - shape.in[d] - shape.pads_begin[d]);
  }
  const bool has_bias = problem.epilogue.bias;
  const DnnlScales scales{shape.oc, groups == 1 ? 1 : 3, 1 << 1, problem.epilogue.quantized.dst_scale};
  DnnlArguments arguments;
  TEGULA_ASSIGN_OR_RETURN(const dnnl::primitive_attr attr, attributes(problem, engine, scales, arguments));
  const auto pd = describe_conv(engine, conv, has_bias, attr);
  const double products = static_cast<double>(shape.out_pixels() * shape.oc * ic * shape.kernel[1] * shape.kernel[2]);
  return make_runner_of(pd, dnnl::convolution_forward(pd), has_bias, std::move(arguments), engine, cold,
                        2.0 * products);
}

}  // namespace

std::string peer_name() {
  const dnnl_version_t* const version = dnnl_version();
  return concat("oneDNN ", version->major, ".", version->minor, ".", version->patch);
}

Result<std::unique_ptr<Runner>> make_peer(const Problem& problem) {
  try {
    use_one_thread();
    const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    TEGULA_ASSIGN_OR_RETURN(const int64_t cold, cold_bytes(problem));
    return problem.op.starts_with("conv") ? make_conv(problem, engine, cold) : make_matmul(problem, engine, cold);
  } catch (const std::exception& error) {
    return unsupported(problem, concat("says: ", error.what()));
  }
}

}  // namespace tegula::perf
