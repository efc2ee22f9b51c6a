#include "kernels/reduce/reduce.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "jit/cpu_features.h"
#include "kernels/reduce/reduce_kernel.h"
#include "tests/support/guarded_buffer.h"

namespace tegula::kernels {
namespace {

using test::GuardedBuffer;

template <typename T>
std::vector<T> run(ReduceKind kind, uint32_t axes, const Dims& in, std::vector<T> src, const Dims& out) {
  std::vector<T> dst(static_cast<std::size_t>(element_count(out)) + 1);
  const TensorView from = TensorView::contiguous(dtype_of<T>::value, in, static_cast<void*>(src.data()));
  const TensorView to = TensorView::contiguous(dtype_of<T>::value, out, static_cast<void*>(dst.data()));
  const ReduceDesc desc{kind, axes};
  const Status status = check(desc, {&from, 1}, {&to, 1});
  EXPECT_TRUE(status.ok()) << (status.ok() ? "" : status.error().message);
  EXPECT_TRUE(reduce(desc, {&from, 1}, {&to, 1}).ok());
  dst.pop_back();
  return dst;
}

TEST(Reduce, EveryKindMeansWhatItSays) {
  const std::vector<float> src = {1, -2, 3, 4, 5, -6};
  const auto rows = [&](ReduceKind kind) { return run<float>(kind, 0b10, {2, 3}, src, {2}); };
  EXPECT_EQ(rows(ReduceKind::kSum), (std::vector<float>{2, 3}));
  EXPECT_EQ(run<float>(ReduceKind::kMean, 0b01, {2, 3}, src, {1, 3}), (std::vector<float>{2.5, 1.5, -1.5}));
  EXPECT_EQ(rows(ReduceKind::kMax), (std::vector<float>{3, 5}));
  EXPECT_EQ(rows(ReduceKind::kMin), (std::vector<float>{-2, -6}));
  EXPECT_EQ(rows(ReduceKind::kProd), (std::vector<float>{-6, -120}));
  EXPECT_EQ(rows(ReduceKind::kL1), (std::vector<float>{6, 15}));
  EXPECT_EQ(rows(ReduceKind::kSumSquare), (std::vector<float>{14, 77}));
  EXPECT_FLOAT_EQ(rows(ReduceKind::kL2)[1], std::sqrt(77.0f));
  EXPECT_NEAR(rows(ReduceKind::kLogSum)[0], std::log(2.0), 1e-6);
  EXPECT_NEAR(rows(ReduceKind::kLogSumExp)[0], std::log(std::exp(1.0) + std::exp(-2.0) + std::exp(3.0)), 1e-6);
}

TEST(Reduce, IntegersWrapAndDivideTowardZero) {
  EXPECT_EQ(run<int8_t>(ReduceKind::kSum, 1, {2}, {100, 100}, {}), (std::vector<int8_t>{-56}));
  EXPECT_EQ(run<int32_t>(ReduceKind::kMean, 1, {2}, {-3, 0}, {}), (std::vector<int32_t>{-1}));
  EXPECT_EQ(run<uint8_t>(ReduceKind::kMax, 1, {3}, {7, 250, 9}, {}), (std::vector<uint8_t>{250}));
  EXPECT_EQ(run<int64_t>(ReduceKind::kL1, 1, {3}, {-7, 2, -9}, {}), (std::vector<int64_t>{18}));
}

TEST(Reduce, NothingToReduceGivesTheNeutralElement) {
  EXPECT_EQ(run<float>(ReduceKind::kSum, 0b10, {2, 0}, {}, {2}), (std::vector<float>{0, 0}));
  EXPECT_EQ(run<float>(ReduceKind::kProd, 0b10, {2, 0}, {}, {2, 1}), (std::vector<float>{1, 1}));
  EXPECT_EQ(run<float>(ReduceKind::kMax, 1, {0}, {}, {}),
            (std::vector<float>{-std::numeric_limits<float>::infinity()}));
  EXPECT_EQ(run<float>(ReduceKind::kMin, 1, {0}, {}, {}), (std::vector<float>{std::numeric_limits<float>::infinity()}));
  EXPECT_TRUE(std::isnan(run<float>(ReduceKind::kMean, 1, {0}, {}, {})[0]));
}

TEST(Reduce, NanAndInfinityPassThrough) {
  const float nan = std::nanf(""), infinity = std::numeric_limits<float>::infinity();
  EXPECT_TRUE(std::isnan(run<float>(ReduceKind::kMax, 1, {3}, {1, nan, 2}, {})[0]));
  EXPECT_TRUE(std::isnan(run<float>(ReduceKind::kMin, 1, {3}, {nan, 1, 2}, {})[0]));
  EXPECT_EQ(run<float>(ReduceKind::kLogSumExp, 1, {2}, {-infinity, -infinity}, {})[0], -infinity);
  EXPECT_EQ(run<float>(ReduceKind::kLogSumExp, 1, {2}, {1000, -1000}, {})[0], 1000);
}

TEST(Reduce, RefusesOtherDimensionsTypesAndAxes) {
  std::vector<float> data(8);
  const TensorView from = TensorView::contiguous(DType::kF32, Dims{2, 3}, static_cast<void*>(data.data()));
  const TensorView wrong = TensorView::contiguous(DType::kF32, Dims{3}, static_cast<void*>(data.data()));
  const TensorView other = TensorView::contiguous(DType::kS32, Dims{2}, static_cast<void*>(data.data()));
  EXPECT_FALSE(check({ReduceKind::kSum, 0b10}, {&from, 1}, {&wrong, 1}).ok());
  EXPECT_FALSE(check({ReduceKind::kSum, 0b10}, {&from, 1}, {&other, 1}).ok());
  EXPECT_FALSE(check({ReduceKind::kSum, 0b100}, {&from, 1}, {&from, 1}).ok());
}

class ReduceCodeTest : public testing::TestWithParam<jit::VectorIsa> {
 protected:
  void SetUp() override {
    if (!jit::has(jit::CpuFeatures::detect(), GetParam()))
      GTEST_SKIP() << "no " << jit::name_of(GetParam()) << " on this machine";
  }
};

TEST_P(ReduceCodeTest, EqualsPlainLoopsBitForBit) {
  std::mt19937 rng(11);
  const auto pick = [&](std::initializer_list<int64_t> from) { return from.begin()[rng() % from.size()]; };
  const ReduceKind kinds[] = {ReduceKind::kSum, ReduceKind::kMean, ReduceKind::kMax,      ReduceKind::kMin,
                              ReduceKind::kL1,  ReduceKind::kL2,   ReduceKind::kSumSquare};
  int generated = 0;
  for (int round = 0; round < 400; ++round) {
    const ReduceDesc desc{kinds[rng() % std::size(kinds)],
                          static_cast<uint32_t>(pick({0b001, 0b010, 0b100, 0b110, 0b011, 0b111}))};
    const Dims in = {pick({1, 2, 3}), pick({1, 5, 17}), pick({1, 7, 8, 15, 16, 17, 33, 64, 130, 300})};
    Dims out = in;
    for (int d = 0; d < 3; ++d)
      if (desc.reduces(d)) out[static_cast<std::size_t>(d)] = 1;
    SCOPED_TRACE(concat("round ", round, " ", name_of(desc.kind), " axes ", desc.axes, " of ", to_string(in)));
    GuardedBuffer<float> src(static_cast<std::size_t>(element_count(in))),
        got(static_cast<std::size_t>(element_count(out))), want(got.size());
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (std::size_t i = 0; i < src.size(); ++i)
      src[i] = rng() % 100 == 0 ? std::nanf("") : rng() % 10 == 0 ? -0.0f : uniform(rng);
    const TensorView from = TensorView::contiguous(DType::kF32, in, static_cast<void*>(src.data()));
    const TensorView to = TensorView::contiguous(DType::kF32, out, static_cast<void*>(got.data()));
    const TensorView plain = TensorView::contiguous(DType::kF32, out, static_cast<void*>(want.data()));
    ASSERT_TRUE(reduce(desc, {&from, 1}, {&plain, 1}).ok());
    const auto plan = plan_reduce(desc, from, to);
    if (!plan) continue;
    ++generated;
    const auto code = build_reduce({GetParam(), desc.kind, plan->rows});
    ASSERT_TRUE(code.ok()) << code.error().message;
    const int64_t middle = plan->units() / 2;
    run_reduce(*plan, **code, src.data(), got.data(), middle, plan->units());
    run_reduce(*plan, **code, src.data(), got.data(), 0, middle);
    for (std::size_t i = 0; i < want.size(); ++i) {
      if (std::isnan(want[i]) && std::isnan(got[i])) continue;  // payloads of NaN are not part of the contract
      ASSERT_EQ(std::memcmp(&got[i], &want[i], 4), 0) << "element " << i << ": " << got[i] << " for " << want[i];
    }
  }
  EXPECT_GT(generated, 350);
}

INSTANTIATE_TEST_SUITE_P(Isa, ReduceCodeTest, testing::Values(jit::VectorIsa::kAvx2, jit::VectorIsa::kAvx512),
                         [](const auto& test) { return std::string(jit::name_of(test.param)); });

}  // namespace
}  // namespace tegula::kernels
