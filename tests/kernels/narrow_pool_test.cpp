// Pooling of u8, s8 and bf16: plain loops against the formula in double, generated code against plain loops, bit for
// bit, on guard pages.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "jit/cpu_features.h"
#include "kernels/pool/narrow_pool_kernel.h"
#include "tests/support/guarded_buffer.h"

namespace tegula::kernels {
namespace {

using test::GuardedBuffer;

NarrowPoolDesc window(PoolKind kind, int64_t size, int64_t stride, int64_t pad) {
  NarrowPoolDesc desc;
  desc.window.kind = kind;
  for (std::size_t d = 0; d < 2; ++d) {
    desc.window.kernel[d] = size;
    desc.window.strides[d] = stride;
    desc.window.pads_begin[d] = desc.window.pads_end[d] = pad;
  }
  desc.src = {0.04f, 7};
  desc.dst = {31.0f, -3};
  return desc;
}

struct Case {
  NarrowPoolDesc desc;
  DType src = DType::kU8, dst = DType::kU8;
  int64_t n = 1, size = 5, channels = 3;

  int64_t out() const {
    return (size + desc.window.pads_begin[0] + desc.window.pads_end[0] - desc.window.kernel[0]) /
               desc.window.strides[0] +
           1;
  }
  Dims src_dims() const { return {n, size, size, channels}; }
  Dims dst_dims() const { return {n, out(), out(), channels}; }
};

void fill(DType type, std::byte* data, std::size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  for (std::size_t i = 0; i < count; ++i) {
    if (type == DType::kBF16) {
      const uint16_t specials[] = {0, 0x8000, 0x7fc1, 0xff80, 0x7f80, 0x0001};
      const auto bits = static_cast<uint32_t>(random());
      reinterpret_cast<uint16_t*>(data)[i] =
          bits % 53 < 6 ? specials[bits % 53] : static_cast<uint16_t>(0x3e00 + (bits >> 8 & 0x83ff));
    } else {
      data[i] = static_cast<std::byte>(random());
    }
  }
}

bool same(DType type, const std::byte* a, const std::byte* b, std::size_t i) {
  const std::size_t size = size_of(type);
  if (std::equal(a + i * size, a + (i + 1) * size, b + i * size)) return true;
  const auto at = static_cast<int64_t>(i);
  return !is_quantized(type) && std::isnan(real_at(type, a, at, {})) && std::isnan(real_at(type, b, at, {}));
}

void expect_same(Case c, uint32_t seed = 1) {
  if (c.dst == DType::kU8) c.desc.dst.zero_point = 9;
  const auto count = static_cast<std::size_t>(element_count(c.dst_dims()));
  GuardedBuffer<std::byte> src(static_cast<std::size_t>(element_count(c.src_dims())) * size_of(c.src));
  fill(c.src, src.data(), src.size() / size_of(c.src), seed);
  const TensorView from = TensorView::contiguous(c.src, c.src_dims(), static_cast<void*>(src.data()));
  std::vector<std::byte> expected(count * size_of(c.dst));
  const TensorView plain = TensorView::contiguous(c.dst, c.dst_dims(), static_cast<void*>(expected.data()));
  const Status status = check(c.desc, {&from, 1}, {&plain, 1});
  ASSERT_TRUE(status.ok()) << status.error().message;
  ASSERT_TRUE(narrow_pool(c.desc, {&from, 1}, {&plain, 1}).ok());
  std::vector<const std::byte*> taps(static_cast<std::size_t>(c.desc.window.taps()));
  for (const char* name : {"avx2", "avx512", "avx512_bf16"}) {
    const jit::CpuFeatures cap = jit::CpuFeatures::from_name(name).value();
    if (jit::CpuFeatures::detect().intersect(cap) != cap) continue;
    const NarrowPoolCodeDesc desc{cap.avx512 ? jit::VectorIsa::kAvx512 : jit::VectorIsa::kAvx2, c.desc.window.kind,
                                  c.src, c.dst, cap.avx512_bf16 && c.dst == DType::kBF16};
    const auto code = build_narrow_pool(desc);
    ASSERT_TRUE(code.ok()) << code.error().message;
    GuardedBuffer<std::byte> dst(expected.size());
    const TensorView to = TensorView::contiguous(c.dst, c.dst_dims(), static_cast<void*>(dst.data()));
    const int64_t pixels = c.n * c.out() * c.out();
    for (int64_t part = 0; part < 3; ++part)
      run_narrow_pool(c.desc, code->get(), from, to, pixels * part / 3, pixels * (part + 1) / 3, taps.data());
    for (std::size_t i = 0; i < count; ++i)
      ASSERT_TRUE(same(c.dst, dst.data(), expected.data(), i))
          << desc.name() << " channels " << c.channels << " at " << i;
  }
}

TEST(NarrowPool, AveragesFollowTheFormula) {
  for (const bool count_include_pad : {false, true}) {
    Case c{.desc = window(PoolKind::kAverage, 3, 2, 1), .dst = DType::kS8, .channels = 6};
    c.desc.window.count_include_pad = count_include_pad;
    std::vector<uint8_t> src(5 * 5 * 6);
    fill(DType::kU8, reinterpret_cast<std::byte*>(src.data()), src.size(), 3);
    std::vector<int8_t> dst(3 * 3 * 6);
    const TensorView from = TensorView::contiguous(DType::kU8, c.src_dims(), static_cast<void*>(src.data()));
    const TensorView to = TensorView::contiguous(DType::kS8, c.dst_dims(), static_cast<void*>(dst.data()));
    ASSERT_TRUE(check(c.desc, {&from, 1}, {&to, 1}).ok());
    ASSERT_TRUE(narrow_pool(c.desc, {&from, 1}, {&to, 1}).ok());
    for (int64_t h = 0; h < 3; ++h)
      for (int64_t w = 0; w < 3; ++w)
        for (int64_t ch = 0; ch < 6; ++ch) {
          double sum = 0, inside = 0;
          for (int64_t y = h * 2 - 1; y < h * 2 + 2; ++y)
            for (int64_t x = w * 2 - 1; x < w * 2 + 2; ++x) {
              if (y < 0 || y >= 5 || x < 0 || x >= 5) continue;
              sum += (src[static_cast<std::size_t>((y * 5 + x) * 6 + ch)] - 7) * 0.04;
              ++inside;
            }
          const double mean = sum / (count_include_pad ? 9 : inside);
          ASSERT_NEAR(dst[static_cast<std::size_t>((h * 3 + w) * 6 + ch)], std::clamp(mean * 31.0 - 3, -128.0, 127.0),
                      0.5001);
        }
  }
}

TEST(NarrowPool, EveryNumberOfChannels) {
  for (int64_t channels = 1; channels <= 140; ++channels) {
    expect_same({.desc = window(PoolKind::kMax, 3, 2, 1), .channels = channels});
    expect_same({.desc = window(PoolKind::kAverage, 2, 1, 0), .channels = channels});
  }
}

TEST(NarrowPool, EveryPairOfTypes) {
  for (const DType src : {DType::kU8, DType::kS8, DType::kBF16})
    for (const int64_t channels : {5, 16, 21, 64, 100})
      for (const int64_t pad : {0, 1}) {
        expect_same({.desc = window(PoolKind::kMax, 3, 1, pad), .src = src, .dst = src, .channels = channels});
        for (const DType dst : {DType::kU8, DType::kS8, DType::kBF16, DType::kF32}) {
          Case c{.desc = window(PoolKind::kAverage, 3, 1, pad), .src = src, .dst = dst, .n = 2, .channels = channels};
          expect_same(c);
          c.desc.window.count_include_pad = true;
          expect_same(c, 2);
        }
      }
}

TEST(NarrowPool, WindowsOfNothing) {
  // Padding as wide as the kernel: some windows have no tap.
  for (const PoolKind kind : {PoolKind::kMax, PoolKind::kAverage})
    for (const DType type : {DType::kU8, DType::kS8, DType::kBF16})
      expect_same({.desc = window(kind, 2, 1, 2), .src = type, .dst = type, .channels = 33});
}

TEST(NarrowPool, RefusesWhatItCannotDo) {
  const auto refused = [](const NarrowPoolDesc& desc, DType src, DType dst) {
    static std::byte present;
    const TensorView from = TensorView::contiguous(src, Dims{1, 5, 5, 4}, static_cast<void*>(&present));
    const TensorView to = TensorView::contiguous(dst, Dims{1, 3, 3, 4}, static_cast<void*>(&present));
    return !check(desc, {&from, 1}, {&to, 1}).ok();
  };
  const NarrowPoolDesc max = window(PoolKind::kMax, 3, 2, 1);
  NarrowPoolDesc average = window(PoolKind::kAverage, 3, 2, 1);
  EXPECT_FALSE(refused(average, DType::kU8, DType::kS8));
  EXPECT_TRUE(refused(average, DType::kU8, DType::kU8));  // a zero point of -3
  EXPECT_TRUE(refused(max, DType::kU8, DType::kS8));
  EXPECT_TRUE(refused(average, DType::kS32, DType::kS8));
  EXPECT_TRUE(refused(average, DType::kU8, DType::kS32));
  EXPECT_TRUE(refused(window(PoolKind::kLp, 3, 2, 1), DType::kU8, DType::kS8));
  average.src.scale = std::numeric_limits<float>::infinity();
  EXPECT_TRUE(refused(average, DType::kU8, DType::kS8));
}

}  // namespace
}  // namespace tegula::kernels
