#include <gtest/gtest.h>

#include "kernels/conv/conv.h"
#include "tests/kernels/gemm/quantized_epilogue_case.h"
#include "tests/support/rounds.h"

namespace tegula::kernels {
namespace {

using test::Bytes;
using test::fill_bits;
using test::one_in;
using test::pick;
using test::QuantizedEpilogueCase;
using test::Random;
using test::same_elements;

std::string describe(const ConvShape& shape) {
  std::string text =
      concat("batch=", shape.batch, " ic=", shape.ic, " oc=", shape.oc, " groups=", shape.groups,
             " per block=", shape.groups_per_block, " strides=", shape.src_pixel_stride, ',', shape.dst_pixel_stride);
  for (std::size_t d = 0; d < 3; ++d)
    text += concat(" | in=", shape.in[d], " k=", shape.kernel[d], " s=", shape.strides[d], " d=", shape.dilations[d],
                   " pad=", shape.pads_begin[d], " out=", shape.out[d]);
  return text;
}

TensorView matrix(DType dtype, Bytes& data, int64_t rows, int64_t columns, int64_t row_stride) {
  TensorView view;
  view.dtype = dtype;
  view.rank = 2;
  view.dims = {rows, columns};
  view.strides = {row_stride, 1};
  view.data = reinterpret_cast<std::byte*>(data.data());
  return view;
}

int64_t positions_of(const std::array<int64_t, 3>& sizes) {
  return sizes[0] * sizes[1] * sizes[2];
}

/// What each output pixel reads, [pixels, positions * ic], positions outside the source being `padding`, or that of the
/// image.
void gather_windows(const ConvShape& shape, Bytes& src, uint8_t padding, const int32_t* image_padding, Bytes& to) {
  std::size_t at = 0;
  for (int64_t n = 0; n < shape.batch; ++n) {
    if (image_padding != nullptr) padding = static_cast<uint8_t>(image_padding[n]);
    for (int64_t pixel = 0; pixel < positions_of(shape.out); ++pixel)
      for (int64_t p = 0; p < positions_of(shape.kernel); ++p) {
        const std::array<int64_t, 3> out{pixel / shape.out[2] / shape.out[1], pixel / shape.out[2] % shape.out[1],
                                         pixel % shape.out[2]};
        const std::array<int64_t, 3> tap{p / shape.kernel[2] / shape.kernel[1], p / shape.kernel[2] % shape.kernel[1],
                                         p % shape.kernel[2]};
        bool inside = true;
        int64_t from = n;
        for (std::size_t d = 0; d < 3; ++d) {
          const int64_t i = out[d] * shape.strides[d] + tap[d] * shape.dilations[d] - shape.pads_begin[d];
          inside = inside && i >= 0 && i < shape.in[d];
          from = from * shape.in[d] + i;
        }
        for (int64_t c = 0; c < shape.ic; ++c)
          to[at++] = inside ? src[static_cast<std::size_t>(from * shape.src_pixel_stride + c)] : padding;
      }
  }
}

/// One convolution in every implementation, cut into several numbers of blocks, against a product of the gathered
/// windows.
void check(Random& random, ConvShape shape) {
  shape.src_pixel_stride = shape.ic + (one_in(random, 3) ? 3 : 0);
  shape.dst_pixel_stride = shape.oc + (one_in(random, 3) ? 5 : 0);
  const int64_t pixels = shape.out_pixels(), positions = positions_of(shape.kernel);
  const int64_t ic = shape.ic / shape.groups, oc = shape.oc / shape.groups;
  QuantizedEpilogueCase epilogue(random, pixels, shape.oc, true, shape.groups == 1,
                                 std::max<int64_t>(positions_of(shape.out), 1));
  const DType type = epilogue.types().dst;
  const auto size = [](int64_t count, int64_t channels, int64_t stride) {
    return static_cast<std::size_t>(count == 0 ? 0 : (count - 1) * stride + channels);
  };
  Bytes src(size(shape.batch * positions_of(shape.in), shape.ic, shape.src_pixel_stride));
  Bytes weights(static_cast<std::size_t>(shape.oc * ic * positions));
  Bytes want(size(pixels, shape.oc, shape.dst_pixel_stride) * size_of(type)), before(want.size());
  for (Bytes* buffer : {&src, &weights, &want}) fill_bits(random, *buffer);
  std::copy_n(want.data(), want.size(), before.data());

  // [positions * ic, oc] with zeros where a channel belongs to another group.
  const int64_t depth = positions * shape.ic;
  Bytes matrix_b(static_cast<std::size_t>(depth * shape.oc));
  std::fill_n(matrix_b.data(), matrix_b.size(), uint8_t{0});
  std::vector<int32_t> sums(static_cast<std::size_t>(shape.oc), 0);
  for (int64_t o = 0; o < shape.oc; ++o)
    for (int64_t c = 0; c < ic; ++c)
      for (int64_t p = 0; p < positions; ++p) {
        const uint8_t weight = weights[static_cast<std::size_t>((o * ic + c) * positions + p)];
        matrix_b[static_cast<std::size_t>((p * shape.ic + o / oc * ic + c) * shape.oc + o)] = weight;
        sums[static_cast<std::size_t>(o)] += static_cast<int8_t>(weight);
      }
  epilogue.set_weight_sums(sums, positions * ic);
  const auto padding = static_cast<uint8_t>(epilogue.src_zero_point());
  Bytes windows(static_cast<std::size_t>(pixels * depth));
  gather_windows(shape, src, padding, epilogue.src_zero_points(), windows);
  const auto operands = epilogue.operands();
  QuantizedMatMul product = epilogue.product();
  product.a = matrix(DType::kU8, windows, pixels, depth, depth);
  product.b = matrix(DType::kS8, matrix_b, depth, shape.oc, shape.oc);
  product.dst = matrix(type, want, pixels, shape.oc, shape.dst_pixel_stride);
  product.operands = operands;
  quantized_matmul_reference(product);

  const PackedConv layout = packed_weights(shape, Packing::kN16K4);
  Bytes packed(static_cast<std::size_t>(layout.bytes()));
  pack_conv(layout, weights.data(), packed.data());
  for (const TileSetPtr& tiles : test::tiles_of(epilogue.types(), epilogue.desc())) {
    const ConvKernel conv(tiles, shape);
    Bytes scratch(conv.scratch_bytes());
    const uint8_t one = epilogue.src_zero_points() != nullptr ? 0 : padding;  // not read beside several
    for (const int64_t blocks : {conv.blocks(1), conv.blocks(4), pick(random, 1, 12)}) {
      Bytes got(want.size());
      std::copy_n(before.data(), before.size(), got.data());
      fill_bits(random, scratch);
      for (int64_t block = blocks - 1; block >= 0; --block)
        conv.run({src.data(), packed.data(), got.data(), epilogue.args(), one, epilogue.src_zero_points()}, block,
                 blocks, reinterpret_cast<std::byte*>(scratch.data()));
      ASSERT_TRUE(same_elements(type, got, want))
          << tiles->desc().name() << ' ' << describe(shape) << " blocks=" << blocks;
    }
  }
}

/// Sets out from the rest and `pad_end`; false when the kernel does not fit.
bool set_out(ConvShape& shape, std::size_t d, int64_t pad_end) {
  const int64_t room = shape.in[d] + shape.pads_begin[d] + pad_end - (shape.kernel[d] - 1) * shape.dilations[d] - 1;
  shape.out[d] = room < 0 ? 0 : room / shape.strides[d] + 1;
  return room >= 0;
}

TEST(QuantizedConv, RandomSizesStridesAndEpilogues) {
  Random random(1);
  for (int i = 0; i < tegula::test::rounds(500) && !testing::Test::HasFatalFailure(); ++i) {
    ConvShape shape;
    shape.batch = pick(random, 0, 4);
    shape.groups = one_in(random, 4) ? pick(random, 2, 4) : 1;
    shape.groups_per_block = shape.groups > 1 && one_in(random, 2) ? shape.groups : 1;
    shape.ic = shape.groups * pick(random, 1, one_in(random, 2) ? 4 : 20);
    shape.oc = shape.groups * pick(random, 1, 36);
    const int spatial = static_cast<int>(pick(random, 1, 3));
    bool fits = true;
    for (auto d = static_cast<std::size_t>(3 - spatial); d < 3; ++d) {
      shape.in[d] = pick(random, 1, spatial == 3 ? 5 : 10);
      shape.kernel[d] = one_in(random, 3) ? 1 : pick(random, 1, 4);
      shape.strides[d] = pick(random, 1, 3);
      shape.dilations[d] = pick(random, 1, 2);
      shape.pads_begin[d] = pick(random, -1, 2);  // negative: cropped
      fits = set_out(shape, d, pick(random, 0, 2)) && fits;
    }
    if (fits) check(random, shape);
  }
}

ConvShape square(int64_t ic, int64_t oc, int64_t size, int64_t kernel, int64_t stride, int64_t batch = 1) {
  ConvShape shape;
  shape.batch = batch;
  shape.ic = ic;
  shape.oc = oc;
  for (const std::size_t d : {1, 2}) {
    shape.in[d] = size;
    shape.kernel[d] = kernel;
    shape.strides[d] = stride;
    shape.pads_begin[d] = (kernel - 1) / 2;
    set_out(shape, d, (kernel - 1) / 2);
  }
  return shape;
}

/// Without the padding: the outer outputs are left out.
ConvShape cropped(ConvShape shape) {
  for (const std::size_t d : {1, 2}) {
    shape.pads_begin[d] = 0;
    set_out(shape, d, 0);
  }
  return shape;
}

TEST(QuantizedConv, ShapesOfNetworks) {
  Random random(2);
  check(random, square(3, 20, 31, 7, 2));     // a first layer: taps are kernel rows
  check(random, square(8, 40, 14, 1, 1, 2));  // a gemm
  check(random, square(8, 40, 15, 1, 2));     // strided without padding: straight from the source
  check(random, square(40, 24, 14, 3, 1));
  check(random, square(72, 8, 6, 3, 1));       // three taps of 18 rows side by side, where 54 would be stored as 56
  check(random, square(70, 16, 7, 3, 1, 3));   // several images in one band; rows of zeros in the panels
  check(random, square(2800, 3, 4, 3, 1));     // K in chunks of taps
  check(random, square(64, 40, 14, 3, 1));     // lines that tiles of AMX cross: with padding ...
  check(random, square(32, 33, 15, 3, 2, 2));  // ... every second row and pixel ...
  check(random, square(64, 20, 14, 1, 2, 2));  // ... of which nothing else is read ...
  check(random, cropped(square(32, 20, 11, 3, 1)));                       // ... and in the source itself
  for (int i = 0; i < 20; ++i) check(random, square(8, 40, 5, 1, 1, 7));  // a gemm whose tiles cross images
}

TEST(QuantizedConv, MoreLinesThanSumsAreKeptFor) {
  Random random(3);
  ConvShape shape = square(2, 3, 1, 1, 1);
  shape.in[2] = 1300;
  shape.kernel[2] = 3;
  set_out(shape, 2, 0);
  for (int i = 0; i < 6; ++i) check(random, shape);
}

}  // namespace
}  // namespace tegula::kernels
