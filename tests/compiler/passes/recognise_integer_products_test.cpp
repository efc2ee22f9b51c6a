#include "compiler/passes/recognise_integer_products.h"

#include <gmock/gmock.h>

#include "compiler/ops/op_def.h"
#include "compiler/passes/pass.h"
#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

using testing::ElementsAre;

// The scales of the source and of the weights are multiplied first, or one after the other, in either order.
TEST(RecogniseIntegerProducts, MakesThemProductsOfDequantizedOperands) {
  constexpr std::string_view kExpected = R"(
      q, s, z = dynamic_quantize(%x:f32[m,2])
      d = dequantize_by(q, s, z)
      w = dequantize_by(%v:s8[2,3]=random(1), %sw:f32[3]=[0.5, 0.25, 2], %zw:s8[3]=fill(0))
      y = matmul(d, w)
      return y)";
  for (const std::string_view scaled : {
           "t = mul(s, %sw:f32[3]=[0.5, 0.25, 2])\ny = mul(f, t)",
           "t = mul(s, %sw:f32[3]=[0.5, 0.25, 2])\ny = mul(t, f)",
           "t = mul(%sw:f32[3]=[0.5, 0.25, 2], s)\ny = mul(f, t)",
           "t = mul(f, s)\ny = mul(t, %sw:f32[3]=[0.5, 0.25, 2])",
           "t = mul(f, %sw:f32[3]=[0.5, 0.25, 2])\ny = mul(t, s)",
       }) {
    EXPECT_EQ(after(recognise_integer_products, concat(R"(
      q, s, z = dynamic_quantize(%x:f32[m,2])
      zs = cast(z) {to=s32}
      c = quantized_matmul(q, %v:s8[2,3]=random(1), -, -, -, zs) {to=s32}
      f = cast(c) {to=f32}
)",
                                                       scaled, "\nreturn y")),
              kExpected)
        << scaled;
  }
}

TEST(RecogniseIntegerProducts, OneScaleForAllWeightsAndTheirZeroPoints) {
  EXPECT_EQ(after(recognise_integer_products, R"(
      q, s, z = dynamic_quantize(%x:f32[m,2,5])
      zs = cast(z) {to=s32}
      c = quantized_conv(q, %v:s8[2,2,1]=random(1), -, -, %zw:s32[2]=[-3, 120], zs) {kernel=[1], to=s32}
      f = cast(c) {to=f32}
      t = mul(s, %sw:f32[]=0.5)
      y = mul(f, t)
      return y)"),
            R"(
      q, s, z = dynamic_quantize(%x:f32[m,2,5])
      d = dequantize_by(q, s, z)
      w = dequantize_by(%v:s8[2,2,1]=random(1), %sw:f32[2,1,1]=fill(0.5), %zw:s8[2,1,1]=[-3, 120])
      y = conv(d, w) {kernel=[1]}
      return y)");
}

TEST(RecogniseIntegerProducts, StaticScalesAndZeroPoints) {
  // The bias is what the zero point makes it: -7 times the sums of the weights.
  EXPECT_EQ(after(recognise_integer_products, R"(
      c = quantized_matmul(%q:u8[m,2], %v:s8[2,2]=[1, -2, 3, 4], %b:s32[2]=[-28, -14]) {src_zero_point=7, to=s32}
      f = cast(c) {to=f32}
      y = mul(f, %t:f32[]=0.25)
      return y)"),
            R"(
      d = dequantize(%q:u8[m,2]) {alpha=0.25, beta=7}
      w = dequantize_by(%v:s8[2,2]=[1, -2, 3, 4], %s:f32[2]=fill(1), %z:s8[2]=fill(0))
      y = matmul(d, w)
      return y)");
}

TEST(RecogniseIntegerProducts, StaticScalesOfBothInOneConstant) {
  EXPECT_EQ(after(recognise_integer_products, R"(
      c = quantized_matmul(%q:u8[m,2], %v:s8[2,2]=[1, -2, 3, 4]) {to=s32}
      f = cast(c) {to=f32}
      y = mul(f, %t:f32[2]=[0.25, 3])
      return y)"),
            R"(
      d = dequantize(%q:u8[m,2]) {alpha=1}
      w = dequantize_by(%v:s8[2,2]=[1, -2, 3, 4], %s:f32[2]=[0.25, 3], %z:s8[2]=fill(0))
      y = matmul(d, w)
      return y)");
}

TEST(RecogniseIntegerProducts, KeepsValues) {
  expect_same_values(recognise_integer_products, R"(
      q, s, z = dynamic_quantize(%x:f32[m,5,4,4])
      zs = cast(z) {to=s32}
      c = quantized_conv(q, %v:s8[3,5,3,3]=random(1), -, -, %zw:s32[3]=[-3, 120, 0], zs) {kernel=[3,3], pads_begin=[1,1], pads_end=[1,1], to=s32}
      f = cast(c) {to=f32}
      t = mul(s, %sw:f32[1,3,1,1]=[0.5, 0.25, 1])
      y = mul(f, t)
      return y)",
                     1e-4);
}

/// A chain whose result is this, with this zero point and these scales.
std::string chain(std::string_view zero_point, std::string_view result) {
  return concat("q, s, z = dynamic_quantize(%x:f32[m,2])\n", zero_point,
                "\nc = quantized_matmul(q, %v:s8[2,3]=random(1), -, -, -, zs) {to=s32}\nf = cast(c) {to=f32}\n",
                result);
}

TEST(RecogniseIntegerProducts, LeavesOthersAlone) {
  const auto expect_kept = [](const std::string& text) {
    EXPECT_EQ(after(recognise_integer_products, text), text) << text;
  };
  const std::string cast = "zs = cast(z) {to=s32}";
  // The sums are read by something else, as integers or as real numbers.
  expect_kept(chain(cast, "t = mul(s, %sw:f32[3]=random(2))\ny = mul(f, t)\nreturn y, c"));
  expect_kept(chain(cast, "t = mul(s, %sw:f32[3]=random(2))\ny = mul(f, t)\nreturn y, f"));
  // A zero point that is no u8 from somewhere.
  expect_kept(chain("n = cast(z) {to=s32}\nzs = add(n, %one:s32[]=1)",
                    "t = mul(s, %sw:f32[3]=random(2))\ny = mul(f, t)\nreturn y"));
  // Scales of the weights that are computed, run along rows, or add a dimension.
  expect_kept(chain(cast, "t = mul(s, %sw:f32[3])\ny = mul(f, t)\nreturn y"));
  expect_kept(chain(cast, "t = mul(s, %sw:f32[2,1,1]=random(2))\ny = mul(f, t)\nreturn y"));
  // A bias of its own.
  expect_kept(
      "c = quantized_matmul(%q:u8[m,2], %v:s8[2,2]=[1, -2, 3, 4], %b:s32[2]=[-28, -13]) {src_zero_point=7, to=s32}\n"
      "f = cast(c) {to=f32}\ny = mul(f, %t:f32[]=0.25)\nreturn y");
}

/// The operations behind the whole pipeline.
std::vector<std::string> compiled(std::string_view text) {
  Graph graph = graph_of(text);
  EXPECT_TRUE(run_pipeline(graph, {}).ok());
  std::vector<std::string> names;
  for (const auto& node : graph.nodes()) {
    const FunctionInstruction* const function = single_function(*node);
    names.emplace_back(function != nullptr ? name_of(function->function) : node->op->name);
  }
  return names;
}

// What ONNX Runtime's quantize_dynamic writes: no cast and no multiplication is left, bias and activation are inside.
TEST(RecogniseIntegerProducts, ChainsBecomeOneIntegerProductEach) {
  EXPECT_THAT(compiled(R"(
      q, s, z = dynamic_quantize(%x:f32[m,7,4])
      zs = cast(z) {to=s32}
      c = quantized_matmul(q, %v:s8[4,6]=random(1), -, -, -, zs) {to=s32}
      f = cast(c) {to=f32}
      t = mul(s, %sw:f32[6]=random(2))
      p = mul(f, t)
      a = add(p, %b:f32[6]=random(3))
      r = relu(a)
      q2, s2, z2 = dynamic_quantize(r)
      zs2 = cast(z2) {to=s32}
      c2 = quantized_matmul(q2, %v2:s8[6,4]=random(1), -, -, -, zs2) {to=s32}
      f2 = cast(c2) {to=f32}
      t2 = mul(s2, %sw2:f32[]=0.125)
      p2 = mul(f2, t2)
      y = add(p2, x)
      return y)"),
              ElementsAre("dynamic_quantize", "quantized_matmul", "dynamic_quantize", "quantized_matmul"));
}

TEST(RecogniseIntegerProducts, ConvolutionsTakeTheirLayoutThroughTheQuantization) {
  EXPECT_THAT(compiled(R"(
      q, s, z = dynamic_quantize(%x:f32[m,3,8,8])
      zs = cast(z) {to=s32}
      c = quantized_conv(q, %v:s8[16,3,3,3]=random(1), -, -, -, zs) {kernel=[3,3], pads_begin=[1,1], pads_end=[1,1], to=s32}
      f = cast(c) {to=f32}
      t = mul(s, %sw:f32[]=0.125)
      p = mul(f, t)
      a = add(p, %b:f32[1,16,1,1]=random(3))
      r = relu(a)
      q2, s2, z2 = dynamic_quantize(r)
      zs2 = cast(z2) {to=s32}
      c2 = quantized_conv(q2, %v2:s8[5,16,3,3]=random(1), -, -, -, zs2) {kernel=[3,3], pads_begin=[1,1], pads_end=[1,1], to=s32}
      f2 = cast(c2) {to=f32}
      t2 = mul(s2, %sw2:f32[1,5,1,1]=random(4))
      p2 = mul(f2, t2)
      return p2)"),
              ElementsAre("dynamic_quantize", "transpose", "quantized_conv", "dynamic_quantize", "quantized_conv",
                          "transpose"));
}

}  // namespace
}  // namespace tegula::compiler
