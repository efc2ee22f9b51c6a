#include "compiler/passes/eliminate_shape_subgraphs.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

TEST(EliminateShapeSubgraphs, ConstantElementsBecomeConstants) {
  EXPECT_EQ(after(eliminate_shape_subgraphs, R"(
      s = materialize() {elements=[2, 3], shape=[2], dtype=s64}
      d = mul(s, %two:s64[]=2)
      y = gather(%x:f32[9,4], d) {axis=0}
      return y)"),
            R"(
      y = gather(%x:f32[9,4], %d:s64[2]=[4, 6]) {axis=0}
      return y)");
}

TEST(EliminateShapeSubgraphs, ElementsThatDependOnSymbolsAreWrittenAtOnce) {
  EXPECT_EQ(after(eliminate_shape_subgraphs, R"(
      input %x: f32[n,4]
      s = materialize() {elements=[n, 4], shape=[2], dtype=s64}
      d = sub(s, %one:s64[]=1)
      i = cast(d) {to=s32}
      y = gather(x, i) {axis=0}
      return y)"),
            R"(
      input %x: f32[n,4]
      i = materialize() {elements=[n - 1, 3], shape=[2], dtype=s32}
      y = gather(x, i) {axis=0}
      return y)");
}

TEST(EliminateShapeSubgraphs, WholeNumbersThatAreReadAsFloatsAreConverted) {
  EXPECT_EQ(after(eliminate_shape_subgraphs, R"(
      input %x: f32[n,4]
      s = materialize() {elements=[n], shape=[1], dtype=s64}
      f = cast(s) {to=f32}
      g = mul(f, %two:f32[]=2)
      y = div(x, g)
      return y)"),
            R"(
      input %x: f32[n,4]
      s = materialize() {elements=[2*n], shape=[1], dtype=s64}
      g = cast(s) {to=f32}
      y = div(x, g)
      return y)");
}

TEST(EliminateShapeSubgraphs, ShapesThatOnlyShapesReadGo) {
  EXPECT_EQ(after(eliminate_shape_subgraphs, R"(
      input %x: f32[n,4]
      s = materialize() {elements=[n, 4], shape=[2], dtype=s64}
      d = neg(s)
      y = reshape(x) {shape=[4*n]}
      return y)"),
            R"(
      input %x: f32[n,4]
      y = reshape(x) {shape=[4*n]}
      return y)");
}

TEST(EliminateShapeSubgraphs, OutputsKeepTheirElements) {
  EXPECT_EQ(after(eliminate_shape_subgraphs, R"(
      input %x: f32[n,4]
      s = materialize() {elements=[n, 4], shape=[2], dtype=s64}
      total = mul(s, s)
      return total)"),
            R"(
      input %x: f32[n,4]
      t = materialize() {elements=[n*n, 16], shape=[2], dtype=s64}
      return total=t)");
}

TEST(EliminateShapeSubgraphs, LeavesDataAlone) {
  EXPECT_EQ(after(eliminate_shape_subgraphs, "y = mul(%x:s64[2], %x)\nreturn y"), "y = mul(%x:s64[2], %x)\nreturn y");
}

TEST(EliminateShapeSubgraphs, KeepsValues) {
  expect_same_values(eliminate_shape_subgraphs, R"(
      input %x: f32[n,4]
      s = materialize() {elements=[n, 4], shape=[2], dtype=s64}
      d = div(s, %two:s64[]=2)
      y = gather(x, d) {axis=1}
      return y, d)");
}

}  // namespace
}  // namespace tegula::compiler
