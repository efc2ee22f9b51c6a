// Copy, transpose, slice, concatenate, pad and gather against an index-by-index definition of each, over random
// dimensions, element types and strides, with every operand ending at an unmapped page.
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "kernels/concat/concat.h"
#include "kernels/copy/copy.h"
#include "kernels/copy/strided_copy.h"
#include "kernels/copy/transpose_kernel.h"
#include "kernels/gather/gather.h"
#include "kernels/pad/pad.h"
#include "kernels/slice/slice.h"
#include "kernels/transpose/transpose.h"
#include "tests/support/strided_tensor.h"

namespace tegula::kernels {
namespace {

using Layout = test::StridedTensor::Layout;
using Index = std::vector<int64_t>;

constexpr DType kTypes[] = {DType::kF32, DType::kU8, DType::kBF16, DType::kS64};

class Random {
 public:
  explicit Random(uint32_t seed) : engine(seed) {}
  int64_t below(int64_t n) { return static_cast<int64_t>(engine() % static_cast<uint32_t>(n)); }
  Dims dims(int rank, int64_t largest) {
    Dims result;
    for (int d = 0; d < rank; ++d) result.push_back(below(8) == 0 ? below(2) : 1 + below(largest));
    return result;
  }
  DType type() { return kTypes[below(4)]; }
  Layout layout() { return below(2) == 0 ? Layout::kContiguous : Layout::kRandom; }
  std::mt19937 engine;
};

// Checks that every element of dst holds what `source` gives for its index, and that nothing else changed.
void expect_elements(test::StridedTensor& dst, const std::vector<std::byte>& before,
                     const std::function<const std::byte*(const Index&)>& source) {
  const TensorView& view = dst.view();
  const std::size_t size = size_of(view.dtype);
  OffsetWalk<1> walk(view.shape(), {&view});
  for (int64_t i = 0; i < walk.count(); ++i, walk.next()) {
    const Index index(walk.index().begin(), walk.index().begin() + view.rank);
    ASSERT_EQ(std::memcmp(dst.element(index), source(index), size), 0)
        << "at " << to_string(index) << " of " << to_string(view.shape());
  }
  if (before.empty()) return;  // contiguous: nothing lies between elements
  const std::vector<bool> mask = dst.element_mask();
  const std::vector<std::byte> after = dst.bytes();
  for (std::size_t b = 0; b < mask.size(); ++b)
    ASSERT_TRUE(mask[b] || before[b] == after[b]) << "byte " << b << " lies between elements";
}

TEST(StridedCopy, CopiesWhateverTheUnitsAreSplitInto) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const DType type = random.type();
    const Dims dims = random.dims(static_cast<int>(random.below(5)), seed % 10 == 0 ? 60 : 9);
    test::StridedTensor src(type, dims, random.layout(), random.engine),
        dst(type, dims, random.layout(), random.engine);
    const StridedCopy plan(size_of(type), dims, src.view().strides, dst.view().strides);
    EXPECT_EQ(plan.bytes(), element_count(dims) * static_cast<int64_t>(size_of(type)));
    const auto before = dst.bytes();
    for (int64_t begin = 0; begin < plan.units();) {
      const int64_t end = std::min(plan.units(), begin + 1 + random.below(3));
      plan.run(src.view().data, dst.view().data, begin, end);
      begin = end;
    }
    expect_elements(dst, before, [&](const Index& i) { return src.element(i); });
  }
}

TEST(StridedCopy, LargeCopiesOfEachKindSplitIntoSeveralUnits) {
  struct Case {
    Dims dims;
    std::vector<int64_t> src_strides, dst_strides;
    StridedCopy::Kind kind;
  };
  const Case cases[] = {
      {{100'003}, {1}, {1}, StridedCopy::Kind::kRows},
      {{300, 77}, {80, 1}, {77, 1}, StridedCopy::Kind::kRows},
      {{301, 77}, {1, 301}, {77, 1}, StridedCopy::Kind::kTranspose},
      {{3, 50'021}, {1, 3}, {50'021, 1}, StridedCopy::Kind::kTranspose},
      {{50'021, 3}, {1, 50'021}, {3, 1}, StridedCopy::Kind::kTranspose},
      {{2, 7, 33, 65}, {7 * 33 * 65, 1, 7, 7 * 33}, {7 * 33 * 65, 33 * 65, 65, 1}, StridedCopy::Kind::kTranspose},
      {{100'003}, {3}, {2}, StridedCopy::Kind::kElements},
      {{400, 100}, {1, 0}, {100, 1}, StridedCopy::Kind::kElements},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(to_string(c.dims));
    std::vector<uint32_t> src(310'000), dst(310'000, 0);
    for (std::size_t i = 0; i < src.size(); ++i) src[i] = static_cast<uint32_t>(i + 1);
    const StridedCopy plan(4, c.dims, c.src_strides, c.dst_strides);
    EXPECT_EQ(plan.kind(), c.kind) << plan.name();
    EXPECT_GT(plan.units(), 1);
    plan.run(reinterpret_cast<const std::byte*>(src.data()), reinterpret_cast<std::byte*>(dst.data()), 0, plan.units());
    TensorView from = TensorView::contiguous(DType::kU32, c.dims, src.data()), to = from;
    std::copy(c.src_strides.begin(), c.src_strides.end(), from.strides.begin());
    std::copy(c.dst_strides.begin(), c.dst_strides.end(), to.strides.begin());
    OffsetWalk<2> walk(c.dims, {&from, &to});
    for (int64_t i = 0; i < walk.count(); ++i, walk.next())
      ASSERT_EQ(dst[static_cast<std::size_t>(walk.offset(1))], src[static_cast<std::size_t>(walk.offset(0))]);
  }
}

// Squares of generated code, and edges around them, of every width that this machine has.
TEST(StridedCopy, TransposesWithGeneratedSquares) {
  const jit::CpuFeatures features = jit::CpuFeatures::detect();
  for (const jit::VectorIsa isa : {jit::VectorIsa::kAvx2, jit::VectorIsa::kAvx512}) {
    if (!jit::has(features, isa)) continue;
    for (const DType type : {DType::kU8, DType::kS16, DType::kF32, DType::kS64}) {
      const TransposeCodeDesc desc{isa, static_cast<int>(size_of(type))};
      const auto code = build_transpose(desc);
      ASSERT_TRUE(code.ok()) << code.error().message;
      const TransposeSquares squares = (*code)->squares();
      EXPECT_EQ(squares.side, desc.side());
      EXPECT_EQ(squares.element_bytes, desc.element_bytes);
      for (const int64_t rows : {1, 3, 7, 8, 15, 16, 17, 31, 32, 50}) {
        for (const int64_t columns : {1, 3, 8, 9, 16, 33, 64}) {
          SCOPED_TRACE(concat(desc.name(), " ", rows, "x", columns));
          std::mt19937 random(static_cast<uint32_t>(rows * 100 + columns));
          test::StridedTensor src(type, {columns, rows}, Layout::kContiguous, random),
              dst(type, {rows, columns}, Layout::kContiguous, random);
          const StridedCopy plan(size_of(type), Dims{rows, columns}, Dims{1, rows}, Dims{columns, 1});
          EXPECT_EQ(plan.wants_squares(squares.side), rows >= squares.side && columns >= squares.side);
          plan.run(src.view().data, dst.view().data, 0, plan.units(), squares);
          expect_elements(dst, {}, [&](const Index& i) { return src.element(Index{i[1], i[0]}); });
        }
      }
    }
  }
  EXPECT_FALSE(build_transpose({jit::VectorIsa::kAvx2, 3}).ok());
}

// Code for elements of another size is not used.
TEST(StridedCopy, IgnoresSquaresOfOtherElements) {
  if (!jit::CpuFeatures::detect().avx2) GTEST_SKIP() << "no AVX2 on this machine";
  const auto code = build_transpose({jit::VectorIsa::kAvx2, 4});
  ASSERT_TRUE(code.ok());
  std::mt19937 random(1);
  test::StridedTensor src(DType::kS16, {40, 40}, Layout::kContiguous, random),
      dst(DType::kS16, {40, 40}, Layout::kContiguous, random);
  const StridedCopy plan(2, Dims{40, 40}, Dims{1, 40}, Dims{40, 1});
  plan.run(src.view().data, dst.view().data, 0, plan.units(), (*code)->squares());
  expect_elements(dst, {}, [&](const Index& i) { return src.element(Index{i[1], i[0]}); });
}

TEST(StridedCopy, MergesDimensionsOfContiguousTensors) {
  const StridedCopy plan(4, Dims{2, 3, 4}, Dims{12, 4, 1}, Dims{12, 4, 1});
  EXPECT_EQ(plan.kind(), StridedCopy::Kind::kRows);
  EXPECT_EQ(plan.units(), 1);
}

TEST(StridedCopy, ReadsBackwards) {
  const std::vector<int32_t> src = {1, 2, 3, 4, 5, 6};
  std::vector<int32_t> dst(6, 0);
  const StridedCopy plan(4, Dims{2, 3}, Dims{3, -1}, Dims{3, 1});
  plan.run(reinterpret_cast<const std::byte*>(src.data() + 2), reinterpret_cast<std::byte*>(dst.data()), 0,
           plan.units());
  EXPECT_EQ(dst, (std::vector<int32_t>{3, 2, 1, 6, 5, 4}));
}

TEST(Copy, Broadcasts) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const DType type = random.type();
    const Dims to = random.dims(static_cast<int>(random.below(5)), 7);
    Dims from(to.end() - random.below(static_cast<int64_t>(to.size()) + 1), to.end());
    for (int64_t& dim : from)
      if (random.below(3) == 0) dim = 1;
    test::StridedTensor src(type, from, random.layout(), random.engine), dst(type, to, random.layout(), random.engine);
    const auto before = dst.bytes();
    ASSERT_TRUE(copy(src.view(), dst.view()).ok());
    expect_elements(dst, before, [&](const Index& i) {
      Index j(i.end() - static_cast<std::ptrdiff_t>(from.size()), i.end());
      for (std::size_t d = 0; d < j.size(); ++d)
        if (from[d] == 1) j[d] = 0;
      return src.element(j);
    });
  }
}

TEST(Copy, RefusesShapesAndTypesThatDoNotFit) {
  float x[6] = {}, y[6] = {};
  int32_t z[6] = {};
  const Status shapes =
      copy(TensorView::contiguous(DType::kF32, Dims{2}, x), TensorView::contiguous(DType::kF32, Dims{2, 3}, y));
  ASSERT_FALSE(shapes.ok());
  EXPECT_EQ(shapes.error().message, "copy: f32[2] does not broadcast to f32[2,3]");
  EXPECT_FALSE(
      copy(TensorView::contiguous(DType::kF32, Dims{2, 3}, x), TensorView::contiguous(DType::kF32, Dims{3}, y)).ok());
  EXPECT_FALSE(
      copy(TensorView::contiguous(DType::kS32, Dims{6}, z), TensorView::contiguous(DType::kF32, Dims{6}, y)).ok());
}

TEST(Transpose, MovesEveryElement) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const DType type = random.type();
    TransposeDesc desc{.rank = static_cast<int>(random.below(6))};
    for (int d = 0; d < desc.rank; ++d) desc.perm[d] = d;
    std::shuffle(desc.perm.begin(), desc.perm.begin() + desc.rank, random.engine);
    const Dims from = random.dims(desc.rank, desc.rank <= 3 ? 40 : 6);
    Dims to;
    for (int d = 0; d < desc.rank; ++d) to.push_back(from[static_cast<std::size_t>(desc.perm[d])]);
    test::StridedTensor src(type, from, random.layout(), random.engine), dst(type, to, random.layout(), random.engine);
    const auto before = dst.bytes();
    ASSERT_TRUE(transpose(desc, src.view(), dst.view()).ok());
    expect_elements(dst, before, [&](const Index& i) {
      Index j(i.size());
      for (std::size_t d = 0; d < i.size(); ++d) j[static_cast<std::size_t>(desc.perm[d])] = i[d];
      return src.element(j);
    });
  }
}

TEST(Transpose, RefusesWhatIsNoPermutation) {
  float x[6] = {}, y[6] = {};
  const auto view = [](float* p, Dims dims) { return TensorView::contiguous(DType::kF32, dims, p); };
  EXPECT_TRUE(transpose({2, {1, 0}}, view(x, {2, 3}), view(y, {3, 2})).ok());
  EXPECT_FALSE(transpose({2, {1, 1}}, view(x, {2, 3}), view(y, {3, 3})).ok());
  EXPECT_FALSE(transpose({2, {1, 2}}, view(x, {2, 3}), view(y, {3, 2})).ok());
  EXPECT_FALSE(transpose({2, {-1, 0}}, view(x, {2, 3}), view(y, {3, 2})).ok());
  EXPECT_FALSE(transpose({2, {0, 1}}, view(x, {2, 3}), view(y, {3, 2})).ok());
  EXPECT_FALSE(transpose({1, {0}}, view(x, {2, 3}), view(y, {3, 2})).ok());
}

TEST(Slice, TakesStepsInBothDirections) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const DType type = random.type();
    SliceDesc desc{.rank = static_cast<int>(random.below(5))};
    const Dims from = random.dims(desc.rank, 12);
    Dims to;
    for (int d = 0; d < desc.rank; ++d) {
      const int64_t size = from[static_cast<std::size_t>(d)];
      desc.starts[d] = size == 0 ? 0 : random.below(size);
      desc.steps[d] = (1 + random.below(3)) * (random.below(2) == 0 ? 1 : -1);
      const int64_t room = desc.steps[d] > 0 ? size - desc.starts[d] : desc.starts[d] + 1;
      to.push_back(size == 0 ? 0 : random.below((room + std::abs(desc.steps[d]) - 1) / std::abs(desc.steps[d]) + 1));
    }
    test::StridedTensor src(type, from, random.layout(), random.engine), dst(type, to, random.layout(), random.engine);
    const auto before = dst.bytes();
    ASSERT_TRUE(slice(desc, src.view(), dst.view()).ok());
    expect_elements(dst, before, [&](const Index& i) {
      Index j(i.size());
      for (std::size_t d = 0; d < i.size(); ++d) j[d] = desc.starts[d] + i[d] * desc.steps[d];
      return src.element(j);
    });
  }
}

TEST(Slice, RefusesIndicesOutsideTheSource) {
  float x[8] = {}, y[8] = {};
  const auto run = [&](int64_t start, int64_t step, int64_t count) {
    return slice({1, {start}, {step}}, TensorView::contiguous(DType::kF32, Dims{4}, x),
                 TensorView::contiguous(DType::kF32, Dims{count}, y))
        .ok();
  };
  EXPECT_TRUE(run(0, 1, 4));
  EXPECT_TRUE(run(3, -1, 4));
  EXPECT_TRUE(run(3, INT64_MAX, 1));
  EXPECT_TRUE(run(9, 0, 0)) << "nothing is taken";
  EXPECT_FALSE(run(0, 1, 5));
  EXPECT_FALSE(run(0, 0, 2));
  EXPECT_FALSE(run(4, 1, 1));
  EXPECT_FALSE(run(-1, 1, 1));
  EXPECT_FALSE(run(2, -1, 4));
  EXPECT_FALSE(run(1, INT64_MAX, 2));
  EXPECT_FALSE(run(1, INT64_MIN, 3));
}

TEST(Concatenate, PutsPartsOneAfterTheOther) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const DType type = random.type();
    const int rank = 1 + static_cast<int>(random.below(4));
    const int axis = static_cast<int>(random.below(rank));
    Dims dims = random.dims(rank, 7);
    std::vector<std::unique_ptr<test::StridedTensor>> parts;
    std::vector<TensorView> views;
    int64_t total = 0;
    for (int64_t p = random.below(5); p >= 0; --p) {
      dims[static_cast<std::size_t>(axis)] = random.below(6);
      total += dims[static_cast<std::size_t>(axis)];
      parts.push_back(std::make_unique<test::StridedTensor>(type, dims, random.layout(), random.engine));
      views.push_back(parts.back()->view());
    }
    dims[static_cast<std::size_t>(axis)] = total;
    test::StridedTensor dst(type, dims, random.layout(), random.engine);
    const auto before = dst.bytes();
    ASSERT_TRUE(concatenate(axis, views, dst.view()).ok());
    expect_elements(dst, before, [&](const Index& i) {
      Index j = i;
      int64_t& at = j[static_cast<std::size_t>(axis)];
      std::size_t p = 0;
      while (at >= views[p].dims[axis]) at -= views[p++].dims[axis];
      return parts[p]->element(j);
    });
  }
}

TEST(Concatenate, RefusesPartsThatDoNotFit) {
  float x[8] = {}, y[8] = {};
  const auto view = [](float* p, Dims dims) { return TensorView::contiguous(DType::kF32, dims, p); };
  const auto run = [&](int axis, std::vector<TensorView> parts, Dims dims) {
    return concatenate(axis, parts, view(y, dims)).ok();
  };
  EXPECT_TRUE(run(0, {view(x, {1, 2}), view(x, {2, 2})}, {3, 2}));
  EXPECT_FALSE(run(0, {view(x, {1, 2}), view(x, {2, 2})}, {4, 2}));
  EXPECT_FALSE(run(0, {view(x, {1, 2}), view(x, {2, 2})}, {2, 2}));
  EXPECT_FALSE(run(1, {view(x, {1, 2}), view(x, {2, 2})}, {3, 2}));
  EXPECT_FALSE(run(2, {view(x, {1, 2})}, {1, 2}));
  EXPECT_FALSE(run(-1, {view(x, {1, 2})}, {1, 2}));
  EXPECT_FALSE(run(0, {view(x, {2})}, {2, 1}));
}

// The definition of each mode, written as NumPy's documentation puts it and independently of the kernel.
int64_t padded_source(PadMode mode, int64_t i, int64_t size) {
  while (i < 0 || i >= size) {
    switch (mode) {
      case PadMode::kConstant: return -1;
      case PadMode::kEdge: i = std::clamp<int64_t>(i, 0, size - 1); break;
      case PadMode::kReflect: i = size == 1 ? 0 : i < 0 ? -i : 2 * (size - 1) - i; break;
      case PadMode::kWrap: i += i < 0 ? size : -size; break;
    }
  }
  return i;
}

TEST(Pad, FillsEveryMode) {
  for (uint32_t seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const DType type = random.type();
    PadDesc desc{.mode = static_cast<PadMode>(seed % 4), .rank = static_cast<int>(random.below(5))};
    Dims from = random.dims(desc.rank, 9), to;
    for (int d = 0; d < desc.rank; ++d) {
      int64_t& size = from[static_cast<std::size_t>(d)];
      if (desc.mode != PadMode::kConstant) size = std::max<int64_t>(size, 1);
      desc.begins[d] = random.below(2) == 0 ? 0 : random.below(14) - 4;
      to.push_back(std::max<int64_t>(size + desc.begins[d] + random.below(8) - 3, 0));
    }
    test::StridedTensor src(type, from, random.layout(), random.engine), dst(type, to, random.layout(), random.engine);
    const std::byte fill[8] = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}, std::byte{5}};
    const std::byte zero[8] = {};
    const bool has_fill = random.below(2) == 0;
    const auto before = dst.bytes();
    ASSERT_TRUE(pad(desc, src.view(), has_fill ? fill : nullptr, dst.view()).ok());
    expect_elements(dst, before, [&](const Index& i) -> const std::byte* {
      Index j(i.size());
      for (std::size_t d = 0; d < i.size(); ++d) {
        j[d] = padded_source(desc.mode, i[d] - desc.begins[d], from[d]);
        if (j[d] < 0) return has_fill ? fill : zero;
      }
      return src.element(j);
    });
  }
}

TEST(Pad, RefusesToTakeElementsFromNothing) {
  float y[4] = {};
  const TensorView empty = TensorView::contiguous(DType::kF32, Dims{0}, y),
                   dst = TensorView::contiguous(DType::kF32, Dims{2}, y);
  EXPECT_TRUE(pad({PadMode::kConstant, 1, {1}}, empty, nullptr, dst).ok());
  EXPECT_FALSE(pad({PadMode::kEdge, 1, {1}}, empty, nullptr, dst).ok());
  EXPECT_FALSE(pad({PadMode::kConstant, 1, {INT64_MIN}}, empty, nullptr, dst).ok());
}

TEST(Gather, TakesRowsByIndex) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const DType type = random.type();
    const int rank = 1 + static_cast<int>(random.below(4)), axis = static_cast<int>(random.below(rank));
    Dims from = random.dims(rank, 9);
    from[static_cast<std::size_t>(axis)] = 1 + random.below(20);
    const Dims index_dims = random.dims(static_cast<int>(random.below(4)), 6);
    Dims to(from.begin(), from.begin() + axis);
    to.insert(to.end(), index_dims.begin(), index_dims.end());
    to.insert(to.end(), from.begin() + axis + 1, from.end());
    const bool wide = random.below(2) == 0;
    test::StridedTensor src(type, from, random.layout(), random.engine), dst(type, to, random.layout(), random.engine);
    test::StridedTensor indices(wide ? DType::kS64 : DType::kS32, index_dims, random.layout(), random.engine);
    OffsetWalk<1> walk(index_dims, {&indices.view()});
    const int64_t size = from[static_cast<std::size_t>(axis)];
    for (int64_t i = 0; i < walk.count(); ++i, walk.next()) {
      const int64_t index = random.below(2 * size) - size;
      if (wide) {
        indices.view().as<int64_t>()[walk.offset(0)] = index;
      } else {
        indices.view().as<int32_t>()[walk.offset(0)] = static_cast<int32_t>(index);
      }
    }
    const auto before = dst.bytes();
    ASSERT_TRUE(gather(axis, src.view(), indices.view(), dst.view()).ok());
    expect_elements(dst, before, [&](const Index& i) {
      const auto a = static_cast<std::ptrdiff_t>(axis), n = static_cast<std::ptrdiff_t>(index_dims.size());
      const std::byte* p = indices.element(Index(i.begin() + a, i.begin() + a + n));
      int64_t index = 0;
      if (wide) {
        std::memcpy(&index, p, 8);
      } else {
        int32_t narrow;
        std::memcpy(&narrow, p, 4);
        index = narrow;
      }
      Index j(i.begin(), i.begin() + a);
      j.push_back(index < 0 ? index + size : index);
      j.insert(j.end(), i.begin() + a + n, i.end());
      return src.element(j);
    });
  }
}

TEST(Gather, RefusesIndicesOutOfRange) {
  const float x[3] = {1, 2, 3};
  float y[1] = {};
  for (const int32_t index : {3, -4, INT32_MAX, INT32_MIN}) {
    const Status status =
        gather(0, TensorView::contiguous(DType::kF32, Dims{3}, x), TensorView::contiguous(DType::kS32, Dims{1}, &index),
               TensorView::contiguous(DType::kF32, Dims{1}, y));
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().message, concat("gather: index ", index, " at position 0 is outside of [-3, 3)"));
  }
}

TEST(Gather, RefusesShapesThatDoNotFit) {
  const TensorView src = TensorView::contiguous(DType::kF32, Dims{3, 4}, static_cast<void*>(nullptr));
  const TensorView indices = TensorView::contiguous(DType::kS64, Dims{2}, static_cast<void*>(nullptr));
  const auto dst = [](Dims dims) { return TensorView::contiguous(DType::kF32, dims, static_cast<void*>(nullptr)); };
  EXPECT_TRUE(check_gather(0, src, indices, dst({2, 4})).ok());
  EXPECT_TRUE(check_gather(1, src, indices, dst({3, 2})).ok());
  EXPECT_FALSE(check_gather(2, src, indices, dst({3, 2})).ok());
  EXPECT_FALSE(check_gather(-1, src, indices, dst({3, 2})).ok());
  EXPECT_FALSE(check_gather(0, src, indices, dst({3, 2})).ok());
  EXPECT_FALSE(check_gather(0, src, src, dst({3, 4, 4})).ok());
}

}  // namespace
}  // namespace tegula::kernels
