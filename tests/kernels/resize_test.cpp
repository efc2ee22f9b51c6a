#include "kernels/resize/resize.h"

#include <cmath>
#include <limits>

#include "tests/kernels/plain_kernel.h"

namespace tegula::kernels {
namespace {

using test::Values;

const std::vector<float> kLine = {1, 4, 2, 8, 5, 7};

ResizeDesc along(int axis, double scale, ResizeMode mode, CoordinateMode coordinates) {
  ResizeDesc desc;
  desc.mode = mode;
  desc.coordinates = coordinates;
  desc.axes = {{.axis = axis, .scale = scale}};
  return desc;
}

// The line alone, and as the middle axis of a tensor whose other elements are multiples of it.
void expect_line(const ResizeDesc& desc, const std::vector<float>& expected) {
  const auto n = static_cast<int64_t>(expected.size());
  Values<float> src({6}, kLine), dst({n});
  expect_runs(resize, desc, {src.view()}, {dst.view()});
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(dst.values()[i], expected[i], 4e-6) << "position " << i;

  constexpr int64_t kChannels = 70;  // more than one chunk
  std::vector<float> wide;
  for (int s = 1; s <= 2; ++s)
    for (const float x : kLine)
      for (int64_t c = 0; c < kChannels; ++c) wide.push_back(x * static_cast<float>(s * (c + 1)));
  Values<float> block({2, 6, kChannels}, wide), result({2, n, kChannels});
  ResizeDesc middle = desc;
  middle.axes[0].axis = 1;
  middle.extrapolation = 0;
  expect_runs(resize, middle, {block.view()}, {result.view()});
  const std::vector<float> out = result.values();
  for (int64_t s = 0; s < 2; ++s)
    for (int64_t i = 0; i < n; ++i)
      for (int64_t c = 0; c < kChannels; ++c) {
        const float factor = static_cast<float>((s + 1) * (c + 1));
        const float one = expected[static_cast<std::size_t>(i)] == desc.extrapolation && desc.extrapolation != 0
                              ? 0
                              : expected[static_cast<std::size_t>(i)];
        EXPECT_NEAR(out[static_cast<std::size_t>((s * n + i) * kChannels + c)], factor * one, factor * 4e-6);
      }
}

// Expected values: the formulas of resize.h, computed in double by an independent script.
TEST(Resize, Linear) {
  expect_line(along(0, 2.0 / 3, ResizeMode::kLinear, CoordinateMode::kHalfPixel), {1.75f, 2.5f, 7.25f, 6.5f});
  expect_line(along(0, 0.6, ResizeMode::kLinear, CoordinateMode::kHalfPixelSymmetric), {3.5f, 5.0f, 5.33333333f});
  expect_line(along(0, 0.6, ResizeMode::kLinear, CoordinateMode::kAlignCorners), {1.0f, 2.15384615f, 5.46153846f});
}

TEST(Resize, Cubic) {
  expect_line(
      along(0, 1.5, ResizeMode::kCubic, CoordinateMode::kHalfPixel),
      {0.739583333f, 2.6875f, 3.86921296f, 1.81828704f, 5.09375f, 8.05555556f, 5.36111111f, 5.71875f, 7.17361111f});
  ResizeDesc desc = along(0, 1.5, ResizeMode::kCubic, CoordinateMode::kAsymmetric);
  desc.exclude_outside = true;
  desc.cubic_a = -0.5f;
  expect_line(desc, {1.0f, 3.17857143f, 3.40740741f, 2.0f, 6.37037037f, 7.48148148f, 5.0f, 6.34482759f, 7.21052632f});
}

TEST(Resize, AntialiasWidensTheFilter) {
  ResizeDesc desc = along(0, 0.5, ResizeMode::kLinear, CoordinateMode::kHalfPixel);
  desc.antialias = true;
  expect_line(desc, {2.25f, 4.875f, 6.375f});
  desc = along(0, 0.4, ResizeMode::kCubic, CoordinateMode::kHalfPixel);
  desc.antialias = true;
  expect_line(desc, {2.3707f, 5.8105f});
  desc.exclude_outside = true;
  expect_line(desc, {2.46755889f, 5.79739708f});
}

TEST(Resize, CropFillsWhatLiesOutside) {
  ResizeDesc desc = along(0, 4.0 / 6, ResizeMode::kLinear, CoordinateMode::kTfCropAndResize);
  desc.axes[0].roi_begin = 0.25;
  desc.axes[0].roi_end = 1.2;
  desc.extrapolation = 10;
  expect_line(desc, {3.5f, 7.0f, 5.83333333f, 10.0f});
}

TEST(Resize, NearestRounds) {
  Values<uint16_t> src({4}, {1, 2, 3, 4}), dst({8}), half({2}), three({3});
  ResizeDesc desc = along(0, 2, ResizeMode::kNearest, CoordinateMode::kHalfPixel);
  expect_runs(resize, desc, {src.view()}, {dst.view()});
  EXPECT_EQ(dst.values(), (std::vector<uint16_t>{1, 1, 2, 2, 3, 3, 4, 4}));
  desc.nearest = NearestMode::kFloor;
  expect_runs(resize, desc, {src.view()}, {dst.view()});
  EXPECT_EQ(dst.values(), (std::vector<uint16_t>{1, 1, 1, 2, 2, 3, 3, 4}));
  desc.nearest = NearestMode::kCeil;
  expect_runs(resize, desc, {src.view()}, {dst.view()});
  EXPECT_EQ(dst.values(), (std::vector<uint16_t>{1, 2, 2, 3, 3, 4, 4, 4}));

  desc.axes[0].scale = 0.5;  // coordinates 0.5 and 2.5
  const std::pair<NearestMode, std::vector<uint16_t>> halves[] = {{NearestMode::kRoundPreferFloor, {1, 3}},
                                                                  {NearestMode::kRoundPreferCeil, {2, 4}},
                                                                  {NearestMode::kFloor, {1, 3}},
                                                                  {NearestMode::kCeil, {2, 4}},
                                                                  {NearestMode::kSimple, {2, 4}}};
  for (const auto& [mode, expected] : halves) {
    desc.nearest = mode;
    expect_runs(resize, desc, {src.view()}, {half.view()});
    EXPECT_EQ(half.values(), expected) << static_cast<int>(mode);
  }

  desc = along(0, 0.8, ResizeMode::kNearest, CoordinateMode::kAsymmetric);  // 0, 1.25, 2.5
  desc.nearest = NearestMode::kSimple;
  expect_runs(resize, desc, {src.view()}, {three.view()});
  EXPECT_EQ(three.values(), (std::vector<uint16_t>{1, 3, 4}));
}

TEST(Resize, TwoAxesInterpolateLastAxisFirst) {
  Values<float> src({1, 2, 2, 1}, {1, 2, 3, 4}), dst({1, 4, 4, 1});
  ResizeDesc desc;
  desc.mode = ResizeMode::kLinear;
  desc.axes = {{.axis = 1, .scale = 2}, {.axis = 2, .scale = 2}};
  expect_runs(resize, desc, {src.view()}, {dst.view()});
  EXPECT_EQ(dst.values(),
            (std::vector<float>{1, 1.25, 1.75, 2, 1.5, 1.75, 2.25, 2.5, 2.5, 2.75, 3.25, 3.5, 3, 3.25, 3.75, 4}));
}

TEST(Resize, PixelRangesGiveTheSameAsAll) {
  Values<float> src({2, 3, 3}), all({2, 5, 3}), parts({2, 5, 3});
  for (int i = 0; i < 18; ++i) src.view().as<float>()[i] = std::sin(static_cast<float>(i));
  ResizeDesc desc = along(1, 5.0 / 3, ResizeMode::kCubic, CoordinateMode::kHalfPixel);
  expect_runs(resize, desc, {src.view()}, {all.view()});
  const auto taps = make_resize_taps(desc, src.view(), parts.view());
  ASSERT_EQ(resize_pixels(desc, parts.view()), 10);
  for (const auto& [begin, end] : {std::pair{7, 10}, {0, 4}, {4, 7}})
    resize_range(desc, taps, src.view(), parts.view(), begin, end);
  EXPECT_EQ(parts.values(), all.values());
}

TEST(Resize, IntegersAreCutOffAndSaturated) {
  Values<uint8_t> src({3}, {0, 255, 255}), dst({6});
  expect_runs(resize, along(0, 2, ResizeMode::kCubic, CoordinateMode::kHalfPixel), {src.view()}, {dst.view()});
  const std::vector<uint8_t> out = dst.values();
  EXPECT_EQ(out[0], 0);    // overshoots below 0
  EXPECT_EQ(out[3], 255);  // and above 255
  Values<uint8_t> two({2}, {0, 3}), four({4});
  expect_runs(resize, along(0, 2, ResizeMode::kLinear, CoordinateMode::kHalfPixel), {two.view()}, {four.view()});
  EXPECT_EQ(four.values(), (std::vector<uint8_t>{0, 0, 2, 3}));  // 0, 0.75, 2.25, 3
}

TEST(Resize, RefusesWhatItCannotDo) {
  Values<float> src({4}), dst({8}), empty({0});
  Values<bool> flags({4}), more_flags({8});
  const auto checked = [](const ResizeDesc& desc, const TensorView& from, const TensorView& to) {
    return check(desc, std::vector{from}, std::vector{to}).ok();
  };
  ResizeDesc desc = along(0, 2, ResizeMode::kLinear, CoordinateMode::kHalfPixel);
  EXPECT_TRUE(checked(desc, src.view(), dst.view()));
  EXPECT_FALSE(checked(desc, flags.view(), more_flags.view()));
  EXPECT_FALSE(checked(desc, empty.view(), dst.view()));
  EXPECT_TRUE(checked(desc, empty.view(), empty.view()));
  for (const double scale : {0.0, -1.0, static_cast<double>(NAN), std::numeric_limits<double>::infinity()}) {
    desc.axes[0].scale = scale;
    EXPECT_FALSE(checked(desc, src.view(), dst.view()));
  }
  desc.axes[0].scale = 1e-12;
  desc.antialias = true;
  EXPECT_FALSE(checked(desc, src.view(), dst.view()));
  desc.axes.clear();
  EXPECT_FALSE(checked(desc, src.view(), dst.view()));
}

}  // namespace
}  // namespace tegula::kernels
