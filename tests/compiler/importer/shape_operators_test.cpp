// What the importer makes of operators that shapes depend on, above all where sizes are symbols.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/compiler/importer/model_text.h"

namespace tegula::compiler {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// The line of the graph that makes %y.
std::string line_of_y(const std::string& graph, int opset = 21) {
  const std::string text = imported(graph, {}, opset);
  const auto at = text.find("%y = ");
  return at == std::string::npos ? text : text.substr(at, text.find('\n', at) - at);
}

// ---------------------------------------------------------------- reshapes

TEST(Reshape, ResolvesZeroAndMinusOne) {
  EXPECT_THAT(line_of_y("(float[N,3,4] x) => (float[A,B] y) <int64[2] s = {0, -1}> { y = Reshape(x, s) }"),
              HasSubstr("f32[N,12]"));
  EXPECT_THAT(line_of_y("(float[N,3,4] x) => (float[A,B] y) <int64[2] s = {-1, 6}> { y = Reshape(x, s) }"),
              HasSubstr("f32[2*N,6]"));
  EXPECT_THAT(line_of_y("(float[0,3] x) => (float[A,B] y) <int64[2] s = {3, 0}> { y = Reshape<allowzero = 1>(x, s) }"),
              HasSubstr("f32[3,0]"));
  EXPECT_THAT(line_of_y("(float[2,3] x) => (float[A] y) <int64[2] s = {-1, -1}> { y = Reshape(x, s) }"),
              HasSubstr("two sizes are -1"));
  EXPECT_THAT(line_of_y("(float[2,3] x) => (float[A] y) <int64[1] s = {7}> { y = Reshape(x, s) }"),
              HasSubstr("cannot become"));
}

TEST(Reshape, TakesSizesThatAreComputedFromShapes) {
  const std::string graph = imported(R"((float[N,C,H,W] x) => (float[A,B,D] y)
      <int64[1] two = {2}, int64[1] minus = {-1}> {
        s = Shape<start = 0, end = 2>(x)
        t = Concat<axis = 0>(s, minus)
        y = Reshape(x, t)
      })");
  EXPECT_THAT(graph, HasSubstr("%y = reshape(%x) {shape=[N,C,H*W]}"));
  EXPECT_THAT(graph, Not(HasSubstr("concat")));
}

TEST(Reshape, ReadsAnInputOfTheModelWhenBinding) {
  EXPECT_THAT(imported("(float[N,6] x, int64[2] s) => (float[A,B] y) { y = Reshape(x, s) }"),
              AllOf(HasSubstr("%s: s64[2] holds ['s[0]','s[1]']"), HasSubstr("select(equal('s[0]', -1)"),
                    HasSubstr("require equal")));
}

TEST(Squeeze, WithoutAxesTakesTheOnesThatAreKnown) {
  EXPECT_THAT(line_of_y("(float[1,3,1] x) => (float[A] y) { y = Squeeze(x) }"), HasSubstr("f32[3]"));
  EXPECT_THAT(imported("(float[1,N] x) => (float[A] y) { y = Squeeze(x) }"),
              AllOf(HasSubstr("f32[N]"), HasSubstr("require equal(equal(N, 1), 0)")));
  EXPECT_THAT(line_of_y("(float[2,3] x) => (float[A] y) <int64[1] a = {0}> { y = Squeeze(x, a) }"), HasSubstr("not 1"));
}

TEST(Unsqueeze, CountsAxesOfTheOutput) {
  EXPECT_THAT(line_of_y("(float[2,N] x) => (float[A] y) <int64[2] a = {-1, 0}> { y = Unsqueeze(x, a) }"),
              HasSubstr("f32[1,2,N,1]"));
  EXPECT_THAT(line_of_y("(float[2,N] x) => (float[A] y) { y = Unsqueeze<axes = [1]>(x) }", 11),
              HasSubstr("f32[2,1,N]"));
}

// ---------------------------------------------------------------- slices

TEST(Slice, ClampsBounds) {
  const auto slice = [](const std::string& start, const std::string& end, const std::string& step) {
    return line_of_y("(float[N] x) => (float[M] y) <int64[1] s = {" + start + "}, int64[1] e = {" + end +
                     "}, int64[1] a = {0}, int64[1] t = {" + step + "}> { y = Slice(x, s, e, a, t) }");
  };
  EXPECT_THAT(slice("1", "9223372036854775807", "1"), HasSubstr("sizes=[N - min(N, 1)]"));
  EXPECT_THAT(slice("0", "-1", "1"), HasSubstr("sizes=[max(N - 1, 0)]"));
  EXPECT_THAT(slice("-3", "9223372036854775807", "1"), HasSubstr("starts=[max(N - 3, 0)]"));
  EXPECT_THAT(slice("-1", "-9223372036854775807", "-1"), HasSubstr("{sizes=[N], starts=[max(N - 1, 0)], steps=[-1]}"));
  EXPECT_THAT(slice("0", "9223372036854775807", "2"), HasSubstr("sizes=[floor_div(N + 1, 2)]"));
}

TEST(Slice, WorksOnConstantShapes) {
  EXPECT_THAT(
      line_of_y("(float[5,7] x) => (float[M] y) <int64[2] s = {-2, 5}, int64[2] e = {9, 1}, int64[2] a = {0, 1}, "
                "int64[2] t = {1, -2}> { y = Slice(x, s, e, a, t) }"),
      AllOf(HasSubstr("starts=[3,5]"), HasSubstr("sizes=[2,2]")));
  EXPECT_THAT(line_of_y("(float[5,7] x) => (float[M] y) { y = Slice<starts = [1], ends = [3], axes = [1]>(x) }", 9),
              HasSubstr("f32[5,2]"));
}

TEST(Slice, MakesShapesDisappear) {
  EXPECT_THAT(line_of_y(R"((float[N,3,H,W] x) => (float[A] y)
      <int64[1] two = {2}, int64[1] four = {4}, int64[1] zero = {0}, float one = {1.0}> {
        s = Shape(x)
        t = Slice(s, two, four, zero)
        y = Expand(one, t)
      })"),
              HasSubstr("{shape=[H,W]} : f32[H,W]"));
}

TEST(Split, SharesTheDimension) {
  EXPECT_THAT(
      imported("(float[N,7] x) => (float[N,3] a, float[N,4] b) <int64[2] s = {3, 4}> { a, b = Split<axis = 1>(x, s) }"),
      AllOf(HasSubstr("f32[N,3]"), HasSubstr("starts=[0,3]")));
  EXPECT_THAT(imported("(float[7] x) => (float[3] a, float[4] b) { a, b = Split<num_outputs = 2>(x) }"),
              AllOf(HasSubstr("f32[4]"), HasSubstr("f32[3]")));
  EXPECT_THAT(imported("(float[7] x) => (float[3] a, float[4] b) { a, b = Split(x) }", {}, 13),
              HasSubstr("equal parts"));
  EXPECT_THAT(imported("(float[N] x) => (float[A] a, float[B] b) { a, b = Split(x) }", {}, 13),
              HasSubstr("require divisible(N, 2)"));
  EXPECT_THAT(imported("(float[7] x) => (float[3] a, float[4] b) <int64[2] s = {3, 3}> { a, b = Split(x, s) }"),
              HasSubstr("add up to 6"));
}

// ---------------------------------------------------------------- sizes

TEST(Gather, OfAShapeIsASize) {
  EXPECT_THAT(line_of_y(R"((float[N,3,H,W] x) => (float[A] y) <int64 i = {-1}, int64[1] a = {0}, float one = {1.0}> {
        s = Shape(x)
        w = Gather(s, i)
        u = Unsqueeze(w, a)
        y = Expand(one, u)
      })"),
              HasSubstr("f32[W]"));
}

TEST(Gather, RefusesConstantIndicesOutOfRange) {
  EXPECT_THAT(line_of_y("(float[4] x) => (float[A] y) <int64[1] i = {4}> { y = Gather(x, i) }"),
              HasSubstr("out of range"));
}

TEST(Range, CountsSymbolically) {
  EXPECT_THAT(line_of_y(R"((float[N] x) => (int64[M] y) <int64 zero = {0}, int64 three = {3}> {
        s = Size(x)
        y = Range(zero, s, three)
      })"),
              HasSubstr("s64[floor_div(N + 2, 3)]"));
  EXPECT_THAT(imported("(float a, float b, float c) => (float[M] y) { y = Range(a, b, c) }"),
              AllOf(HasSubstr("real_range_count"), HasSubstr("%b: f32[] holds ['b[0]']")));
}

TEST(Tile, RepeatsByBroadcasting) {
  EXPECT_THAT(imported("(float[N,3] x) => (float[A,B] y) <int64[2] r = {1, 4}> { y = Tile(x, r) }"),
              AllOf(HasSubstr("expand"), HasSubstr("f32[N,12]")));
  EXPECT_THAT(imported("(float[1,2,3,1,2] x) => (float[A] y) <int64[5] r = {2, 2, 2, 2, 2}> { y = Tile(x, r) }"),
              HasSubstr("f32[2,4,6,2,4]"));
}

TEST(Resize, ScalesSymbolsAndReadsScales) {
  EXPECT_THAT(
      line_of_y("(float[N,3,H,W] x) => (float[A] y) <float[4] s = {1.0, 1.0, 2.0, 0.5}> { y = Resize(x, , s) }"),
      AllOf(HasSubstr("axes=[2,3]"), HasSubstr("f32[N,3,2*H,floor_div(W, 2)]")));
  EXPECT_THAT(imported("(float[1,1,4,4] x, float[4] s) => (float[A] y) { y = Resize(x, , s) }"),
              AllOf(HasSubstr("holds ['s[0]'"), HasSubstr("real_scale_floor(4, 's[2]')")));
  EXPECT_THAT(line_of_y("(float[1,1,4,H] x) => (float[A] y) <int64[2] s = {8, 8}> { y = Resize<axes = [2, 3], "
                        "keep_aspect_ratio_policy = \"not_larger\">(x, , , s) }"),
              HasSubstr("resize"));
  EXPECT_THAT(line_of_y("(float[1,1,4,4] x) => (float[A] y) { y = Resize(x) }"), HasSubstr("scales or sizes"));
}

TEST(TopK, NeedsThatMany) {
  EXPECT_THAT(imported("(float[N] x) => (float[A] y, int64[A] i) <int64[1] k = {3}> { y, i = TopK(x, k) }"),
              AllOf(HasSubstr("f32[3]"), HasSubstr("require at_least(N, 3)")));
  EXPECT_THAT(imported("(float[2] x) => (float[A] y, int64[A] i) <int64[1] k = {3}> { y, i = TopK(x, k) }"),
              HasSubstr("at least 3"));
}

TEST(Reduce, ReadsAxesWhereEachVersionHasThem) {
  EXPECT_THAT(line_of_y("(float[N,3,4] x) => (float[A] y) { y = ReduceMean<axes = [1, -1], keepdims = 0>(x) }", 13),
              HasSubstr("axes=[1,2]"));
  EXPECT_THAT(line_of_y("(float[N,3,4] x) => (float[A] y) <int64[1] a = {-1}> { y = ReduceMean(x, a) }"),
              HasSubstr("f32[N,3,1]"));
  EXPECT_THAT(line_of_y("(float[N,3] x) => (float[A] y) { y = ReduceSum<keepdims = 0>(x) }"), HasSubstr("f32[]"));
  EXPECT_THAT(imported("(float[N,3] x) => (float[A] y) { y = ReduceSum<noop_with_empty_axes = 1>(x) }"),
              HasSubstr("return \"y\"=%x"));
}

TEST(Pad, AddsSizes) {
  EXPECT_THAT(line_of_y("(float[N,3] x) => (float[A,B] y) <int64[4] p = {0, 1, 0, 2}> { y = Pad(x, p) }"),
              HasSubstr("f32[N,6]"));
  EXPECT_THAT(
      line_of_y("(float[N,3] x) => (float[A,B] y) <int64[2] p = {1, -1}, int64[1] a = {-1}> { y = Pad(x, p, , a) }"),
      AllOf(HasSubstr("begins=[0,1]"), HasSubstr("ends=[0,-1]")));
  EXPECT_THAT(line_of_y("(float[2,3] x) => (float[A,B] y) <int64[4] p = {0, -2, 0, -2}> { y = Pad(x, p) }"),
              HasSubstr("at least 0"));
}

}  // namespace
}  // namespace tegula::compiler
