#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <random>
#include <vector>

#include "jit/cpu_features.h"
#include "kernels/resize/resize_plan.h"
#include "tests/support/guarded_buffer.h"

namespace tegula::kernels {
namespace {

using test::GuardedBuffer;

struct Picker {
  std::mt19937 rng{11};
  template <typename T>
  T operator()(std::initializer_list<T> from) {
    return from.begin()[rng() % from.size()];
  }
};

ResizeDesc random_desc(Picker& pick) {
  ResizeDesc desc;
  desc.mode = pick({ResizeMode::kNearest, ResizeMode::kLinear, ResizeMode::kLinear, ResizeMode::kCubic});
  desc.coordinates = pick({CoordinateMode::kHalfPixel, CoordinateMode::kHalfPixel, CoordinateMode::kAlignCorners,
                           CoordinateMode::kAsymmetric, CoordinateMode::kPytorchHalfPixel});
  desc.nearest = pick({NearestMode::kFloor, NearestMode::kRoundPreferFloor, NearestMode::kCeil});
  desc.antialias = pick({0, 0, 0, 1}) != 0;
  desc.exclude_outside = pick({0, 0, 1}) != 0;
  return desc;
}

/// Sizes of src and dst; each axis gets the scale between them.
struct Sizes {
  Dims in, out;
};
Sizes add_axes(Picker& pick, ResizeDesc& desc) {
  Sizes sizes;
  const int rank = pick({1, 2, 3, 4, 4, 5}), channels_last = rank > 1 ? pick({0, 1}) : 0;
  const int axes = std::min(rank - channels_last, pick({1, 2, 2, 2, 3}));
  for (int d = 0; d < rank; ++d) {
    const int first = rank - channels_last - axes;
    if (d >= first && d < first + axes) {
      const double scale = pick({0.4, 0.5, 1.0, 1.5, 2.0, 2.0, 3.3});
      const int64_t in = pick({1, 2, 3, 5, 8, 9, 19, 37});
      if (scale * static_cast<double>(in) < 1) desc.antialias = false;  // such filters have no bound
      sizes.in.push_back(in);
      sizes.out.push_back(std::max<int64_t>(1, static_cast<int64_t>(std::floor(static_cast<double>(in) * scale))));
      desc.axes.push_back({.axis = d, .scale = scale});
    } else {
      const int64_t size = d == rank - 1 ? pick({1, 3, 7, 8, 16, 21, 70, 133}) : pick({1, 2});
      sizes.in.push_back(size);
      sizes.out.push_back(size);
    }
  }
  return sizes;
}

/// With gaps between the pixels when `gap` is not 0: a part of a wider tensor.
template <typename T>
TensorView view_of(DType dtype, const Dims& dims, T* data, int64_t gap) {
  TensorView view = TensorView::contiguous(dtype, dims, static_cast<void*>(data));
  for (int d = 0; d + 1 < view.rank; ++d) view.strides[d] = view.strides[d] / dims.back() * (dims.back() + gap);
  return view;
}
std::size_t elements(const Dims& dims, int64_t gap) {
  return static_cast<std::size_t>(element_count(dims) / dims.back() * (dims.back() + gap) - gap);
}

template <typename T>
void fill(GuardedBuffer<T>& buffer, std::mt19937& rng) {
  std::uniform_real_distribution<float> uniform(-1, 1);
  for (std::size_t i = 0; i < buffer.size(); ++i) {
    if constexpr (std::is_same_v<T, float>) {
      constexpr float kInfinity = std::numeric_limits<float>::infinity();
      const float odd[] = {std::nanf(""), kInfinity, -kInfinity, -0.0f, 0.0f};
      buffer[i] = rng() % 16 == 0 ? odd[rng() % 5] : uniform(rng);
    } else {
      buffer[i] = static_cast<T>(rng());
    }
  }
}

template <typename T>
void expect_same(GuardedBuffer<T>& got, GuardedBuffer<T>& want) {
  for (std::size_t i = 0; i < want.size(); ++i) {
    if constexpr (std::is_same_v<T, float>)
      if (std::isnan(want[i]) && std::isnan(got[i])) continue;  // payloads of NaN are not part of the contract
    ASSERT_EQ(std::memcmp(&got[i], &want[i], sizeof(T)), 0)
        << "element " << i << ": " << +got[i] << " for " << +want[i];
  }
}

class ResizeCodeTest : public testing::TestWithParam<jit::VectorIsa> {
 protected:
  void SetUp() override {
    if (!jit::has(jit::CpuFeatures::detect(), GetParam()))
      GTEST_SKIP() << "no " << jit::name_of(GetParam()) << " on this machine";
    const auto built = build_resize({GetParam()});
    ASSERT_TRUE(built.ok()) << built.error().message;
    code_ = *built;
  }

  /// Whether the plan took it; then its results are those of the plain loops, whole and in two parts.
  template <typename T>
  bool check_case(const ResizeDesc& desc, const Sizes& sizes, DType dtype, int64_t src_gap, int64_t dst_gap,
                  std::mt19937& rng) {
    GuardedBuffer<T> src(elements(sizes.in, src_gap)), got(elements(sizes.out, dst_gap)), want(got.size());
    fill(src, rng);
    const TensorView from = view_of(dtype, sizes.in, src.data(), src_gap);
    const TensorView to = view_of(dtype, sizes.out, got.data(), dst_gap);
    const TensorView plain = view_of(dtype, sizes.out, want.data(), dst_gap);
    EXPECT_TRUE(check(desc, {&from, 1}, {&plain, 1}).ok());
    EXPECT_TRUE(resize(desc, {&from, 1}, {&plain, 1}).ok());
    const auto plan = ResizePlan::make(desc, from, to, GetParam());
    if (!plan) return false;
    GuardedBuffer<std::byte> scratch((plan->scratch_bytes() + 63) / 64 * 64);
    const int64_t middle = plan->units() / 2;
    plan->run(code_.get(), src_bytes(src), reinterpret_cast<std::byte*>(got.data()), middle, plan->units(),
              scratch.data());
    plan->run(code_.get(), src_bytes(src), reinterpret_cast<std::byte*>(got.data()), 0, middle, scratch.data());
    expect_same(got, want);
    return true;
  }

  template <typename T>
  static const std::byte* src_bytes(GuardedBuffer<T>& src) {
    return reinterpret_cast<const std::byte*>(src.data());
  }

  ResizeCodePtr code_;
};

TEST_P(ResizeCodeTest, EqualsPlainLoopsBitForBit) {
  Picker pick;
  int taken = 0;
  for (int round = 0; round < 400; ++round) {
    ResizeDesc desc = random_desc(pick);
    const Sizes sizes = add_axes(pick, desc);
    const bool channels_last = desc.axes.back().axis + 1 < static_cast<int>(sizes.in.size());
    const int64_t src_gap = channels_last ? pick({0, 0, 5}) : 0, dst_gap = channels_last ? pick({0, 0, 3}) : 0;
    SCOPED_TRACE(concat("round ", round, " mode ", static_cast<int>(desc.mode), " axes ", desc.axes.size(), " in ",
                        to_string(sizes.in), " out ", to_string(sizes.out), " gaps ", src_gap, " ", dst_gap));
    taken += check_case<float>(desc, sizes, DType::kF32, src_gap, dst_gap, pick.rng);
    if (desc.mode == ResizeMode::kNearest) {
      EXPECT_TRUE(check_case<uint8_t>(desc, sizes, DType::kU8, src_gap, dst_gap, pick.rng));
      EXPECT_TRUE(check_case<int64_t>(desc, sizes, DType::kS64, src_gap, dst_gap, pick.rng));
    }
    if (HasFatalFailure()) return;
  }
  EXPECT_EQ(taken, 400);
}

TEST_P(ResizeCodeTest, ManyRowsOfNearestElements) {
  Picker pick;
  ResizeDesc desc;
  desc.axes = {{.axis = 2, .scale = 3}, {.axis = 3, .scale = 2}};
  EXPECT_TRUE(check_case<float>(desc, {{2, 3, 50, 17}, {2, 3, 150, 34}}, DType::kF32, 0, 0, pick.rng));
}

TEST_P(ResizeCodeTest, WeightsThatAreAllZeroGiveZero) {
  Picker pick;
  ResizeDesc desc;
  desc.mode = ResizeMode::kLinear;
  desc.coordinates = CoordinateMode::kAsymmetric;
  desc.exclude_outside = true;  // positions from 5 on have no source at all
  for (const int64_t channels : {1, 20}) {
    desc.axes = {{.axis = 0, .scale = 0.2}, {.axis = 1, .scale = 0.2}};
    EXPECT_TRUE(check_case<float>(desc, {{3, 3, channels}, {6, 6, channels}}, DType::kF32, 0, 0, pick.rng));
    desc.axes.pop_back();
    EXPECT_TRUE(check_case<float>(desc, {{3, channels}, {6, channels}}, DType::kF32, 0, 0, pick.rng));
  }
  desc.axes = {{.axis = 0, .scale = 0.2}};
  EXPECT_TRUE(check_case<float>(desc, {{3}, {6}}, DType::kF32, 0, 0, pick.rng));
}

TEST_P(ResizeCodeTest, LeavesTheRestToPlainLoops) {
  std::vector<float> data(64);
  const auto planned = [&](const ResizeDesc& desc, const TensorView& src, const TensorView& dst) {
    return ResizePlan::make(desc, src, dst, GetParam()).has_value();
  };
  const TensorView src = TensorView::contiguous(DType::kF32, Dims{4, 2}, static_cast<void*>(data.data()));
  const TensorView dst = TensorView::contiguous(DType::kF32, Dims{8, 2}, static_cast<void*>(data.data()));
  ResizeDesc desc;
  desc.mode = ResizeMode::kLinear;
  desc.axes = {{.axis = 0, .scale = 2}};
  EXPECT_TRUE(planned(desc, src, dst));
  TensorView gaps = src;
  gaps.strides[1] = 2;
  EXPECT_FALSE(planned(desc, gaps, dst));
  TensorView bytes = src, more_bytes = dst;
  bytes.dtype = more_bytes.dtype = DType::kU8;
  EXPECT_FALSE(planned(desc, bytes, more_bytes));
  desc.coordinates = CoordinateMode::kTfCropAndResize;
  EXPECT_TRUE(planned(desc, src, dst));
  desc.axes[0].roi_end = 1.5;
  EXPECT_FALSE(planned(desc, src, dst));
}

INSTANTIATE_TEST_SUITE_P(Isa, ResizeCodeTest, testing::Values(jit::VectorIsa::kAvx2, jit::VectorIsa::kAvx512),
                         [](const auto& isa) { return std::string(jit::name_of(isa.param)); });

}  // namespace
}  // namespace tegula::kernels
