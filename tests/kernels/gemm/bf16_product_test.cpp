#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/conv/conv.h"
#include "kernels/float16.h"
#include "kernels/gemm/gemm.h"
#include "tests/kernels/gemm/typed_tiles.h"
#include "tests/support/rounds.h"

namespace tegula::kernels {
namespace {

using test::one_in;
using test::pick;
using test::Random;
using Halves = tegula::test::GuardedBuffer<uint16_t>;
using Floats = tegula::test::GuardedBuffer<float>;
using Bytes = tegula::test::GuardedBuffer<uint8_t>;

constexpr uint16_t kNan = 0x7fff;

void fill(Random& random, Halves& values) {
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = bf16_from_f32(static_cast<float>(pick(random, -1000, 1000)) / 256);
}

/// bias, and the sum with a tensor of bf16 that relu follows: errors of the sum pass through unchanged at most.
class Epilogue {
 public:
  Epilogue(Random& random, int64_t rows, int64_t columns)
      : columns_(columns),
        bias_(static_cast<std::size_t>(columns)),
        residual_(static_cast<std::size_t>(rows * columns)) {
    types = {DType::kBF16, DType::kBF16, one_in(random, 2) ? DType::kBF16 : DType::kF32};
    desc.bias = one_in(random, 2);
    for (std::size_t i = 0; i < bias_.size(); ++i) bias_[i] = static_cast<float>(pick(random, -100, 100)) / 16;
    fill(random, residual_);
    if (!one_in(random, 2)) return;
    PostOpDesc add;
    add.function = Function::k_add;
    add.operand = OperandKind::kTensor;
    add.operand_dtype = DType::kBF16;
    PostOpDesc relu;
    relu.function = Function::k_relu;
    desc.post_ops = {add, relu};
  }

  EpilogueArgs args() {
    EpilogueArgs args;
    if (desc.bias) args.bias = bias_.data();
    args.operands[0] = {residual_.data(), columns_};
    return args;
  }

  /// |got - exact| from the sum and the sum of magnitudes of `depth` products: each fp32 operation rounds by 2^-24 of
  /// at most the magnitudes so far, products not being fused where the hardware does not, then one rounding to dst, by
  /// 2^-8.
  testing::AssertionResult near(float got, double sum, double magnitude, int64_t depth, int64_t row, int64_t n) {
    if (desc.bias) {
      sum += bias_[static_cast<std::size_t>(n)];
      magnitude += std::abs(bias_[static_cast<std::size_t>(n)]);
    }
    if (!desc.post_ops.empty()) {
      const double residual = f32_from_bf16(residual_[static_cast<std::size_t>(row * columns_ + n)]);
      sum = std::max(sum + residual, 0.0);
      magnitude += std::abs(residual);
    }
    double bound = static_cast<double>(2 * depth + 2) * 0x1p-24 * magnitude;
    if (types.dst == DType::kBF16) bound += 0x1p-8 * (std::abs(sum) + bound);
    if (std::abs(got - sum) <= bound) return testing::AssertionSuccess();
    return testing::AssertionFailure() << got << " instead of " << sum << ", bound " << bound << " at " << row << ", "
                                       << n;
  }

  TileTypes types;
  EpilogueDesc desc;

 private:
  int64_t columns_;
  Floats bias_;
  Halves residual_;
};

float element(const TileTypes& types, Bytes& dst, int64_t index) {
  float value = 0;
  uint16_t half = 0;
  if (types.dst == DType::kF32) {
    std::memcpy(&value, dst.data() + index * 4, 4);
    return value;
  }
  std::memcpy(&half, dst.data() + index * 2, 2);
  return f32_from_bf16(half);
}

void check_gemm(Random& random, int64_t m, int64_t n, int64_t k) {
  const int64_t lda = k + pick(random, 0, 3);
  Epilogue epilogue(random, m, n);
  Halves a(static_cast<std::size_t>(m == 0 ? 0 : (m - 1) * lda + k)), b(static_cast<std::size_t>(k * n));
  fill(random, a);
  fill(random, b);
  for (int64_t row = 0; row + 1 < m; ++row)
    for (int64_t i = k; i < lda; ++i) a[static_cast<std::size_t>(row * lda + i)] = kNan;
  const PackedMatrix layout{Packing::kN16K2, 1, k, n};
  Bytes packed(static_cast<std::size_t>(layout.bytes()));
  pack_matrix(layout, {0, n, 1}, b.data(), packed.data());
  const GemmShape shape{m, n, k};
  std::vector<uint8_t> widened;
  for (const TileSetPtr& tiles : test::tiles_of(epilogue.types, epilogue.desc)) {
    const GemmKernel gemm(tiles);
    Bytes scratch(gemm.scratch_bytes(shape)), got(static_cast<std::size_t>(m * n * epilogue.types.dst_bytes()));
    const int64_t blocks = pick(random, 1, 3);
    for (int64_t block = 0; block < blocks; ++block)
      gemm.run(shape, {a.data(), lda, packed.data(), got.data(), n, epilogue.args()}, block, blocks,
               reinterpret_cast<std::byte*>(scratch.data()));
    for (int64_t row = 0; row < m; ++row)
      for (int64_t column = 0; column < n; ++column) {
        double sum = 0, magnitude = 0;
        for (int64_t i = 0; i < k; ++i) {
          const double x = double{f32_from_bf16(a[static_cast<std::size_t>(row * lda + i)])} *
                           f32_from_bf16(b[static_cast<std::size_t>(i * n + column)]);
          sum += x;
          magnitude += std::abs(x);
        }
        ASSERT_TRUE(epilogue.near(element(epilogue.types, got, row * n + column), sum, magnitude, k, row, column))
            << tiles->desc().name() << " m=" << m << " n=" << n << " k=" << k;
      }
    // All that widen to fp32 have the same bits.
    if (test::adds_its_own_way(*tiles)) continue;
    const std::vector<uint8_t> bits(got.data(), got.data() + got.size());
    if (widened.empty()) widened = bits;
    ASSERT_EQ(bits, widened) << tiles->desc().name();
  }
}

TEST(Bf16Gemm, RandomSizesStridesAndEpilogues) {
  Random random(1);
  for (int i = 0; i < tegula::test::rounds(500) && !testing::Test::HasFatalFailure(); ++i)
    check_gemm(random, pick(random, 0, 20), pick(random, 0, 70), pick(random, 0, 70));
}

TEST(Bf16Gemm, LongSumsInChunks) {
  Random random(2);
  check_gemm(random, 9, 18, 12601);
}

void check_conv(Random& random, const ConvShape& shape) {
  const int64_t positions = shape.kernel[1] * shape.kernel[2], pixels = shape.out_pixels();
  Epilogue epilogue(random, pixels, shape.oc);
  Halves src(static_cast<std::size_t>(shape.batch * shape.in[1] * shape.in[2] * shape.ic));
  Halves weights(static_cast<std::size_t>(shape.oc * shape.ic * positions));
  fill(random, src);
  fill(random, weights);
  const PackedConv layout = packed_weights(shape, Packing::kN16K2);
  Bytes packed(static_cast<std::size_t>(layout.bytes()));
  pack_conv(layout, weights.data(), packed.data());
  for (const TileSetPtr& tiles : test::tiles_of(epilogue.types, epilogue.desc)) {
    const ConvKernel conv(tiles, shape);
    Bytes scratch(conv.scratch_bytes()), got(static_cast<std::size_t>(pixels * shape.oc * epilogue.types.dst_bytes()));
    std::fill_n(scratch.data(), scratch.size(), uint8_t{0xff});  // NaN
    const int64_t blocks = pick(random, 1, 5);
    for (int64_t block = 0; block < blocks; ++block)
      conv.run({src.data(), packed.data(), got.data(), epilogue.args()}, block, blocks,
               reinterpret_cast<std::byte*>(scratch.data()));
    for (int64_t pixel = 0; pixel < pixels; ++pixel)
      for (int64_t o = 0; o < shape.oc; ++o) {
        double sum = 0, magnitude = 0;
        const int64_t x = pixel % shape.out[2], y = pixel / shape.out[2] % shape.out[1],
                      image = pixel / shape.out[2] / shape.out[1];
        for (int64_t p = 0; p < positions; ++p) {
          const int64_t sx = x * shape.strides[2] + p % shape.kernel[2] * shape.dilations[2] - shape.pads_begin[2];
          const int64_t sy = y * shape.strides[1] + p / shape.kernel[2] * shape.dilations[1] - shape.pads_begin[1];
          if (sx < 0 || sx >= shape.in[2] || sy < 0 || sy >= shape.in[1]) continue;
          for (int64_t c = 0; c < shape.ic; ++c) {
            const int64_t from = ((image * shape.in[1] + sy) * shape.in[2] + sx) * shape.ic + c;
            const double term = double{f32_from_bf16(src[static_cast<std::size_t>(from)])} *
                                f32_from_bf16(weights[static_cast<std::size_t>((o * shape.ic + c) * positions + p)]);
            sum += term;
            magnitude += std::abs(term);
          }
        }
        ASSERT_TRUE(epilogue.near(element(epilogue.types, got, pixel * shape.oc + o), sum, magnitude,
                                  positions * shape.ic, pixel, o))
            << tiles->desc().name() << " ic=" << shape.ic << " oc=" << shape.oc << " in=" << shape.in[1] << 'x'
            << shape.in[2] << " k=" << shape.kernel[1] << 'x' << shape.kernel[2];
      }
  }
}

TEST(Bf16Conv, RandomSizesStridesAndEpilogues) {
  Random random(3);
  for (int i = 0; i < tegula::test::rounds(500) && !testing::Test::HasFatalFailure(); ++i) {
    ConvShape shape;
    shape.batch = pick(random, 1, 2);
    shape.ic = pick(random, 1, one_in(random, 2) ? 4 : 20);
    shape.oc = pick(random, 1, 36);
    bool fits = true;
    for (const std::size_t d : {1, 2}) {
      shape.in[d] = pick(random, 1, 8);
      shape.kernel[d] = pick(random, 1, 3);
      shape.strides[d] = pick(random, 1, 2);
      shape.dilations[d] = pick(random, 1, 2);
      shape.pads_begin[d] = pick(random, 0, 2);
      const int64_t room =
          shape.in[d] + shape.pads_begin[d] + pick(random, 0, 2) - (shape.kernel[d] - 1) * shape.dilations[d] - 1;
      fits = fits && room >= 0;
      shape.out[d] = room < 0 ? 0 : room / shape.strides[d] + 1;
    }
    shape.src_pixel_stride = shape.ic;
    shape.dst_pixel_stride = shape.oc;
    if (fits) check_conv(random, shape);
  }
}

/// Rounding of results, where values are as awkward as they get: the product is 1 * x.
TEST(Bf16Gemm, StoresRoundAsTheContractSays) {
  const float quiet = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> values = {0.0f,
                                     -0.0f,
                                     1.00390625f,
                                     1.01171875f,
                                     1.0f + 0x1p-8f + 0x1p-20f,
                                     3.4e38f,
                                     -3.4028235e38f,
                                     0x1p-126f,
                                     0x1p-127f,
                                     -0x1p-130f,
                                     0x1.fffffep-127f,
                                     quiet,
                                     -quiet,
                                     std::numeric_limits<float>::infinity(),
                                     1e-40f,
                                     5.5f,
                                     -7.123f};
  TileTypes types{DType::kBF16, DType::kBF16, DType::kBF16};
  EpilogueDesc desc;
  PostOpDesc second;  // replaces the sum by a value: max(value, -infinity) of an operand
  second.function = Function::k_add;
  second.operand = OperandKind::kPerChannel;
  desc.post_ops = {second};
  const auto n = static_cast<int64_t>(values.size());
  for (const TileSetPtr& tiles : test::tiles_of(types, desc)) {
    const GemmKernel gemm(tiles);
    std::vector<uint16_t> got(values.size());
    EpilogueArgs args;
    args.operands[0] = {values.data(), 0};
    Bytes scratch(gemm.scratch_bytes({1, n, 0}));
    gemm.run({1, n, 0}, {nullptr, 0, nullptr, got.data(), n, args}, 0, 1,
             reinterpret_cast<std::byte*>(scratch.data()));
    for (std::size_t i = 0; i < values.size(); ++i) {
      const uint16_t want = bf16_from_f32(0.0f + values[i]);
      if (std::isnan(values[i]))
        EXPECT_TRUE(std::isnan(f32_from_bf16(got[i]))) << tiles->desc().name();
      else
        EXPECT_EQ(got[i], want) << tiles->desc().name() << ' ' << values[i];
    }
  }
}

}  // namespace
}  // namespace tegula::kernels
