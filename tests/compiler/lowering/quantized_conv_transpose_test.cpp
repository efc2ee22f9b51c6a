// Transposed convolutions that a model quantizes, through all passes, the writer and the runtime. Scales are powers of
// two, so that fp32 holds every number exactly and the results are those of the graph with its Q/DQ as it stands.
#include <gtest/gtest.h>

#include <string>

#include "compiler/passes/pass.h"
#include "tests/support/graph_testing.h"
#include "tests/support/program_testing.h"

namespace tegula::compiler {
namespace {

/// A model as exporters write it, channels first: 6 channels in, 4 out. `weights` makes w of w [6, 4 / groups, 3, 3].
std::string model(const std::string& weights, const std::string& attributes,
                  const std::string& behind = "y = relu(c)") {
  std::string text = "a = dequantize(%x:u8[batch,6,5,4]) {alpha=0.5, beta=120}\n" + weights +
                     "\nb = dequantize_by(%u:s32[4]=[100, -200, 300, 5000], %t:f32[4]=[0.125, 0.125, 0.25, 0.25], "
                     "%n:s32[4]=fill(0))\nc = conv_transpose(a, w, b) {kernel=[3,3], " +
                     attributes + "}\n" + behind;
  return text + R"(
      q = quantize(y) {alpha=64, beta=117, to=u8}
      return q)";
}

const std::string kPerTensor = "w = dequantize(%v:s8[6,4,3,3]=random(1)) {alpha=0.25}";
const std::string kPerChannel =
    "w = dequantize_by(%v:s8[6,4,3,3]=random(1), %s:f32[4,1,1]=[0.25, 0.5, 1, 0.125], %z:s8[1,4,1,1]=fill(0))";
const std::string kAsymmetric =
    "w = dequantize_by(%v:u8[6,4,3,3]=random(1), %s:f32[4,1,1]=[0.25, 0.5, 1, 0.125], %z:u8[1,4,1,1]=[128, 0, 255, "
    "99])";
const std::string kGroups =
    "w = dequantize_by(%v:s8[6,2,3,3]=random(1), %s:f32[1,2,1,1]=[0.25, 0.5], %z:s8[1,2,1,1]=fill(0))";
const std::string kByInput =
    "w = dequantize_by(%v:s8[6,4,3,3]=random(1), %s:f32[6,1,1,1]=[1, 2, 1, 2, 1, 0.5], %z:s8[6,1,1,1]=fill(0))";

const std::string kStrided = "strides=[2,2], pads_begin=[1,1], pads_end=[1,0], sizes=[9,8]";

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++count;
  return count;
}

std::string compiled(const std::string& text) {
  Graph graph = graph_of(text);
  const auto reports = run_passes(pipeline(), graph, {});
  EXPECT_TRUE(reports.ok()) << reports.error().message;
  return print(graph);
}

TEST(QuantizedConvTranspose, IsOneIntegerConvolution) {
  for (const std::string& text :
       {model(kPerTensor, kStrided, "y = relu(c)"), model(kPerChannel, kStrided, "y = leaky_relu(c) {alpha=0.5}"),
        model(kAsymmetric, kStrided, "y = add(c, %e:f32[1,4,1,1]=[1,2,3,4])"),
        model(kGroups, kStrided + ", groups=2", "y = neg(c)")}) {
    const std::string graph = compiled(text);
    EXPECT_EQ(count_of(graph, "quantized_conv("), 1u) << graph;
    for (const char* left : {"quantize(", "dequantize", "eltwise", " conv(", "conv_transpose("})
      EXPECT_EQ(count_of(graph, std::string("= ") + left), 0u) << left << graph;
    EXPECT_EQ(count_of(graph, "to=u8"), 1u) << graph;
  }
}

TEST(QuantizedConvTranspose, StaysRealWhereInputChannelsHaveScales) {
  const std::string graph = compiled(model(kByInput, kStrided));
  EXPECT_EQ(count_of(graph, "quantized_conv("), 0u) << graph;
  EXPECT_EQ(count_of(graph, "= conv("), 1u) << graph;
}

TEST(QuantizedConvTranspose, ComputesWhatTheModelSays) {
  for (const std::string& weights : {kPerTensor, kPerChannel, kAsymmetric, kByInput})
    for (const std::string& attributes :
         {kStrided, std::string("strides=[1,1], sizes=[7,6]"),
          std::string("strides=[3,2], dilations=[1,2], pads_begin=[2,3], pads_end=[0,2], sizes=[13,6]")})
      for (const char* behind :
           {"y = relu(c)", "y = leaky_relu(c) {alpha=0.5}", "y = add(c, %e:f32[1,4,1,1]=[1,2,3,4])"})
        expect_program_computes(model(weights, attributes, behind), 0);
  expect_program_computes(model(kGroups, kStrided + ", groups=2", "y = relu(c)"), 0);
}

}  // namespace
}  // namespace tegula::compiler
