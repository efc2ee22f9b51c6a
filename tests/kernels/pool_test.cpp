#include "kernels/pool/pool.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "jit/cpu_features.h"
#include "kernels/pool/pool_kernel.h"
#include "tests/support/guarded_buffer.h"

namespace tegula::kernels {
namespace {

using test::GuardedBuffer;

PoolDesc desc_2d(PoolKind kind, std::array<int64_t, 3> kernel, std::array<int64_t, 3> strides, int64_t pad) {
  PoolDesc desc;
  desc.kind = kind;
  desc.kernel = kernel;
  desc.strides = strides;
  desc.pads_begin = desc.pads_end = {pad, pad, 0};
  return desc;
}

std::vector<float> run(const PoolDesc& desc, const Dims& in, std::vector<float> src, const Dims& out) {
  std::vector<float> dst(static_cast<std::size_t>(element_count(out)));
  const TensorView from = TensorView::contiguous(DType::kF32, in, static_cast<void*>(src.data()));
  const TensorView to = TensorView::contiguous(DType::kF32, out, static_cast<void*>(dst.data()));
  EXPECT_TRUE(check(desc, {&from, 1}, {&to, 1}).ok());
  EXPECT_TRUE(pool(desc, {&from, 1}, {&to, 1}).ok());
  return dst;
}

TEST(Pool, AveragesWithAndWithoutPadding) {
  const std::vector<float> src = {1, 2, 3, 4};  // 2x2
  PoolDesc desc = desc_2d(PoolKind::kAverage, {2, 2, 1}, {1, 1, 1}, 1);
  EXPECT_EQ(run(desc, {1, 2, 2, 1}, src, {1, 3, 3, 1}), (std::vector<float>{1, 1.5, 2, 2, 2.5, 3, 3, 3.5, 4}));
  desc.count_include_pad = true;
  EXPECT_EQ(run(desc, {1, 2, 2, 1}, src, {1, 3, 3, 1}), (std::vector<float>{.25, .75, .5, 1, 2.5, 1.5, .75, 1.75, 1}));
}

TEST(Pool, CeilModeCountsNothingBeyondThePadding) {
  PoolDesc desc;
  desc.kind = PoolKind::kAverage;
  desc.rank = 1;
  desc.kernel[0] = 3;
  desc.strides[0] = 2;
  desc.count_include_pad = true;
  // The second window reaches one tap beyond the source: two count.
  EXPECT_EQ(run(desc, {1, 4, 1}, {1, 2, 3, 5}, {1, 2, 1}), (std::vector<float>{2, 4}));
}

TEST(Pool, MaxGivesPositionsOfTheChannelsFirstSource) {
  PoolDesc desc = desc_2d(PoolKind::kMax, {2, 2, 1}, {2, 2, 1}, 0);
  const Dims in = {1, 2, 4, 2}, out = {1, 1, 2, 2};
  std::vector<float> src = {1, 8, 2, 7, 3, 6, 4, 5, 5, 4, 6, 3, 7, 2, 8, 1};  // channel 0 counts up, channel 1 down
  std::vector<float> dst(4);
  std::vector<int64_t> where(4);
  const TensorView from = TensorView::contiguous(DType::kF32, in, static_cast<void*>(src.data()));
  const TensorView to[2] = {TensorView::contiguous(DType::kF32, out, static_cast<void*>(dst.data())),
                            TensorView::contiguous(DType::kS64, out, static_cast<void*>(where.data()))};
  ASSERT_TRUE(check(desc, {&from, 1}, to).ok());
  ASSERT_TRUE(pool(desc, {&from, 1}, to).ok());
  EXPECT_EQ(dst, (std::vector<float>{6, 8, 8, 6}));
  EXPECT_EQ(where, (std::vector<int64_t>{5, 8, 7, 10}));
  desc.column_major_indices = true;
  ASSERT_TRUE(pool(desc, {&from, 1}, to).ok());
  EXPECT_EQ(where, (std::vector<int64_t>{3, 8, 7, 12}));
}

TEST(Pool, LpIsTheRootOfThePowers) {
  PoolDesc desc;
  desc.kind = PoolKind::kLp;
  desc.rank = 1;
  desc.kernel[0] = 2;
  desc.strides[0] = 2;
  EXPECT_EQ(run(desc, {1, 4, 1}, {3, -4, 0, 2}, {1, 2, 1}), (std::vector<float>{5, 2}));
  desc.p = 1;
  EXPECT_EQ(run(desc, {1, 4, 1}, {3, -4, 0, 2}, {1, 2, 1}), (std::vector<float>{7, 2}));
}

TEST(Pool, RefusesWhatItCannotDo) {
  const PoolDesc desc = desc_2d(PoolKind::kAverage, {2, 2, 1}, {1, 1, 1}, 0);
  std::vector<int32_t> data(16);
  const TensorView from = TensorView::contiguous(DType::kS32, Dims{1, 2, 2, 4}, static_cast<void*>(data.data()));
  const TensorView to = TensorView::contiguous(DType::kS32, Dims{1, 1, 1, 4}, static_cast<void*>(data.data()));
  EXPECT_FALSE(check(desc, {&from, 1}, {&to, 1}).ok());
}

class PoolCodeTest : public testing::TestWithParam<jit::VectorIsa> {
 protected:
  void SetUp() override {
    if (!jit::has(jit::CpuFeatures::detect(), GetParam()))
      GTEST_SKIP() << "no " << jit::name_of(GetParam()) << " on this machine";
  }
};

TEST_P(PoolCodeTest, EqualsPlainLoopsBitForBit) {
  std::mt19937 rng(5);
  const auto pick = [&](std::initializer_list<int64_t> from) { return from.begin()[rng() % from.size()]; };
  for (int round = 0; round < 150; ++round) {
    PoolDesc desc;
    desc.kind = round % 2 ? PoolKind::kMax : PoolKind::kAverage;
    desc.rank = static_cast<int>(pick({1, 2, 2, 3}));
    desc.count_include_pad = pick({0, 1}) != 0;
    Dims in = {pick({1, 2})}, out = in;
    for (int d = 0; d < desc.rank; ++d) {
      desc.kernel[d] = pick({1, 2, 3, 5});
      desc.strides[d] = pick({1, 2, 3});
      desc.dilations[d] = pick({1, 1, 2});
      desc.pads_begin[d] = pick({0, 1, 2});
      desc.pads_end[d] = pick({0, 1, 2});
      const int64_t reach = (desc.kernel[d] - 1) * desc.dilations[d] + 1;
      in.push_back(std::max<int64_t>(1, reach - desc.pads_begin[d] - desc.pads_end[d]) + pick({0, 1, 4}));
      const int64_t extent = in.back() + desc.pads_begin[d] + desc.pads_end[d] - reach;
      out.push_back(extent / desc.strides[d] + 1 + (pick({0, 0, 1}) && extent % desc.strides[d] ? 1 : 0));
    }
    const int64_t channels = pick({1, 7, 8, 15, 16, 17, 40, 64, 67, 130});
    in.push_back(channels);
    out.push_back(channels);
    SCOPED_TRACE(concat("round ", round, " in ", to_string(in), " out ", to_string(out)));

    GuardedBuffer<float> src(static_cast<std::size_t>(element_count(in))),
        got(static_cast<std::size_t>(element_count(out))), want(got.size());
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (std::size_t i = 0; i < src.size(); ++i) src[i] = rng() % 50 == 0 ? std::nanf("") : uniform(rng);
    const TensorView from = TensorView::contiguous(DType::kF32, in, static_cast<void*>(src.data()));
    const TensorView to = TensorView::contiguous(DType::kF32, out, static_cast<void*>(got.data()));
    const TensorView plain = TensorView::contiguous(DType::kF32, out, static_cast<void*>(want.data()));
    ASSERT_TRUE(check(desc, {&from, 1}, {&plain, 1}).ok());
    ASSERT_TRUE(pool(desc, {&from, 1}, {&plain, 1}).ok());

    const auto code = build_pool({GetParam(), desc.kind});
    ASSERT_TRUE(code.ok()) << code.error().message;
    std::vector<const float*> taps(static_cast<std::size_t>(desc.taps()));
    const int64_t pixels = element_count(out) / channels, middle = pixels / 2;
    run_pool(desc, **code, from, to, middle, pixels, taps.data());
    run_pool(desc, **code, from, to, 0, middle, taps.data());
    for (std::size_t i = 0; i < want.size(); ++i) {
      if (std::isnan(want[i]) && std::isnan(got[i])) continue;  // payloads of NaN are not part of the contract
      ASSERT_EQ(std::memcmp(&got[i], &want[i], 4), 0) << "element " << i << ": " << got[i] << " for " << want[i];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, PoolCodeTest, testing::Values(jit::VectorIsa::kAvx2, jit::VectorIsa::kAvx512),
                         [](const auto& test) { return std::string(jit::name_of(test.param)); });

}  // namespace
}  // namespace tegula::kernels
