#include "compiler/quantize/quantizer.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <map>
#include <random>

#include "compiler/passes/pass.h"
#include "compiler/passes/quantization.h"
#include "compiler/quantize/check_collectors.h"
#include "compiler/quantize/quantization_parameters.h"
#include "compiler/quantize/scale_groups.h"
#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// A profile in which each of these tensors has the range beside it, and channels have the means.
Profile profile_of(const std::map<std::string, Range>& ranges,
                   const std::map<std::string, std::vector<double>>& means = {}) {
  Profile profile;
  profile.samples = 100;
  for (const auto& [name, range] : ranges) {
    TensorProfile& tensor = profile.tensors[name];
    tensor.count = 1000;
    tensor.extremes = range;
  }
  for (const auto& [name, channels] : means) {
    ChannelProfile& profiled = profile.tensors[name].channels;
    profiled.sum = channels;
    profiled.min.assign(channels.size(), -1);
    profiled.max.assign(channels.size(), 1);
    profiled.count = 1;
  }
  return profile;
}

QuantizationOptions by_extremes() {
  QuantizationOptions options;
  options.algorithm = RangeAlgorithm::kMinMax;
  return options;
}

/// The graph behind the quantizer alone, or its error.
std::string quantized(std::string_view text, const Profile& profile,
                      const QuantizationOptions& options = by_extremes()) {
  Graph graph = graph_of(text);
  const auto changed = quantize(graph, &profile, options);
  if (!changed.ok()) return changed.error().message;
  const Status status = verify(graph);
  EXPECT_TRUE(status.ok()) << status.error().message;
  return GraphText(graph).text();
}

/// The graph behind the whole pipeline, each of whose values calibration has seen between -3 and 5.
Graph compiled(std::string_view text) {
  Graph graph = graph_of(text);
  PassOptions passes;
  passes.quantize = [&](Graph& g) {
    std::map<std::string, Range> ranges;
    for (const auto& value : g.values()) ranges[value->name] = {-3, 5};
    const Profile profile = profile_of(ranges);
    return quantize(g, &profile, by_extremes());
  };
  const auto reports = run_pipeline(graph, passes);
  EXPECT_TRUE(reports.ok()) << reports.error().message;
  return graph;
}

/// The operations of a graph in order, those that only convert as "quantize" and "dequantize".
std::vector<std::string> operations(const Graph& graph) {
  std::vector<std::string> names;
  for (const auto& node : graph.nodes()) {
    const FunctionInstruction* const function = single_function(*node);
    names.emplace_back(function != nullptr ? name_of(function->function) : node->op->name);
  }
  return names;
}

// The example of Intel's tuning guide: MatMul + BiasAdd + ReLU twice is two integer operations behind one quantize.
TEST(Quantizer, TwoProductsWithReluAreTwoIntegerOnes) {
  const Graph graph = compiled(R"(
      m1 = matmul(%x:f32[n,64], %w1:f32[64,32]=random(1))
      a1 = add(m1, %b1:f32[32]=random(2))
      r1 = relu(a1)
      m2 = matmul(r1, %w2:f32[32,16]=random(3))
      a2 = add(m2, %b2:f32[16]=random(4))
      y = relu(a2)
      return y)");
  EXPECT_THAT(operations(graph), ElementsAre("quantize", "quantized_matmul", "quantized_matmul"));
}

TEST(Quantizer, PutsConversionsAroundAProduct) {
  EXPECT_EQ(quantized(R"(
      y = matmul(%x:f32[n,2], %w:f32[2,2]=[1,-2,0.5,4])
      return y)",
                      profile_of({{"x", {-1, 4.1f}}})),
            GraphText(R"(
      q = quantize(%x:f32[n,2]) {alpha=0.02, beta=50, to=u8}
      d = dequantize(q) {alpha=0.02, beta=50}
      w = dequantize_by(%wq:s8[2,2]=[127,-64,64,127], %s:f32[2]=[0.007874016, 0.031496063], %z:s8[2]=fill(0))
      y = matmul(d, w)
      return y)")
                .text());
}

TEST(Quantizer, ResidualBlockStaysInteger) {
  const Graph graph = compiled(R"(
      c1 = conv(%x:f32[n,8,6,6], %w1:f32[8,8,3,3]=random(1)) {kernel=[3,3], pads_begin=[1,1], pads_end=[1,1]}
      r1 = relu(c1)
      c2 = conv(r1, %w2:f32[8,8,3,3]=random(2)) {kernel=[3,3], pads_begin=[1,1], pads_end=[1,1]}
      s = add(c2, r1)
      r2 = relu(s)
      c3 = conv(r2, %w3:f32[4,8,1,1]=random(3)) {kernel=[1,1]}
      return c3)");
  const auto names = operations(graph);
  EXPECT_EQ(std::count(names.begin(), names.end(), "quantize"), 1) << "at the entry";
  EXPECT_EQ(std::count(names.begin(), names.end(), "dequantize"), 0);
  EXPECT_EQ(std::count(names.begin(), names.end(), "quantized_conv"), 3);
}

TEST(Quantizer, BothBranchesOfAResidualSumAreInteger) {
  const Graph graph = compiled(R"(
      a = conv(%x:f32[n,8,6,6], %w1:f32[8,8,1,1]=random(1)) {kernel=[1,1]}
      b = conv(x, %w2:f32[8,8,1,1]=random(2)) {kernel=[1,1]}
      s = add(a, b)
      y = conv(s, %w3:f32[8,8,1,1]=random(3)) {kernel=[1,1]}
      return y)");
  int real = 0;
  for (const auto& node : graph.nodes())
    real += is_op(node.get(), "quantized_conv") && node->output()->dtype == DType::kF32;
  EXPECT_EQ(real, 1) << "the last one: " << GraphText(graph);
}

TEST(Quantizer, ConcatSharesOneScale) {
  Graph graph = graph_of(R"(
      a = relu(%x:f32[n,4,4,8])
      b = relu(%y:f32[n,4,4,8])
      c = concat(a, b) {axis=3}
      m = pool(c) {kind="max", kernel=[2,2], strides=[2,2], channels_last=1}
      d = abs(m)
      return d)");
  const ScaleGroups groups(graph);
  std::vector<std::string> names;
  for (const Value* value : groups.group_of(graph.find_value("b"))) names.push_back(value->name);
  EXPECT_THAT(names, ElementsAre("a", "b", "c", "m"));
  EXPECT_EQ(groups.group_of(graph.find_value("d")).size(), 1u);
}

TEST(Quantizer, WhatAConcatJoinsIsQuantizedForItsReader) {
  const Graph graph = compiled(R"(
      a = conv(%x:f32[n,8,4,4], %w1:f32[8,8,1,1]=random(1)) {kernel=[1,1]}
      b = conv(x, %w2:f32[8,8,1,1]=random(2)) {kernel=[1,1]}
      c = concat(a, b) {axis=1}
      y = conv(c, %w3:f32[8,16,1,1]=random(3)) {kernel=[1,1]}
      return y)");
  const auto names = operations(graph);
  EXPECT_EQ(std::count(names.begin(), names.end(), "quantize"), 1) << GraphText(graph);
  EXPECT_EQ(std::count(names.begin(), names.end(), "dequantize"), 0) << GraphText(graph);
}

TEST(Quantizer, AveragesBetweenProductsAreInteger) {
  const Graph graph = compiled(R"(
      c = conv(%x:f32[n,8,4,4], %w1:f32[8,8,1,1]=random(1)) {kernel=[1,1]}
      m = reduce(c) {kind="mean", axes=[2,3], keepdims=0}
      y = matmul(m, %w2:f32[8,4]=random(2))
      return y)");
  const auto names = operations(graph);
  EXPECT_EQ(std::count(names.begin(), names.end(), "quantize"), 1) << GraphText(graph);
}

/// Groups, a kernel that is no multiple of the stride (taps without a weight), cropping.
TEST(Quantizer, TransposedConvolutionsAreInteger) {
  for (const std::string_view attributes : {
           "kernel=[2,2], strides=[2,2], sizes=[10,10]",
           "kernel=[3,3], strides=[2,2], pads_begin=[1,1], pads_end=[0,0], sizes=[10,10]",
           "kernel=[4,4], strides=[2,2], pads_begin=[1,1], pads_end=[1,1], sizes=[10,10]",
           "kernel=[3,3], pads_begin=[1,1], pads_end=[1,1], sizes=[5,5]",
           "kernel=[3,3], strides=[2,2], groups=4, sizes=[11,11]",
       }) {
    const bool grouped = attributes.find("groups") != std::string_view::npos;
    const std::string_view channels = grouped ? "8" : "6", size = attributes.substr(8, 1);
    const std::string text = concat(
        "c = conv(%x:f32[n,8,5,5], %w1:f32[8,8,1,1]=random(1)) {kernel=[1,1]}\n", "t = conv_transpose(c, %w2:f32[8,",
        grouped ? "2" : "6", ",", size, ",", size, "]=random(2), %b:f32[", channels, "]=random(3)) {", attributes,
        "}\nr = relu(t)\ny = conv(r, %w3:f32[4,", channels, ",1,1]=random(4)) {kernel=[1,1]}\nreturn y");
    const Graph graph = compiled(text);
    const auto names = operations(graph);
    EXPECT_EQ(std::count(names.begin(), names.end(), "quantized_conv"), 3) << text << GraphText(graph);
    EXPECT_EQ(std::count(names.begin(), names.end(), "quantize"), 1) << text << GraphText(graph);
    EXPECT_EQ(std::count(names.begin(), names.end(), "dequantize"), 0) << text << GraphText(graph);
  }
}

TEST(Quantizer, AveragesBehindWhichBoundsStandAreInteger) {
  // As in a model whose own quantization was dropped: what it cut off stays cut off.
  const Graph graph = compiled(R"(
      c = conv(%x:f32[n,8,4,4], %w1:f32[8,8,1,1]=random(1)) {kernel=[1,1]}
      m = reduce(c) {kind="mean", axes=[2,3], keepdims=1}
      k = clip(m) {alpha=-4, beta=6}
      r = reshape(k) {shape=[n,8]}
      y = matmul(r, %w2:f32[8,4]=random(2))
      return y)");
  const auto names = operations(graph);
  EXPECT_EQ(std::count(names.begin(), names.end(), "quantize"), 1) << GraphText(graph);
  EXPECT_EQ(std::count(names.begin(), names.end(), "clip"), 0) << GraphText(graph);
  for (const auto& node : graph.nodes())
    EXPECT_TRUE(!is_op(node.get(), "reduce") || node->output()->dtype == DType::kU8) << GraphText(graph);
}

TEST(Quantizer, OutputsOfTheGraphStayReal) {
  const std::string text = quantized(R"(
      m = matmul(%x:f32[n,2], %w:f32[2,2]=random(1))
      y = matmul(m, %v:f32[2,2]=random(2))
      return m, y)",
                                     profile_of({{"x", {-1, 1}}, {"m", {-1, 1}}}));
  EXPECT_THAT(text, HasSubstr("return"));
  Graph graph =
      graph_of("m = matmul(%x:f32[n,2], %w:f32[2,2]=random(1))\ny = matmul(m, %v:f32[2,2]=random(2))\nreturn m, y");
  const Profile profile = profile_of({{"x", {-1, 1}}, {"m", {-1, 1}}});
  ASSERT_TRUE(quantize(graph, &profile, by_extremes()).ok());
  for (const auto& [name, value] : graph.outputs()) EXPECT_TRUE(is_op(value->producer, "matmul")) << name;
}

/// The rule of the node that computes the ONNX node and has one.
std::string rule_of(const Graph& graph, std::string_view origin) {
  for (const auto& node : graph.nodes())
    if (!node->rule.empty() && std::find(node->origins.begin(), node->origins.end(), origin) != node->origins.end())
      return node->rule;
  return "no such node";
}

TEST(Quantizer, SaysWhyAProductStaysReal) {
  Graph graph = graph_of(R"(
      a = matmul(%x:f32[n,4], %w:f32[4,4]=random(1)) @"constant"
      b = matmul(a, %v:f32[4,4]) @"two activations"
      c = matmul(%t:f32[4,n], %u:f32[4,4]=random(2)) {transpose_a=1} @"transposed"
      d = matmul(%p:f32[n,2], %i:f32[2,2]=[1, inf, 1, 1]) @"infinite"
      e = matmul(%o:f32[n,4], %k:f32[4,4]=random(3)) @"unseen"
      f = softmax(e) {axis=1} @"softmax"
      return b, c, d, f)");
  const Profile profile = profile_of({{"x", {-1, 1}}, {"p", {-1, 1}}, {"a", {-1, 1}}});
  ASSERT_TRUE(quantize(graph, &profile, by_extremes()).ok());
  EXPECT_EQ(rule_of(graph, "constant"), "int8 static, by default");
  EXPECT_EQ(rule_of(graph, "two activations"), "fp32: its right operand is no constant matrix");
  EXPECT_EQ(rule_of(graph, "transposed"), "fp32: its left operand is transposed");
  EXPECT_EQ(rule_of(graph, "infinite"), "fp32: a weight is not finite");
  EXPECT_EQ(rule_of(graph, "unseen"), "fp32: calibration has not seen tensor 'o'");
  EXPECT_EQ(rule_of(graph, "softmax"), "fp32: Softmax has no integer form");
}

constexpr std::string_view kTransformer = R"(
    m = matmul(%x:f32[b,s,8], %w:f32[8,24]=random(1)) @"projections"
    q = slice(m) {starts=[0,0,0], sizes=[b,s,8], steps=[1,1,1]}
    k = slice(m) {starts=[0,0,8], sizes=[b,s,8], steps=[1,1,1]}
    v = slice(m) {starts=[0,0,16], sizes=[b,s,8], steps=[1,1,1]}
    a = attention(q, k, v, %mask:f32[b,1,1,s]) {heads=2, kv_heads=2, scale=0.5} @"attention"
    y = matmul(a, %u:f32[8,4]=random(2)) @"output"
    return y)";

// The three projections stay one product, which writes each in steps of its own.
TEST(Quantizer, AttentionIsInteger) {
  const Graph graph = compiled(kTransformer);
  EXPECT_THAT(operations(graph),
              ElementsAre("quantize", "quantized_matmul", "slice", "slice", "slice", "attention", "quantized_matmul"));
  EXPECT_EQ(rule_of(graph, "attention"), "int8 static, by default");
}

TEST(Quantizer, AttentionHasSymmetricOperandsByTheirOwnRanges) {
  EXPECT_EQ(quantized(R"(
      input %q:f32[b,s,8]
      input %k:f32[b,t,8]
      input %v:f32[b,t,8]
      y = attention(%q, %k, %v) {heads=2, kv_heads=2, scale=0.5, causal=1}
      return y)",
                      profile_of({{"q", {-127, 1}}, {"k", {0, 63.5f}}, {"v", {-2, 31.75f}}})),
            GraphText(R"(
      input %q:f32[b,s,8]
      input %k:f32[b,t,8]
      input %v:f32[b,t,8]
      p = quantize(%q) {alpha=1, beta=128, to=u8}
      r = quantize(%k) {alpha=0.5, beta=128, to=u8}
      t = quantize(%v) {alpha=0.25, beta=128, to=u8}
      y = attention(p, r, t) {heads=2, kv_heads=2, scale=0.5, causal=1, src_scale=1.0, src_zero_point=128, second_scale=0.5, second_zero_point=128, third_scale=0.25, third_zero_point=128, probability_scale=0.003921568859368563, to=f32}
      return y)")
                .text());
}

TEST(Quantizer, AttentionStaysRealWhereItMustOrIsToldTo) {
  const auto rule_with = [](const QuantizationOptions& options) {
    Graph graph = graph_of(kTransformer);
    const Profile profile = profile_of({{"x", {-1, 1}}, {"q", {-1, 1}}, {"k", {-1, 1}}, {"a", {-1, 1}}});
    EXPECT_TRUE(quantize(graph, &profile, options).ok());
    return rule_of(graph, "attention");
  };
  QuantizationOptions options = by_extremes();
  EXPECT_EQ(rule_with(options), "fp32: calibration has not seen tensor 'v'");
  options.defaults.approach = Approach::kDynamic;
  EXPECT_EQ(rule_with(options), "fp32: its products are of activations, which only ranges of calibration quantize");
  options = by_extremes();
  options.rules.push_back({.selector = *NodeSelector::type("Attention"), .quantized = false});
  EXPECT_EQ(rule_with(options), "fp32: by the rule for operator type Attention");
}

TEST(Quantizer, TablesOfEmbeddingsHaveAScaleForEachRow) {
  QuantizationOptions options = by_extremes();
  const std::string_view text =
      "y = gather(%t:f32[3,2]=[127, -63, 0, 0, -2, 1], %ids:s64[n]) {axis=0} @\"table\"\nreturn y";
  EXPECT_EQ(quantized(text, {}, options), GraphText(text).text());  // small
  options.rules.push_back({.selector = *NodeSelector::type("Gather"), .quantized = true});
  EXPECT_EQ(quantized(text, {}, options), GraphText("y = gather(%t:s8[3,2]=[127, -63, 0, 0, -127, 64], %ids:s64[n], "
                                                    "%s:f32[3]=[1, 1, 0.015748031]) {axis=0}\nreturn y")
                                              .text());
}

TEST(Quantizer, LargeTablesAreQuantizedUnlessARuleSaysNo) {
  const std::string_view text =
      "a = gather(%t:f32[300,1000]=random(1), %ids:s64[n]) {axis=0} @\"large\"\n"
      "b = gather(%u:f32[200,1000]=random(2), %ids) {axis=0} @\"small\"\nreturn a, b";
  Graph graph = graph_of(text);
  QuantizationOptions options;
  ASSERT_TRUE(*quantize(graph, nullptr, options));
  EXPECT_EQ(rule_of(graph, "large"), "int8 weight_only, by default");
  EXPECT_EQ(rule_of(graph, "small"), "fp32: its table is small");
  options.rules.push_back({.selector = *NodeSelector::type("Gather"), .quantized = false});
  Graph real = graph_of(text);
  ASSERT_FALSE(*quantize(real, nullptr, options));
  EXPECT_EQ(rule_of(real, "large"), "fp32: by the rule for operator type Gather");
}

TEST(Quantizer, RulesChooseAndTheLastOneWins) {
  constexpr std::string_view kText =
      "a = matmul(%x:f32[n,4], %w:f32[4,4]=random(1)) @\"first\"\n"
      "b = matmul(a, %v:f32[4,4]=random(2)) @\"second\"\nreturn b";
  const Profile profile = profile_of({{"x", {-1, 1}}, {"a", {-1, 1}}});
  QuantizationOptions options = by_extremes();
  options.rules.push_back({.selector = *NodeSelector::type("MatMul"), .quantized = false});
  options.rules.push_back(
      {.selector = NodeSelector::name("second"), .quantized = true, .approach = Approach::kDynamic});
  Graph graph = graph_of(kText);
  ASSERT_TRUE(quantize(graph, &profile, options).ok());
  EXPECT_EQ(rule_of(graph, "first"), "fp32: by the rule for operator type MatMul");
  EXPECT_EQ(rule_of(graph, "second"), "int8 dynamic, by the rule for node 'second'");

  Graph again = graph_of(kText);
  options.rules.push_back({.selector = NodeSelector::name("third"), .quantized = false});
  EXPECT_THAT(quantize(again, &profile, options).error().message, HasSubstr("node 'third' matches nothing"));
}

/// The error of quantizing two products and a softmax by one rule.
std::string refusal(QuantizationRule rule, Approach approach = Approach::kStatic) {
  QuantizationOptions options = by_extremes();
  options.defaults.approach = approach;
  rule.place = "c.yaml: line 3";
  options.rules.push_back(std::move(rule));
  return quantized(R"(
      a = matmul(%x:f32[n,4], %w:f32[4,4]=random(1)) @"/first/MatMul"
      b = matmul(a, %v:f32[4,4]=random(2)) @"/second/MatMul"
      c = softmax(b) {axis=1} @"/third/Softmax"
      return c)",
                   profile_of({{"x", {-1, 1}}, {"a", {-1, 1}}}), options);
}

TEST(Quantizer, RulesThatSelectNothingSayWhereTheyStand) {
  EXPECT_EQ(refusal({.selector = NodeSelector::name("/thrid/Softmax"), .quantized = false}),
            "c.yaml: line 3: node '/thrid/Softmax' matches nothing in the compiled model; it has '/third/Softmax' and "
            "'/first/MatMul'");
  EXPECT_EQ(refusal({.selector = NodeSelector::name("/third/Softmax"), .quantized = false}),
            "c.yaml: line 3: the rule for node '/third/Softmax' selects no product: rules speak of Conv, Gemm, "
            "MatMul, Attention and Gather (tables), and what stands between them follows; there are '/first/MatMul' "
            "and '/second/MatMul'");
  EXPECT_THAT(
      refusal({.selector = *NodeSelector::type("Softmax"), .quantized = false}),
      HasSubstr("selects no product: rules speak of Conv, Gemm, MatMul, Attention and Gather (tables), and what "
                "stands between them follows; there are 'MatMul'"));
}

TEST(Quantizer, RulesOfActivationsWantProductsThatHaveThem) {
  const auto all = *NodeSelector::type("MatMul");
  for (const auto& [approach, name] :
       {std::pair(Approach::kDynamic, "dynamic"), {Approach::kWeightOnly, "weight_only"}})
    EXPECT_THAT(refusal({.selector = all, .algorithm = RangeAlgorithm::kKl}, approach),
                testing::AllOf(HasSubstr("c.yaml: line 3: the rule for operator type MatMul says of activations what"),
                               HasSubstr(name)));
  EXPECT_THAT(refusal({.selector = all, .symmetric_activation = true}, Approach::kDynamic), HasSubstr("cannot have"));
  EXPECT_THAT(refusal({.selector = all, .symmetric_activation = false}, Approach::kDynamic),
              HasSubstr("dynamic_quant"));
  EXPECT_THAT(refusal({.selector = all, .approach = Approach::kStatic, .algorithm = RangeAlgorithm::kMinMax},
                      Approach::kWeightOnly),
              HasSubstr("quantize("));
  EXPECT_THAT(refusal({.selector = all, .quantized = false, .algorithm = RangeAlgorithm::kKl}, Approach::kDynamic),
              HasSubstr("return"))
      << "nothing is int8: whatever it would have been";
}

/// The scales of the quantize nodes in a graph, in order.
std::vector<float> scales_of_quantize(std::string_view text, const Profile& profile,
                                      const QuantizationOptions& options) {
  Graph graph = graph_of(text);
  const auto changed = quantize(graph, &profile, options);
  EXPECT_TRUE(changed.ok()) << changed.error().message;
  std::vector<float> scales;
  for (const auto& node : graph.nodes())
    if (const auto link = as_quantize(node->output())) scales.push_back(link->quantization.scale);
  return scales;
}

constexpr std::string_view kTwoProducts = R"(
    a = matmul(%x:f32[n,4], %w:f32[4,4]=random(1))
    c = concat(a, x) {axis=0}
    b = matmul(c, %v:f32[4,4]=random(2))
    m = matmul(b, %u:f32[4,4]=random(3))
    return m)";

TEST(Quantizer, TensorsCanHaveRangesOfTheirOwn) {
  Profile profile = profile_of({{"x", {-2.55f, 2.55f}}, {"a", {0, 1}}, {"c", {0, 1}}, {"b", {0, 2.55f}}});
  QuantizationOptions options = by_extremes();
  const auto scales = [&] { return scales_of_quantize(kTwoProducts, profile, options); };
  // x and a share the scale of their concat.
  EXPECT_THAT(scales(), ElementsAre(0.02f, 0.02f, 0.02f, 0.01f));

  options.tensors.push_back(*TensorRule::regex("[ac]"));
  options.tensors.back().range = {0, 25.5f};
  EXPECT_THAT(scales(), ElementsAre(0.1f, 0.1f, 0.1f, 0.01f)) << "a rule for one is for all that share its scale";
  options.tensors.push_back(TensorRule::name("x"));
  options.tensors.back().range = {0, 51.0f};
  EXPECT_THAT(scales(), ElementsAre(0.2f, 0.2f, 0.2f, 0.01f)) << "the last one wins";

  profile.tensors["b"].collected["mine"] = {0, 5.1f};
  options.tensors.assign(1, TensorRule::name("b"));
  options.tensors[0].algorithm = RangeAlgorithm::kCollector;
  options.tensors[0].collector = "mine";
  EXPECT_THAT(scales(), ElementsAre(0.02f, 0.02f, 0.02f, 0.02f));
  Graph graph = graph_of(kTwoProducts);
  ASSERT_TRUE(quantize(graph, &profile, options).ok());
  EXPECT_EQ(graph.find_value("m")->producer->rule, "int8 static, by default, its input by the rule for tensor 'b'");
}

TEST(Quantizer, NamesThatAreNoCollectorsAreErrors) {
  Profile profile = profile_of({{"x", {-1, 1}}, {"a", {0, 1}}, {"b", {0, 1}}});
  profile.tensors["b"].collected["deviation"] = {0, 1};
  const auto message = [&](const QuantizationOptions& options, const Profile* seen) {
    Graph graph = graph_of(kTwoProducts);
    const auto quantized = quantize(graph, seen, options);
    return quantized.ok() ? "quantized" : quantized.error().message;
  };
  QuantizationOptions options;
  options.algorithm = RangeAlgorithm::kCollector;
  options.defaults.activation.collector = "persentile";
  options.collector_place = "--ranges";
  EXPECT_EQ(message(options, &profile),
            "--ranges: algorithm 'persentile' is neither a range algorithm (minmax, moving_average, percentile, kl, "
            "mse) nor a collector that the profile has ranges of; the nearest is 'percentile'");
  options.algorithm.reset();
  EXPECT_EQ(message(options, &profile), "quantized");
  options.tensors.push_back(TensorRule::name("b"));
  options.tensors[0].algorithm = RangeAlgorithm::kCollector;
  options.tensors[0].collector = "deviatoin";
  options.tensors[0].collector_place = "line 7";
  EXPECT_THAT(message(options, &profile), HasSubstr("line 7: algorithm 'deviatoin' is neither"));
  EXPECT_THAT(message(options, &profile), HasSubstr("the nearest is 'deviation'"));
  options.tensors[0].collector = "deviation";
  EXPECT_EQ(message(options, &profile), "quantized");
  EXPECT_EQ(check_collectors(options, nullptr).error().message,
            "line 7: algorithm 'deviation' is neither a range algorithm (minmax, moving_average, percentile, kl, mse) "
            "nor a collector that the profile has ranges of; the nearest is 'percentile'");
  options.tensors.clear();
  options.rules.push_back({.selector = *NodeSelector::type("MatMul")});
  options.rules[0].algorithm = RangeAlgorithm::kCollector;
  options.rules[0].collector = "kll";
  options.rules[0].collector_place = "line 3";
  EXPECT_THAT(message(options, &profile), HasSubstr("line 3: algorithm 'kll' is neither"));
}

TEST(Quantizer, RulesOfTensorsThatAreNotReadAreErrors) {
  const Profile profile = profile_of({{"x", {-1, 1}}, {"a", {0, 1}}, {"b", {0, 1}}});
  const auto refused = [&](TensorRule rule) {
    QuantizationOptions options = by_extremes();
    rule.place = "c.yaml: line 9";
    rule.range = {0, 1};
    options.tensors.push_back(std::move(rule));
    return quantized(kTwoProducts, profile, options);
  };
  EXPECT_EQ(refused(TensorRule::name("bb")),
            "c.yaml: line 9: the rule for tensor 'bb' matches no tensor of the compiled model; there are 'b' and 'a'");
  EXPECT_THAT(refused(*TensorRule::regex("b+c")), HasSubstr("the rule for tensors like 'b+c' matches no tensor"));
  EXPECT_EQ(refused(TensorRule::name("m")),
            "c.yaml: line 9: the rule for tensor 'm' selects none that an integer operation could read; there are 'a' "
            "and 'b'");
  EXPECT_THAT(refused(TensorRule::name("w")), HasSubstr("matches no tensor")) << "weights have no such range";
}

TEST(Quantizer, LayersAtTheEndsCanStayReal) {
  Graph graph = graph_of(
      "a = matmul(%x:f32[n,4], %w:f32[4,4]=random(1)) @\"1\"\nb = matmul(a, %v:f32[4,4]=random(2)) @\"2\"\n"
      "c = matmul(b, %u:f32[4,4]=random(2)) @\"3\"\nreturn c");
  QuantizationOptions options = by_extremes();
  options.first_layer = options.last_layer = false;
  const Profile profile = profile_of({{"x", {-1, 1}}, {"a", {-1, 1}}, {"b", {-1, 1}}});
  ASSERT_TRUE(quantize(graph, &profile, options).ok());
  EXPECT_EQ(rule_of(graph, "1"), "fp32: the first layer stays real");
  EXPECT_EQ(rule_of(graph, "2"), "int8 static, by default");
  EXPECT_EQ(rule_of(graph, "3"), "fp32: the last layer stays real");
}

TEST(Quantizer, DynamicRangesAreThoseOfRowsAndImages) {
  constexpr std::string_view kText = R"(
      c = conv(%x:f32[n,4,4,2], %w:f32[3,2,1,1]=random(1)) {kernel=[1,1], channels_last=1} @"conv"
      m = matmul(c, %v:f32[3,3]=random(2)) @"matmul"
      s = matmul(%y:f32[1,3], %u:f32[3,3]=random(3)) @"one row"
      return m, s)";
  QuantizationOptions options;
  options.defaults.approach = Approach::kDynamic;
  const auto ranges = [&] {
    Graph graph = graph_of(kText);
    EXPECT_TRUE(quantize(graph, nullptr, options).ok());
    std::vector<std::string> list;
    for (const auto& node : graph.nodes())
      if (is_op(node.get(), "dynamic_quantize"))
        list.push_back(node->attributes.flag("per_row")     ? "row"
                       : node->attributes.flag("per_image") ? "image"
                                                            : "tensor");
    return list;
  };
  EXPECT_THAT(ranges(), ElementsAre("image", "row", "tensor"));
  options.rules.push_back({.selector = NodeSelector::name("matmul"), .per_row_activation = false});
  EXPECT_THAT(ranges(), ElementsAre("image", "tensor", "tensor"));
  options.rules = {};
  options.defaults.per_row_activation = false;
  EXPECT_THAT(ranges(), ElementsAre("tensor", "tensor", "tensor"));
}

TEST(Quantizer, WantsAProfileForStaticRanges) {
  Graph graph = graph_of("a = matmul(%x:f32[n,4], %w:f32[4,4]=random(1)) @\"m\"\nreturn a");
  EXPECT_EQ(quantize(graph, nullptr, by_extremes()).error().message,
            "node 'm' is to be quantized statically, and no calibration profile is given");
}

TEST(Quantizer, TheBiasTakesWhatRoundingTheWeightsAdds) {
  // Weights 1 and 0.4 in steps of 1/127: 0.4 becomes 51/127, which is 0.4 + 0.2/127.
  Graph graph = graph_of("a = matmul(%x:f32[n,2], %w:f32[2,1]=[1, 0.4], %b:f32[1]=[10])\nreturn a");
  const Profile profile = profile_of({{"x", {-1, 1}}}, {{"x", {5, 127}}});
  ASSERT_TRUE(quantize(graph, &profile, by_extremes()).ok());
  const Value* const bias = graph.nodes().back()->input(2);
  EXPECT_NEAR(bias->literal->at<float>(0), 10 - 0.2, 1e-4);

  Graph uncorrected = graph_of("a = matmul(%x:f32[n,2], %w:f32[2,1]=[1, 0.4], %b:f32[1]=[10])\nreturn a");
  QuantizationOptions options = by_extremes();
  options.correct_bias = false;
  ASSERT_TRUE(quantize(uncorrected, &profile, options).ok());
  EXPECT_EQ(uncorrected.nodes().back()->input(2)->literal->at<float>(0), 10);
}

TEST(QuantizationParameters, HoldZeroAndTheRange) {
  EXPECT_EQ(quantization_of({-1, 4.1f}, false), (Quantization{.scale = 0.02f, .zero_point = 50}));
  EXPECT_EQ(quantization_of({2, 5.1f}, false), (Quantization{.scale = 0.02f, .zero_point = 0})) << "zero is held";
  EXPECT_EQ(quantization_of({-5.1f, -2}, false), (Quantization{.scale = 0.02f, .zero_point = 255}));
  EXPECT_EQ(quantization_of({-1, 2.54f}, true), (Quantization{.scale = 0.02f, .zero_point = 128}));
  EXPECT_EQ(quantization_of({0, 0}, false), (Quantization{.scale = 1, .zero_point = 0}));
  EXPECT_EQ(quantization_of({0, 1e-40f}, false).scale, 0x1p-60f) << "products of scales stay normal numbers";
}

TEST(QuantizationParameters, WeightsByChannelOrForAll) {
  const Literal weights = Literal::of<float>({2, 2}, {1, -2, 0.5f, 4});  // [k, n]
  const auto by_channel = quantize_weights(weights, channels_of_matmul(weights, false), true, 127);
  ASSERT_TRUE(by_channel);
  EXPECT_THAT(by_channel->scales, ElementsAre(1 / 127.0f, 4 / 127.0f));
  EXPECT_THAT(by_channel->q.to_ints(), ElementsAre(127, -64, 64, 127));
  const auto for_all = quantize_weights(weights, channels_of_matmul(weights, false), false, 64);
  EXPECT_THAT(for_all->scales, ElementsAre(4 / 64.0f));
  EXPECT_THAT(for_all->q.to_ints(), ElementsAre(16, -32, 8, 64));
}

double squared_error(const SymmetricWeights& weights, const Literal& real, int64_t channel, WeightChannels layout) {
  double sum = 0;
  for (int64_t i = 0; i < real.count(); ++i) {
    if (layout.of(i) != static_cast<std::size_t>(channel)) continue;
    const double error =
        static_cast<double>(weights.scales[layout.of(i)]) * weights.q.at<int8_t>(i) - real.at<float>(i);
    sum += error * error;
  }
  return sum;
}

// Every clip of the search, tried without its short cuts, for channels from plain ones to those of one giant.
TEST(QuantizationParameters, MseIsTheBestOfAllClips) {
  constexpr int64_t kRows = 600, kChannels = 6;
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  std::vector<float> values;
  for (int64_t i = 0; i < kRows * kChannels; ++i) values.push_back(normal(random));
  for (int64_t c = 0; c < kChannels; ++c) values[static_cast<std::size_t>(c)] *= static_cast<float>(1 << 2 * c);
  for (int64_t r = 0; r < kRows; ++r) values[static_cast<std::size_t>(r * kChannels + 5)] = 0;
  const Literal weights = Literal::of<float>({kRows, kChannels}, values);
  const WeightChannels layout = channels_of_matmul(weights, false);
  for (const int largest : {127, 64}) {
    const auto found = quantize_weights(weights, layout, true, largest, WeightAlgorithm::kMse);
    const auto plain = quantize_weights(weights, layout, true, largest);
    ASSERT_TRUE(found && plain);
    int clipped = 0;
    for (int64_t c = 0; c < kChannels; ++c) {
      float maximum = 0;
      for (int64_t r = 0; r < kRows; ++r) maximum = std::max(maximum, std::abs(weights.at<float>(r * kChannels + c)));
      double least = std::numeric_limits<double>::infinity();
      for (int i = 0; i < 2048; ++i) {
        const float scale =
            maximum == 0 ? 1 : maximum * std::exp2(-static_cast<float>(i) / 256) / static_cast<float>(largest);
        double sum = 0;
        for (int64_t r = 0; r < kRows; ++r) {
          const float w = weights.at<float>(r * kChannels + c), steps = static_cast<float>(largest);
          const double error = static_cast<double>(std::clamp(std::nearbyint(w / scale), -steps, steps)) * scale - w;
          sum += error * error;
        }
        least = std::min(least, sum);
      }
      EXPECT_DOUBLE_EQ(squared_error(*found, weights, c, layout), least) << "channel " << c;
      EXPECT_LE(least, squared_error(*plain, weights, c, layout));
      clipped += found->scales[static_cast<std::size_t>(c)] < plain->scales[static_cast<std::size_t>(c)];
    }
    EXPECT_GT(clipped, 2) << "channels without giants";
    EXPECT_EQ(found->scales[5], 1) << "the channel of zeros";
  }
}

TEST(QuantizationParameters, MseForAllChannelsAtOnce) {
  // One of 2.2 among 1000 of 1, and one step to either side: with 2.2 as the clip all the others become 0.
  std::vector<float> values(1000, 1);
  values[7] = 2.2f;
  const Literal weights = Literal::of<float>({500, 2}, values);
  const auto found = quantize_weights(weights, channels_of_matmul(weights, false), false, 1, WeightAlgorithm::kMse);
  ASSERT_EQ(found->scales.size(), 1u);
  EXPECT_NEAR(found->scales[0], 1, 0.03);
}

}  // namespace
}  // namespace tegula::compiler
