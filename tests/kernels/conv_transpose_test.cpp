#include "kernels/conv_transpose/conv_transpose.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/kernels/plain_kernel.h"

namespace tegula::kernels {
namespace {

using tegula::test::Values;

/// Small whole numbers: sums of their products are exact, in any order.
Values<float> whole_numbers(std::mt19937& random, const Dims& dims) {
  std::vector<float> values(static_cast<std::size_t>(element_count(dims)));
  for (float& x : values) x = static_cast<float>(static_cast<int>(random() % 9) - 4);
  return Values<float>(dims, values);
}

/// By the other definition: every source pixel is scattered over the windows that it takes part in. 2-D.
std::vector<float> scattered(const ConvTransposeDesc& desc, const TensorView& src, const TensorView& weights,
                             const TensorView& bias, const TensorView& dst) {
  std::vector<float> result(static_cast<std::size_t>(dst.count()));
  const int64_t oc = dst.dims[3], oc_per_group = weights.dims[1], ic_per_group = src.dims[3] / desc.groups;
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = bias.as<float>()[static_cast<int64_t>(i) % oc];
  for (int64_t n = 0; n < src.dims[0]; ++n)
    for (int64_t y = 0; y < src.dims[1]; ++y)
      for (int64_t x = 0; x < src.dims[2]; ++x)
        for (int64_t c = 0; c < src.dims[3]; ++c)
          for (int64_t ky = 0; ky < weights.dims[2]; ++ky)
            for (int64_t kx = 0; kx < weights.dims[3]; ++kx)
              for (int64_t o = 0; o < oc_per_group; ++o) {
                const int64_t oy = y * desc.strides[0] + ky * desc.dilations[0] - desc.pads_begin[0];
                const int64_t ox = x * desc.strides[1] + kx * desc.dilations[1] - desc.pads_begin[1];
                if (oy < 0 || oy >= dst.dims[1] || ox < 0 || ox >= dst.dims[2]) continue;
                const int64_t to =
                    ((n * dst.dims[1] + oy) * dst.dims[2] + ox) * oc + c / ic_per_group * oc_per_group + o;
                result[static_cast<std::size_t>(to)] +=
                    src.as<float>()[((n * src.dims[1] + y) * src.dims[2] + x) * src.dims[3] + c] *
                    weights.as<float>()[((c * oc_per_group + o) * weights.dims[2] + ky) * weights.dims[3] + kx];
              }
  return result;
}

TEST(ConvTranspose, EqualsScatteredPixels) {
  std::mt19937 random(1);
  const auto pick = [&](int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1));
  };
  for (int i = 0; i < 40; ++i) {
    ConvTransposeDesc desc;
    desc.groups = pick(1, 3);
    for (std::size_t d = 0; d < 2; ++d) {
      desc.strides[d] = pick(1, 3);
      desc.dilations[d] = pick(1, 2);
      desc.pads_begin[d] = pick(-1, 2);
    }
    const int64_t batch = pick(1, 2), ic = desc.groups * pick(1, 3), oc_per_group = pick(1, 4);
    auto src = whole_numbers(random, {batch, pick(1, 5), pick(1, 5), ic});
    auto weights = whole_numbers(random, {ic, oc_per_group, pick(1, 4), pick(1, 4)});
    auto bias = whole_numbers(random, {oc_per_group * desc.groups});
    Values<float> dst({batch, pick(1, 14), pick(1, 14), oc_per_group * desc.groups});
    expect_runs(&conv_transpose, desc, {src.view(), weights.view(), bias.view()}, {dst.view()});
    EXPECT_EQ(dst.values(), scattered(desc, src.view(), weights.view(), bias.view(), dst.view()));
  }
}

TEST(ConvTranspose, OneAndThreeDimensions) {
  ConvTransposeDesc desc;
  desc.rank = 1;
  desc.strides = {2, 1, 1};
  const Values<float> src({1, 3, 1}, {1, 2, 3}), weights({1, 1, 2}, {10, 1});
  Values<float> dst({1, 6, 1});
  expect_runs(&conv_transpose, desc, {src.view(), weights.view()}, {dst.view()});
  EXPECT_EQ(dst.values(), (std::vector<float>{10, 1, 20, 2, 30, 3}));

  desc = {};
  desc.rank = 3;
  const Values<float> cube({1, 2, 1, 1, 1}, {1, 2}), kernel({1, 1, 2, 1, 2}, {1, 10, 100, 1000});
  Values<float> result({1, 3, 1, 2, 1});
  expect_runs(&conv_transpose, desc, {cube.view(), kernel.view()}, {result.view()});
  EXPECT_EQ(result.values(), (std::vector<float>{1, 10, 102, 1020, 200, 2000}));
}

TEST(ConvTranspose, RefusesOperandsThatDoNotFit) {
  ConvTransposeDesc desc;
  const Values<float> src({1, 2, 2, 4}), weights({4, 3, 2, 2}), dst({1, 3, 3, 3}), bias({2});
  const auto ok = [&](const ConvTransposeDesc& d, std::vector<TensorView> inputs) {
    const TensorView to = dst.view();
    return check(d, inputs, {&to, 1}).ok();
  };
  EXPECT_TRUE(ok(desc, {src.view(), weights.view()}));
  EXPECT_FALSE(ok(desc, {src.view(), weights.view(), bias.view()}));
  EXPECT_FALSE(ok(desc, {src.view(), dst.view()}));
  ConvTransposeDesc other = desc;
  other.groups = 2;
  EXPECT_FALSE(ok(other, {src.view(), weights.view()}));
  other = desc;
  other.strides[1] = 0;
  EXPECT_FALSE(ok(other, {src.view(), weights.view()}));
  other = desc;
  other.pads_begin[0] = INT64_MIN;
  EXPECT_FALSE(ok(other, {src.view(), weights.view()}));
  const TensorView endless =
      TensorView::contiguous(DType::kF32, Dims{4, 0, 1 << 20, 1 << 20}, static_cast<void*>(nullptr));
  TensorView present_endless = endless;
  present_endless.data = src.view().data;
  EXPECT_FALSE(ok(desc, {src.view(), present_endless}));
}

}  // namespace
}  // namespace tegula::kernels
