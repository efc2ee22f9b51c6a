#include <gtest/gtest.h>

#include "kernels/conv/conv.h"
#include "kernels/conv/reference.h"
#include "tests/kernels/gemm/epilogue_case.h"
#include "tests/support/rounds.h"

namespace tegula::kernels {
namespace {

using test::EpilogueCase;
using test::fill;
using test::Floats;
using test::pick;
using test::Random;
using test::same_bits;

/// A channels-last tensor seen as [n, channels, spatial...].
TensorView channels_first(float* data, int64_t batch, int64_t channels, int64_t pixel_stride,
                          std::span<const int64_t> spatial) {
  TensorView view;
  view.rank = static_cast<int>(spatial.size()) + 2;
  view.data = reinterpret_cast<std::byte*>(data);
  view.dims[0] = batch;
  view.dims[1] = channels;
  view.strides[1] = 1;
  int64_t stride = pixel_stride;
  for (std::size_t d = spatial.size(); d-- > 0;) {
    view.dims[d + 2] = spatial[d];
    view.strides[d + 2] = stride;
    stride *= spatial[d];
  }
  view.strides[0] = stride;
  return view;
}

/// Rows of [pixels, channels] as [n, channels, spatial...], broadcast where they have one row or one column.
TensorView operand_view(const TensorView& rows, int64_t batch, std::span<const int64_t> spatial) {
  TensorView view = channels_first(rows.as<float>(), batch, rows.dims[1], rows.strides[0], spatial);
  if (rows.strides[0] != 0) return view;
  for (int d = 0; d < view.rank; ++d)
    if (d != 1) view.dims[d] = 1;
  return view;
}

int64_t product(std::span<const int64_t> sizes) {
  return element_count(sizes);
}

struct Case {
  ConvShape shape;
  int spatial = 2;  ///< dimensions
};

std::string describe(const Case& c) {
  std::string text =
      concat("batch=", c.shape.batch, " ic=", c.shape.ic, " oc=", c.shape.oc, " groups=", c.shape.groups);
  for (int d = 3 - c.spatial; d < 3; ++d) {
    text += concat(" | in=", c.shape.in[d], " k=", c.shape.kernel[d], " s=", c.shape.strides[d],
                   " d=", c.shape.dilations[d], " pad=", c.shape.pads_begin[d], " out=", c.shape.out[d]);
  }
  return text;
}

void check(Random& random, Case c) {
  ConvShape& shape = c.shape;
  shape.src_pixel_stride = shape.ic + pick(random, 0, 1) * 3;
  shape.dst_pixel_stride = shape.oc + pick(random, 0, 1) * 5;
  const auto first = static_cast<std::size_t>(3 - c.spatial);
  const auto of = [&](const std::array<int64_t, 3>& sizes) {
    return std::vector<int64_t>(sizes.begin() + first, sizes.end());
  };
  const int64_t in_pixels = shape.batch * product(shape.in), out_pixels = shape.out_pixels();
  const int64_t ic_per_group = shape.ic / shape.groups;

  const auto size = [](int64_t pixels, int64_t channels, int64_t stride) {
    return static_cast<std::size_t>(pixels == 0 ? 0 : (pixels - 1) * stride + channels);
  };
  Floats src(size(in_pixels, shape.ic, shape.src_pixel_stride)),
      want(size(out_pixels, shape.oc, shape.dst_pixel_stride));
  Floats weights(static_cast<std::size_t>(shape.oc * ic_per_group * product(shape.kernel))), before(want.size());
  for (Floats* buffer : {&src, &want, &weights}) fill(random, *buffer);
  std::copy_n(want.data(), want.size(), before.data());
  const EpilogueCase epilogue(random, out_pixels, shape.oc);

  std::vector<int64_t> weight_dims{shape.oc, ic_per_group};
  for (const int64_t extent : of(shape.kernel)) weight_dims.push_back(extent);
  std::vector<TensorView> operands;
  for (const TensorView& rows : epilogue.operands()) operands.push_back(operand_view(rows, shape.batch, of(shape.out)));
  conv_reference({of(shape.strides), of(shape.dilations), of(shape.pads_begin), shape.groups, epilogue.desc()},
                 epilogue.alpha(),
                 channels_first(src.data(), shape.batch, shape.ic, shape.src_pixel_stride, of(shape.in)),
                 TensorView::contiguous(DType::kF32, weight_dims, weights.data()), epilogue.bias(), operands,
                 channels_first(want.data(), shape.batch, shape.oc, shape.dst_pixel_stride, of(shape.out)));

  const PackedConv layout = packed_weights(shape);
  Floats packed(static_cast<std::size_t>(layout.bytes()) / sizeof(float));
  pack_conv(layout, weights.data(), packed.data());
  for (const TileIsa isa : test::runnable_isas()) {
    const auto tiles = build_tiles({isa, epilogue.desc()});
    ASSERT_TRUE(tiles.ok()) << tiles.error().message;
    const ConvKernel conv(*tiles, shape);
    Floats scratch(conv.scratch_bytes() / sizeof(float));
    for (const int64_t blocks : {conv.blocks(1), conv.blocks(4), pick(random, 1, 12)}) {
      Floats got(want.size());
      std::copy_n(before.data(), before.size(), got.data());
      fill(random, scratch);
      for (int64_t block = blocks - 1; block >= 0; --block)
        conv.run({src.data(), packed.data(), got.data(), epilogue.args()}, block, blocks,
                 reinterpret_cast<std::byte*>(scratch.data()));
      ASSERT_TRUE(same_bits({got.data(), got.size()}, {want.data(), want.size()}))
          << (*tiles)->desc().name() << ' ' << describe(c) << " blocks=" << blocks;
    }
  }
}

/// Sets out from the rest and `pad_end`; false when the kernel does not fit.
bool set_out(ConvShape& shape, std::size_t d, int64_t pad_end) {
  const int64_t room = shape.in[d] + shape.pads_begin[d] + pad_end - (shape.kernel[d] - 1) * shape.dilations[d] - 1;
  shape.out[d] = room < 0 ? 0 : room / shape.strides[d] + 1;
  return room >= 0;
}

TEST(Conv, RandomSizesStridesAndEpilogues) {
  Random random(1);
  for (int i = 0; i < tegula::test::rounds(80) && !testing::Test::HasFatalFailure(); ++i) {
    Case c;
    c.shape.batch = pick(random, 0, 2);
    c.shape.groups = random() % 4 == 0 ? pick(random, 2, 4) : 1;
    c.shape.ic = c.shape.groups * pick(random, 1, 20);
    c.shape.oc = c.shape.groups * pick(random, 1, 36);
    c.spatial = static_cast<int>(pick(random, 1, 3));
    bool fits = true;
    for (auto d = static_cast<std::size_t>(3 - c.spatial); d < 3; ++d) {
      c.shape.in[d] = pick(random, 1, c.spatial == 3 ? 6 : 12);
      c.shape.kernel[d] = random() % 3 == 0 ? 1 : pick(random, 1, 4);
      c.shape.strides[d] = pick(random, 1, 3);
      c.shape.dilations[d] = pick(random, 1, 2);
      c.shape.pads_begin[d] = pick(random, -1, 2);  // negative: cropped
      fits = set_out(c.shape, d, pick(random, 0, 2)) && fits;
    }
    if (fits) check(random, c);
  }
}

Case square(int64_t ic, int64_t oc, int64_t size, int64_t kernel, int64_t stride, int64_t batch = 1) {
  Case c;
  c.shape.batch = batch;
  c.shape.ic = ic;
  c.shape.oc = oc;
  for (const std::size_t d : {1, 2}) {
    c.shape.in[d] = size;
    c.shape.kernel[d] = kernel;
    c.shape.strides[d] = stride;
    c.shape.pads_begin[d] = (kernel - 1) / 2;
    set_out(c.shape, d, (kernel - 1) / 2);
  }
  return c;
}

TEST(Conv, ShapesOfNetworks) {
  Random random(2);
  check(random, square(3, 20, 31, 7, 2));     // a first layer: taps are kernel rows
  check(random, square(8, 40, 14, 1, 1, 2));  // a gemm
  check(random, square(8, 40, 15, 1, 2));     // strided without padding: straight from the source
  check(random, square(40, 24, 28, 3, 1));
  check(random, square(70, 16, 7, 3, 1, 3));  // several images in one band
  check(random, square(700, 17, 4, 3, 1));    // K in chunks of taps
  check(random, square(33, 400, 5, 3, 1));    // more weights than stay in L2
}

TEST(Conv, NothingButPadding) {
  Random random(3);
  Case c = square(3, 5, 2, 2, 1);
  for (const std::size_t d : {1, 2}) {
    c.shape.pads_begin[d] = 5;
    set_out(c.shape, d, 5);
  }
  check(random, c);
  c = square(2, 3, 4, 1, 1);
  c.shape.batch = 0;
  check(random, c);
}

TEST(Conv, SourceWithoutPixels) {
  Random random(4);
  Case c = square(3, 5, 0, 3, 1);
  for (const std::size_t d : {1, 2}) {
    c.shape.pads_begin[d] = 2;
    set_out(c.shape, d, 2);
  }
  check(random, c);
}

}  // namespace
}  // namespace tegula::kernels
