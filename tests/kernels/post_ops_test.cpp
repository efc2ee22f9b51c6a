// Generated code against the plain loops, bit for bit, for every function, ISA and shortage of registers.
#include "kernels/post_ops/emit_post_ops.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "jit/vector/emit.h"
#include "kernels/math/apply.h"

namespace tegula::kernels {
namespace {

using jit::VectorIsa;

/// y[v] = chain(x[v]) for `count` vectors held in registers at the same time; operands lie at args[2].
class ChainKernel final : private jit::Generator {
 public:
  struct Args {
    const float* x;
    float* y;
    const float* operands;  ///< [post-op][vector][lane]
  };

  ChainKernel(VectorIsa isa, const PostOpChain& chain, int count, int free_vectors)
      : Generator("chain_" + to_string(chain)) {
    const PostOpNeeds needs = post_op_needs(chain, isa, free_vectors, 7);
    enter(needs.spill_bytes);
    const jit::ScopedGpr x = gpr_.take("x"), y = gpr_.take("y"), operands = gpr_.take("operands");
    mov(x, ptr[args_ + offsetof(Args, x)]);
    mov(y, ptr[args_ + offsetof(Args, y)]);
    mov(operands, ptr[args_ + offsetof(Args, operands)]);
    std::vector<int> accumulators;
    for (int v = 0; v < count; ++v) {
      // Highest registers: the emitter's own choice must not depend on where the accumulators are.
      accumulators.push_back(vector_registers(isa) - 1 - v);
      vmovups(jit::vector_register(isa, accumulators.back()), ptr[x + v * vector_bytes(isa)]);
    }
    PostOpResources resources;
    for (int r = 0; r < free_vectors; ++r) resources.vectors.push_back(r);
    resources.masks = {1, 2, 3, 4, 5, 6, 7};
    resources.spill_bytes = needs.spill_bytes;
    emit_post_ops(*this, isa, chain, accumulators, resources, [&](int post_op, int accumulator, int vector) {
      vmovups(jit::vector_register(isa, vector), ptr[operands + (post_op * count + accumulator) * vector_bytes(isa)]);
    });
    for (int v = 0; v < count; ++v)
      vmovups(ptr[y + v * vector_bytes(isa)], jit::vector_register(isa, accumulators[static_cast<std::size_t>(v)]));
    leave();
    run_ = finish<void (*)(const Args*)>();
  }

  void run(const Args& args) const { run_(&args); }

 private:
  void (*run_)(const Args*) = nullptr;
};

/// Specials, and floats of every magnitude.
std::vector<float> interesting_values() {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  std::vector<float> values = {0.0f,
                               -0.0f,
                               1.0f,
                               -1.0f,
                               0.5f,
                               -0.5f,
                               2.0f,
                               -2.0f,
                               3.0f,
                               -3.0f,
                               2.5f,
                               -2.5f,
                               1e-45f,
                               -1e-45f,
                               1e-39f,
                               1.2e-38f,
                               3.4e38f,
                               -3.4e38f,
                               kInf,
                               -kInf,
                               88.7f,
                               88.73f,
                               -87.4f,
                               -103.9f,
                               -104.f,
                               89.5f,
                               90.5f,
                               -150.0f,
                               300.f,
                               16777217.f,
                               2.147483647e9f,
                               -2.147483648e9f,
                               4e9f,
                               1e20f,
                               0.99999994f,
                               1.0000001f,
                               12.f,
                               3.84f,
                               9.f,
                               6.f,
                               std::numeric_limits<float>::quiet_NaN(),
                               0.70710677f,
                               0.7071068f,
                               1.5707964f};
  uint32_t state = 12345;
  for (int i = 0; i < 2000; ++i) {
    state = state * 1664525U + 1013904223U;
    const float unit = static_cast<float>(state >> 8) / static_cast<float>(1 << 24);
    if (i % 4 == 0) {
      values.push_back(std::bit_cast<float>(state));
    } else {
      values.push_back((unit - 0.5f) * (i % 4 == 1 ? 2.0f : i % 4 == 2 ? 20.0f : 250.0f));
    }
  }
  while (values.size() % 64 != 0) values.push_back(0.25f);
  return values;
}

bool same(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) || (std::isnan(a) && std::isnan(b));
}

void expect_same_bits(VectorIsa isa, const PostOpChain& chain, int count, int free_vectors) {
  if (!has(jit::CpuFeatures::detect(), isa)) return;
  ASSERT_TRUE(check_post_ops(chain).ok());
  const ChainKernel kernel(isa, chain, count, free_vectors);
  const std::vector<float> values = interesting_values();
  const int step = count * lanes_of(isa);
  std::vector<float> y(static_cast<std::size_t>(step)), operands(chain.size() * static_cast<std::size_t>(step));
  for (std::size_t at = 0; at + static_cast<std::size_t>(step) <= values.size(); at += static_cast<std::size_t>(step)) {
    for (std::size_t i = 0; i < operands.size(); ++i) operands[i] = values[(at * 7 + i * 31 + 11) % values.size()];
    kernel.run({values.data() + at, y.data(), operands.data()});
    for (int i = 0; i < step; ++i) {
      std::vector<float> mine;
      for (std::size_t p = 0; p < chain.size(); ++p)
        mine.push_back(operands[p * static_cast<std::size_t>(step) + static_cast<std::size_t>(i)]);
      const float x = values[at + static_cast<std::size_t>(i)];
      const float expected = apply_post_ops(chain, x, mine);
      ASSERT_TRUE(same(y[static_cast<std::size_t>(i)], expected))
          << to_string(chain) << " on " << name_of(isa) << " with " << free_vectors << " registers: x = " << x << ", "
          << y[static_cast<std::size_t>(i)] << " instead of " << expected << (mine.empty() ? 0.0f : mine[0]);
    }
  }
}

PostOpDesc unary(Function function) {
  return {.function = function, .alpha = 0.75f, .beta = 1.25f};
}
PostOpDesc binary(Function function, bool operand_first = false) {
  return {.function = function, .operand = OperandKind::kTensor, .operand_first = operand_first};
}

std::vector<PostOpDesc> all_post_ops() {
  std::vector<PostOpDesc> all;
  for (int number = 0; is_valid(static_cast<Function>(number)); ++number) {
    const auto function = static_cast<Function>(number);
    if (math::fp32_kind(function) == math::Fp32Kind::kUnary) all.push_back(unary(function));
    if (math::fp32_kind(function) == math::Fp32Kind::kBinary) {
      all.push_back(binary(function));
      all.push_back(binary(function, true));
    }
  }
  return all;
}

class PostOps : public testing::TestWithParam<VectorIsa> {};
INSTANTIATE_TEST_SUITE_P(Isa, PostOps, testing::Values(VectorIsa::kAvx2, VectorIsa::kAvx512),
                         [](const auto& param) { return std::string(name_of(param.param)); });

TEST_P(PostOps, EveryFunctionHasTheBitsOfThePlainLoops) {
  for (const PostOpDesc& post_op : all_post_ops()) {
    const PostOpNeeds needs = post_op_needs({&post_op, 1}, GetParam(), 12, 7);
    EXPECT_LE(needs.vectors, 12) << name_of(post_op.function);
    expect_same_bits(GetParam(), {post_op}, 1, needs.vectors);
  }
}

TEST_P(PostOps, SpillsKeepTheBits) {
  for (const PostOpDesc& post_op : all_post_ops()) {
    const PostOpNeeds needs = post_op_needs({&post_op, 1}, GetParam(), 12, 7);
    expect_same_bits(GetParam(), {post_op}, 2, needs.min_vectors);
  }
}

TEST_P(PostOps, ParametersAtTheEdges) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  const PostOpDesc edges[] = {
      {.function = Function::k_clip, .alpha = 0.0f, .beta = 6.0f},
      {.function = Function::k_clip, .alpha = -kInf, .beta = kInf},
      {.function = Function::k_clip, .alpha = 3.0f, .beta = -3.0f},
      {.function = Function::k_leaky_relu, .alpha = 0.0f},
      {.function = Function::k_leaky_relu, .alpha = 0.01f},
      {.function = Function::k_leaky_relu, .alpha = -2.0f},
      {.function = Function::k_celu, .alpha = 2.0f},
      {.function = Function::k_elu, .alpha = -1.0f},
      {.function = Function::k_affine, .alpha = 0.0f, .beta = -0.0f},
      {.function = Function::k_thresholded_relu, .alpha = -1.0f},
  };
  for (const PostOpDesc& post_op : edges) expect_same_bits(GetParam(), {post_op}, 1, 8);
}

TEST_P(PostOps, ChainsOverManyAccumulators) {
  const PostOpChain chains[] = {
      {binary(Function::k_add), unary(Function::k_relu)},
      {binary(Function::k_mul), binary(Function::k_add), unary(Function::k_clip)},
      {unary(Function::k_gelu_erf), binary(Function::k_sub, true), unary(Function::k_silu), binary(Function::k_max)},
      {unary(Function::k_hard_swish), unary(Function::k_identity)},
      {unary(Function::k_exp), binary(Function::k_pow), unary(Function::k_tanh), unary(Function::k_log)},
      {unary(Function::k_identity)},
  };
  for (const PostOpChain& chain : chains) {
    expect_same_bits(GetParam(), chain, 4, post_op_needs(chain, GetParam(), 8, 7).min_vectors);
    expect_same_bits(GetParam(), chain, 4, 11);
  }
}

TEST_P(PostOps, SimpleFunctionsNeedThreeVectors) {
  for (const Function function : {Function::k_relu, Function::k_clip, Function::k_leaky_relu, Function::k_hard_swish,
                                  Function::k_hard_sigmoid, Function::k_affine, Function::k_abs, Function::k_sqrt}) {
    const PostOpDesc post_op = unary(function);
    EXPECT_LE(post_op_needs({&post_op, 1}, GetParam(), 3, 2).vectors, 3) << name_of(function);
  }
  for (const Function function : {Function::k_add, Function::k_mul, Function::k_max, Function::k_prelu}) {
    const PostOpDesc post_op = binary(function);
    EXPECT_LE(post_op_needs({&post_op, 1}, GetParam(), 3, 2).vectors, 3) << name_of(function);
  }
}

TEST_P(PostOps, TooFewRegistersIsAnErrorWithAName) {
  const PostOpChain chain = {unary(Function::k_gelu_erf)};
  const int too_few = post_op_needs(chain, GetParam(), 8, 7).min_vectors - 1;
  try {
    const ChainKernel kernel(GetParam(), chain, 1, too_few);
    FAIL();
  } catch (const std::logic_error& e) {
    EXPECT_NE(std::string(e.what()).find("gelu_erf"), std::string::npos);
  }
}

TEST(PostOp, RefusesWhatIsNoFp32Function) {
  for (const Function function : {Function::k_less, Function::k_where, Function::k_cast, Function::k_bitwise_and}) {
    const PostOpDesc post_op = binary(function);
    const Status status = check_post_ops({&post_op, 1});
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::kUnsupported);
    EXPECT_NE(status.error().message.find(name_of(function)), std::string::npos);
  }
  const PostOpDesc add_nothing = unary(Function::k_add), relu_something = binary(Function::k_relu);
  EXPECT_FALSE(check_post_ops({&add_nothing, 1}).ok());
  EXPECT_FALSE(check_post_ops({&relu_something, 1}).ok());
  const PostOpDesc unknown = unary(static_cast<Function>(9999));
  EXPECT_FALSE(check_post_ops({&unknown, 1}).ok());
}

TEST(PostOp, NamesTellChainsApart) {
  const PostOpDesc chain[] = {
      {.function = Function::k_clip, .alpha = 0.0f, .beta = 6.0f},
      {.function = Function::k_add, .operand = OperandKind::kTensor, .operand_dtype = DType::kU8},
      {.function = Function::k_sub, .operand = OperandKind::kPerChannel, .operand_first = true}};
  EXPECT_EQ(to_string(chain), "clip(0,6)+add:t_u8+sub:c_first");
}

TEST(PostOp, DescriptorsCompareParametersByBits) {
  const PostOpDesc zero = {.alpha = 0.0f}, minus_zero = {.alpha = -0.0f};
  EXPECT_NE(zero, minus_zero);
  const PostOpDesc nan = {.alpha = std::numeric_limits<float>::quiet_NaN()};
  EXPECT_EQ(nan, nan);
}

}  // namespace
}  // namespace tegula::kernels
