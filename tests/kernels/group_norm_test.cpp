// Generated group norm against the plain loops, bit for bit, on guard pages, however it is split.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "jit/cpu_features.h"
#include "kernels/normalize/group_norm_kernel.h"
#include "tests/support/guarded_buffer.h"

namespace tegula::kernels {
namespace {

using test::GuardedBuffer;

void fill(GuardedBuffer<float>& buffer, uint32_t seed) {
  for (std::size_t i = 0; i < buffer.size(); ++i) {
    seed = seed * 1664525U + 1013904223U;
    buffer[i] = static_cast<float>(seed >> 8) / static_cast<float>(1 << 22) - 1.5f;
  }
}

void expect_same(const Dims& dims, int64_t groups) {
  const auto count = static_cast<std::size_t>(element_count(dims));
  const int64_t channels = dims.back();
  GuardedBuffer<float> src(count), scale(static_cast<std::size_t>(channels)), bias(static_cast<std::size_t>(channels));
  fill(src, 1);
  fill(scale, 2);
  fill(bias, 3);
  std::vector<float> expected(count);
  const auto view = [](float* data, const Dims& shape) {
    return TensorView::contiguous(DType::kF32, shape, static_cast<void*>(data));
  };
  const GroupNormDesc desc{.groups = groups, .epsilon = 1e-3f};
  const std::vector<TensorView> inputs = {view(src.data(), dims), view(scale.data(), {channels}),
                                          view(bias.data(), {channels})};
  const std::vector<TensorView> outputs = {view(expected.data(), dims)};
  ASSERT_TRUE(check(desc, inputs, outputs).ok());
  ASSERT_TRUE(group_norm(desc, inputs, outputs).ok());
  const auto plan = plan_group_norm(desc, inputs, outputs);
  ASSERT_TRUE(plan.has_value());

  for (const jit::VectorIsa isa : {jit::VectorIsa::kAvx2, jit::VectorIsa::kAvx512}) {
    if (!has(jit::CpuFeatures::detect(), isa)) continue;
    const auto code = build_group_norm({isa});
    ASSERT_TRUE(code.ok()) << code.error().message;
    for (const int64_t blocks : {1, 3}) {
      GuardedBuffer<float> dst(count);
      GuardedBuffer<std::byte> scratch(plan->scratch_bytes());
      for (int64_t block = 0; block < blocks; ++block)
        run_group_norm(*plan, **code, src.data(), scale.data(), bias.data(), dst.data(), plan->units() * block / blocks,
                       plan->units() * (block + 1) / blocks, scratch.data());
      for (std::size_t i = 0; i < count; ++i)
        ASSERT_EQ(dst[i], expected[i]) << name_of(isa) << " " << to_string(dims) << ", " << groups
                                       << " groups, element " << i;
    }
  }
}

TEST(GroupNormGenerated, EveryNumberOfChannels) {
  for (int64_t channels = 1; channels <= 70; ++channels) expect_same({2, 5, channels}, channels);
}

TEST(GroupNormGenerated, Groups) {
  for (const int64_t groups : {1, 2, 4, 8, 32}) expect_same({2, 4, 3, 64}, groups);
  expect_same({1, 7, 7, 320}, 32);
  expect_same({3, 2, 2, 2, 96}, 3);
  expect_same({2, 40}, 4);  // no position but one
  expect_same({1, 1, 1}, 1);
}

TEST(GroupNormGenerated, RowsOfAWiderTensor) {
  // Channels 8 .. 40 of 48: positions are 48 elements apart.
  const Dims dims = {2, 9, 32};
  std::vector<float> wide(2 * 9 * 48), scale(32, 1.5f), bias(32, -0.5f), expected(2 * 9 * 32), dst(2 * 9 * 32);
  for (std::size_t i = 0; i < wide.size(); ++i) wide[i] = static_cast<float>(i % 53) * 0.25f;
  TensorView src = TensorView::contiguous(DType::kF32, dims, static_cast<void*>(wide.data() + 8));
  src.strides = {9 * 48, 48, 1};
  const std::vector<TensorView> inputs = {
      src, TensorView::contiguous(DType::kF32, Dims{32}, static_cast<void*>(scale.data())),
      TensorView::contiguous(DType::kF32, Dims{32}, static_cast<void*>(bias.data()))};
  const std::vector<TensorView> outputs = {
      TensorView::contiguous(DType::kF32, dims, static_cast<void*>(expected.data()))};
  const GroupNormDesc desc{.groups = 4};
  ASSERT_TRUE(group_norm(desc, inputs, outputs).ok());
  const auto plan = plan_group_norm(desc, inputs, outputs);
  ASSERT_TRUE(plan.has_value());
  if (!jit::CpuFeatures::detect().avx2) GTEST_SKIP();
  const auto code = build_group_norm({jit::VectorIsa::kAvx2});
  std::vector<float> scratch(plan->scratch_bytes() / sizeof(float));
  run_group_norm(*plan, **code, wide.data() + 8, scale.data(), bias.data(), dst.data(), 0, plan->units(),
                 reinterpret_cast<std::byte*>(scratch.data()));
  EXPECT_EQ(dst, expected);
}

TEST(GroupNormGenerated, LeavesOtherLayoutsToPlainLoops) {
  std::vector<float> x(24), y(24), c(4);
  TensorView channels_first = TensorView::contiguous(DType::kF32, Dims{1, 4, 6}, static_cast<void*>(x.data()));
  const int order[] = {0, 2, 1};
  const TensorView per_channel = TensorView::contiguous(DType::kF32, Dims{4}, static_cast<void*>(c.data()));
  const std::vector<TensorView> inputs = {channels_first.permuted(order), per_channel, per_channel};
  const std::vector<TensorView> outputs = {
      TensorView::contiguous(DType::kF32, Dims{1, 6, 4}, static_cast<void*>(y.data()))};
  ASSERT_TRUE(check(GroupNormDesc{.groups = 2}, inputs, outputs).ok());
  EXPECT_FALSE(plan_group_norm({.groups = 2}, inputs, outputs).has_value());
}

}  // namespace
}  // namespace tegula::kernels
