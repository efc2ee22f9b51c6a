#include "compiler/quantize/balance_channels.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <random>

#include "compiler/ops/interpret.h"
#include "compiler/quantize/channel_factors.h"
#include "compiler/quantize/profile_builder.h"
#include "compiler/quantize/quantizer.h"
#include "tests/support/graph_testing.h"

namespace tegula::compiler {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;

/// A profile in which the channels of a tensor have these extremes, and their middles as means.
void see(Profile& profile, const std::string& name, std::vector<float> low, std::vector<float> high) {
  TensorProfile& tensor = profile.tensors[name];
  tensor.count = 1000 * static_cast<int64_t>(low.size());
  tensor.channels.count = 1000;
  for (std::size_t c = 0; c < low.size(); ++c) tensor.channels.sum.push_back(500.0 * (low[c] + high[c]));
  tensor.extremes = {*std::min_element(low.begin(), low.end()), *std::max_element(high.begin(), high.end())};
  tensor.channels.min = std::move(low);
  tensor.channels.max = std::move(high);
}

QuantizationOptions with_alpha(std::optional<double> alpha) {
  QuantizationOptions options;
  options.algorithm = RangeAlgorithm::kMinMax;
  options.smooth = SmoothOptions{.alpha = alpha};
  return options;
}

/// Channels 1 and 16: with weights of 1 and alpha 1/2 the factors are 1/2 and 2.
Profile two_channels(const std::string& name = "x") {
  Profile profile;
  see(profile, name, {-1, -16}, {1, 8});
  return profile;
}

struct Result2 {
  std::string text;
  std::vector<std::string> notes;  // of products in order
  Profile profile;
};

Result2 balanced(std::string_view text, const Profile& profile, const QuantizationOptions& options = with_alpha(.5)) {
  Graph graph = graph_of(text);
  auto result = balance_channels(graph, profile, options);
  EXPECT_TRUE(result.ok()) << result.error().message;
  const Status status = verify(graph);
  EXPECT_TRUE(status.ok()) << status.error().message;
  Result2 all{GraphText(graph).text(), {}, std::move(result->profile)};
  for (const auto& node : graph.nodes())
    if (const auto note = result->notes.find(node.get()); note != result->notes.end())
      all.notes.push_back(note->second);
  EXPECT_EQ(result->changed, all.text != GraphText(text).text());
  return all;
}

TEST(BalanceChannels, DividesTheScaleAndBiasOfALayerNorm) {
  const auto result = balanced(R"(
      x = layer_norm(%z:f32[n,2], %g:f32[2]=[3, 3], %b:f32[2]=[1, 8]) {axis=1}
      y = matmul(x, %w:f32[2,2]=[1,-1,0.5,1])
      return y)",
                               two_channels());
  EXPECT_EQ(result.text, GraphText(R"(
      x = layer_norm(%z:f32[n,2], %g:f32[2]=[6, 1.5], %b:f32[2]=[2, 4]) {axis=1}
      y = matmul(x, %w:f32[2,2]=[0.5,-0.5,1,2])
      return y)")
                             .text());
  EXPECT_THAT(result.notes, ElementsAre("channels balanced with alpha 0.50"));
  const TensorProfile& x = result.profile.tensors.at("x");
  EXPECT_THAT(x.channels.min, ElementsAre(-2, -8));
  EXPECT_THAT(x.channels.max, ElementsAre(2, 4));
  EXPECT_THAT(x.channels.sum, ElementsAre(0, -2000));
  EXPECT_NEAR(x.extremes.low, -8, 1e-4) << "one channel alone reaches there";
  EXPECT_NEAR(x.extremes.high, 4, 1e-4);
}

TEST(BalanceChannels, ANormWithoutScaleAndBiasGetsAScale) {
  EXPECT_EQ(balanced(R"(
      x = layer_norm(%z:f32[n,2]) {axis=1, rms=1}
      y = matmul(x, %w:f32[2,1]=[1,1])
      return y)",
                     two_channels())
                .text,
            GraphText(R"(
      x = layer_norm(%z:f32[n,2], %g:f32[2]=[2, 0.5]) {axis=1, rms=1}
      y = matmul(x, %w:f32[2,1]=[0.5,2])
      return y)")
                .text());
}

TEST(BalanceChannels, AllReadersTakeTheSameFactors) {
  // The largest weights of the channels are 1 and 4: sqrt(16 / 4) / sqrt(1 / 1) = 2, around a mean of 1.
  const auto result = balanced(R"(
      x = layer_norm(%z:f32[n,4,2], %g:f32[2]=[1, 1]) {axis=2}
      q = matmul(x, %w:f32[2,1]=[1,1], %c:f32[1]=[5])
      r = reshape(x) {shape=[4*n,2]}
      k = matmul(r, %v:f32[1,2]=[1,4]) {transpose_b=1}
      return q, k)",
                               two_channels());
  EXPECT_THAT(result.text, HasSubstr("[0.70710677, 1.4142135]"));
  EXPECT_THAT(result.text, HasSubstr("[0.70710677, 5.656854]"));
  EXPECT_EQ(result.notes, std::vector<std::string>(2, "channels balanced with alpha 0.50"));
}

TEST(BalanceChannels, DividesTheOutputsOfAProductBeforeARelu) {
  EXPECT_EQ(balanced(R"(
      x = matmul(%z:f32[n,1], %v:f32[1,2]=[3,3], %b:f32[2]=[1, 8]) {post_ops=[relu]}
      y = matmul(x, %w:f32[2,1]=[1,1])
      return y)",
                     two_channels())
                .text,
            GraphText(R"(
      x = matmul(%z:f32[n,1], %v:f32[1,2]=[6,1.5], %b:f32[2]=[2, 4]) {post_ops=[relu]}
      y = matmul(x, %w:f32[2,1]=[0.5,2])
      return y)")
                .text());
}

TEST(BalanceChannels, DividesConstantsThroughWhatLetsFactorsThrough) {
  const auto result = balanced(R"(
      m = mul(%z:f32[n,2], %g:f32[2]=[3, 3])
      a = add(m, %b:f32[2]=[1, 8])
      x = relu(a)
      y = matmul(x, %w:f32[2,1]=[1,1])
      return y)",
                               two_channels());
  EXPECT_EQ(result.text, GraphText(R"(
      m = mul(%z:f32[n,2], %g:f32[2]=[6, 1.5])
      a = add(m, %b:f32[2]=[2, 4])
      x = relu(a)
      y = matmul(x, %w:f32[2,1]=[0.5,2])
      return y)")
                             .text());
}

TEST(BalanceChannels, ConvolutionsOnlyWhenAsked) {
  constexpr std::string_view kText = R"(
      x = conv(%z:f32[n,4,4,1], %v:f32[2,1,1,1]=[3,3]) {kernel=[1,1], channels_last=1, post_ops=[relu]}
      y = conv(x, %w:f32[1,2,1,1]=[1,1]) {kernel=[1,1], channels_last=1}
      return y)";
  EXPECT_TRUE(balanced(kText, two_channels()).notes.empty());
  QuantizationOptions options = with_alpha(.5);
  options.smooth->convolutions = true;
  EXPECT_EQ(balanced(kText, two_channels(), options).text, GraphText(R"(
      x = conv(%z:f32[n,4,4,1], %v:f32[2,1,1,1]=[6,1.5]) {kernel=[1,1], channels_last=1, post_ops=[relu]}
      y = conv(x, %w:f32[1,2,1,1]=[0.5,2]) {kernel=[1,1], channels_last=1}
      return y)")
                                                               .text());
}

// Grouped, padded, strided convolutions with a leaky relu, and a bias for each channel.
TEST(BalanceChannels, KeepsTheValuesOfConvolutions) {
  const auto pass = [](Graph& graph) -> Result<bool> {
    Profile profile;
    see(profile, "a", {-1, -16, -3, -1, 0, -1}, {1, 8, 100, 1, 7, 30});
    see(profile, "b", {-1, -1, -2, -1}, {1, 8, 50, .1f});
    QuantizationOptions options = with_alpha(.5);
    options.smooth->convolutions = true;
    TEGULA_ASSIGN_OR_RETURN(const Balanced result, balance_channels(graph, profile, options));
    int count = 0;
    for (const auto& [node, note] : result.notes) count += note.starts_with("channels balanced");
    EXPECT_EQ(count, 2);
    return result.changed;
  };
  expect_same_values(pass, R"(
      a = conv(%z:f32[n,6,6,3], %u:f32[6,3,3,3]=random(1), %c:f32[6]=random(2)) {kernel=[3,3], pads_begin=[1,1],
            pads_end=[1,1], channels_last=1, post_ops=[relu]}
      b = conv(a, %v:f32[4,3,3,3]=random(3), %d:f32[4]=random(4)) {kernel=[3,3], groups=2, strides=[2,2],
            pads_begin=[1,1], pads_end=[1,1], channels_last=1, post_ops=[leaky_relu(alpha=0.2)]}
      y = conv(b, %w:f32[5,4,1,1]=random(5)) {kernel=[1,1], channels_last=1}
      return y)");
}

/// The notes of a graph that has to stay as it is, whose last product's input `x` has channels of 1 and 16.
std::string why_not(const std::string& text, const QuantizationOptions& options = with_alpha(.5)) {
  const auto result = balanced(text, two_channels(), options);
  EXPECT_EQ(result.text, GraphText(std::string_view(text)).text());
  return result.notes.empty() ? "" : result.notes.back();
}

constexpr const char* kProduct = "\ny = matmul(x, %w:f32[2,1]=[1,1])\n";

/// The notes of a graph whose last product reads `x` through a multiplication.
std::string multiplied(const std::string& text) {
  const auto result = balanced(text, two_channels());
  EXPECT_THAT(result.text, HasSubstr("= mul(")) << result.text;
  EXPECT_THAT(result.text, HasSubstr("f32[2] = [2, 0.5]"));
  EXPECT_THAT(result.text, HasSubstr("f32[2,1] = [0.5, 2]"));
  return result.notes.empty() ? "" : result.notes.back();
}

TEST(BalanceChannels, MultipliesInFrontOfProductsWhereNothingTakesTheDivision) {
  const auto note = [](const std::string& why) {
    return concat("channels balanced with alpha 0.50, multiplied in front of it (", why, ")");
  };
  const std::string norm = std::string("x = layer_norm(%z:f32[n,2], %g:f32[2]=[1,1]) {axis=1}") + kProduct;
  EXPECT_EQ(multiplied(norm + "s = add(x, z) @\"sum\"\nreturn y, s"), note("Add 'sum' reads it, too"));
  EXPECT_EQ(multiplied(norm + "return y, x"), note("it is an output of the model"));
  EXPECT_EQ(multiplied("y = matmul(%x:f32[n,2], %w:f32[2,1]=[1,1])\nreturn y"), note("it is an input of the model"));
  EXPECT_EQ(multiplied(std::string("x = softmax(%z:f32[n,2]) {axis=1}") + kProduct + "return y"),
            note("Softmax makes it"));
  EXPECT_EQ(multiplied(std::string("x = add(%z:f32[n,2], %u:f32[n,2])") + kProduct + "return y"),
            note("Add makes it, of no constant by channel"));
  EXPECT_EQ(multiplied(std::string("m = mul(%z:f32[n,2], %g:f32[2]=[1,1])\nx = relu(m)") + kProduct +
                       "e = exp(m)\nreturn y, e"),
            note("more than one operation reads 'm'"));
  EXPECT_EQ(multiplied(std::string("x = layer_norm(%z:f32[n,2], %g:f32[2]) {axis=1}") + kProduct + "return y"),
            note("the scale and bias of its normalization are no constants"));
}

TEST(BalanceChannels, TheSumsOfAPostNormTransformerStayAsTheyAre) {
  const auto result = balanced(R"(
      x = layer_norm(%z:f32[n,2], %g:f32[2]=[3, 3], %b:f32[2]=[1, 8]) {axis=1}
      y = matmul(x, %w:f32[2,2]=[1,-1,0.5,1])
      r = reshape(x) {shape=[1,n,2]}
      k = matmul(r, %v:f32[2,2]=[1,-1,0.5,1])
      s = add(y, x)
      return s, k)",
                               two_channels());
  EXPECT_EQ(result.text, GraphText(R"(
      x = layer_norm(%z:f32[n,2], %g:f32[2]=[3, 3], %b:f32[2]=[1, 8]) {axis=1}
      m = mul(x, %f:f32[2]=[2, 0.5])
      y = matmul(m, %w:f32[2,2]=[0.5,-0.5,1,2])
      r = reshape(x) {shape=[1,n,2]}
      t = mul(r, f)
      k = matmul(t, %v:f32[2,2]=[0.5,-0.5,1,2])
      s = add(y, x)
      return s, k)")
                             .text());
  EXPECT_THAT(result.profile.tensors.at("x").channels.max, ElementsAre(1, 8)) << "what the sum reads has not changed";
  for (const char* name : {"x_balanced", "r_balanced"}) {
    ASSERT_TRUE(result.profile.tensors.contains(name)) << name;
    EXPECT_THAT(result.profile.tensors.at(name).channels.max, ElementsAre(2, 4)) << name;
  }
}

TEST(BalanceChannels, BehindAFunctionTheProductMultiplies) {
  const auto result =
      balanced(std::string("x = matmul(%z:f32[n,1], %v:f32[1,2]=[1,1]) {post_ops=[gelu_erf]}") + kProduct + "return y",
               two_channels());
  EXPECT_EQ(result.text, GraphText(R"(
      x = matmul(%z:f32[n,1], %v:f32[1,2]=[1,1]) {post_ops=[gelu_erf, mul(%f:f32[2]=[2, 0.5])]}
      y = matmul(x, %w:f32[2,1]=[0.5,2])
      return y)")
                             .text());
  EXPECT_EQ(result.notes.back(), "channels balanced with alpha 0.50");
  EXPECT_THAT(result.profile.tensors.at("x").channels.max, ElementsAre(2, 4));
}

TEST(BalanceChannels, SaysWhyChannelsStay) {
  const std::string norm = std::string("x = layer_norm(%z:f32[n,2], %g:f32[2]=[1,1]) {axis=1}") + kProduct;
  Profile alike;
  see(alike, "x", {-1, -1.1f}, {1, 1});
  EXPECT_THAT(balanced("y = matmul(%x:f32[n,2], %w:f32[2,1]=[1,1])\nreturn y", alike).notes,
              ElementsAre("channels not balanced: it is an input of the model, and a multiplication would not lessen "
                          "the expected error by a tenth"));
  QuantizationOptions convolutions = with_alpha(.5);
  convolutions.smooth->convolutions = true;
  EXPECT_EQ(
      why_not("y = conv(%x:f32[1,3,2], %w:f32[1,2,1]=[1,1]) {kernel=[1], channels_last=1}\nreturn y", convolutions),
      "channels not balanced: it is an input of the model, and 'y' is no product by a constant matrix");
  EXPECT_EQ(
      why_not("q = layer_norm(%z:f32[n,2], %g:f32[2]=[1,1]) {axis=1}\ny = matmul(q, %w:f32[2,1]=[1,1])\nreturn y"),
      "channels not balanced: calibration has not seen them");
  EXPECT_EQ(why_not("x = layer_norm(%z:f32[n,2], %g:f32[2]=[1e38,1e38]) {axis=1}\n"
                    "y = matmul(x, %w:f32[2,1]=[1e-38,1e38])\nreturn y"),
            "channels not balanced: a factor leaves the range of fp32");
  Profile few = two_channels();
  few.tensors["x"].channels.count = 999;
  EXPECT_THAT(
      balanced(norm + "return y", few).notes,
      ElementsAre("channels not balanced: calibration has seen 999 values of each, fewer than 1000; give it more "
                  "samples"));
  QuantizationOptions given = with_alpha(.5);
  given.tensors.push_back(TensorRule::name("x"));
  given.tensors.back().range = {-1, 1};
  EXPECT_EQ(why_not(norm + "return y", given), "channels not balanced: a rule gives its range");
  QuantizationOptions real = with_alpha(.5);
  real.defaults.quantized = false;
  EXPECT_EQ(why_not(norm + "return y", real), "") << "nothing becomes int8";
}

// Two channels of 1 and 100, or alike.
TEST(BalanceChannels, AlphaIsSearchedWhereItHelps) {
  constexpr std::string_view kText = R"(
      x = layer_norm(%z:f32[n,4], %g:f32[4]=random(1)) {axis=1}
      y = matmul(x, %w:f32[4,3]=random(2))
      return y)";
  Profile outliers, alike;
  see(outliers, "x", {-1, -1, -100, -1}, {1, 1, 100, 1});
  see(alike, "x", {-1, -1, -1, -1}, {1, 1, 1, 1});
  EXPECT_THAT(balanced(kText, outliers, with_alpha({})).notes,
              ElementsAre(HasSubstr("channels balanced with alpha 0.")));
  Profile uniform;
  see(uniform, "x", {-1, -1}, {1, 1});
  EXPECT_THAT(
      balanced("x = layer_norm(%z:f32[n,2], %g:f32[2]=[1,1]) {axis=1}\ny = matmul(x, %w:f32[2,1]=[1,1])\nreturn y",
               uniform, with_alpha({}))
          .notes,
      ElementsAre("channels not balanced: no alpha lessens the expected error"));
}

TEST(ChannelFactors, AreThoseOfThePaper) {
  ChannelProfile channels{.min = {-1, -16, 0}, .max = {1, 8, 0}, .sum = {0, 0, 0}, .count = 10};
  const SharedWeights weights{.weights = {{0, 0, 2}, {1, 0, -8}, {2, 0, 1}, {0, 1, 1}}, .outputs = 2};
  // 1^a / 2^(1-a) and 16^a / 8^(1-a), divided by their geometric mean; nothing is known of the third.
  for (const double alpha : {0.0, 0.25, 0.5, 1.0}) {
    const double first = 1 / std::pow(2, 1 - alpha), second = std::pow(16, alpha) / std::pow(8, 1 - alpha);
    const double mean = std::sqrt(first * second);
    EXPECT_THAT(channel_factors(channels, weights, alpha),
                ElementsAre(DoubleNear(first / mean, 1e-12), DoubleNear(second / mean, 1e-12), 1));
  }
}

/// What really happens: values and weights of these channels are rounded, and the results compared.
double measured_error(const std::vector<std::vector<double>>& rows, const std::vector<std::vector<double>>& weights,
                      const std::vector<double>& factors) {
  const std::size_t depth = factors.size(), outputs = weights[0].size();
  double low = 0, high = 0;
  for (const auto& row : rows)
    for (std::size_t c = 0; c < depth; ++c) {
      low = std::min(low, row[c] / factors[c]);
      high = std::max(high, row[c] / factors[c]);
    }
  const double step = (high - low) / 255;
  std::vector<double> steps(outputs, 0);
  for (std::size_t c = 0; c < depth; ++c)
    for (std::size_t j = 0; j < outputs; ++j) steps[j] = std::max(steps[j], std::abs(weights[c][j]) * factors[c] / 127);
  double sum = 0;
  for (const auto& row : rows)
    for (std::size_t j = 0; j < outputs; ++j) {
      double difference = 0;
      for (std::size_t c = 0; c < depth; ++c) {
        const double x = row[c] / factors[c], w = weights[c][j] * factors[c];
        difference += std::nearbyint(x / step) * step * std::nearbyint(w / steps[j]) * steps[j] - x * w;
      }
      sum += difference * difference;
    }
  return sum / static_cast<double>(rows.size());
}

// The formula against rounding 400 rows. The means of 400 x 16 squares of sums spread by some percent.
TEST(ChannelFactors, TheExpectedErrorIsThatOfRounding) {
  constexpr std::size_t kDepth = 24, kOutputs = 16, kRows = 400;
  std::mt19937 random(11);
  std::normal_distribution<double> normal;
  std::vector<std::vector<double>> rows(kRows, std::vector<double>(kDepth)),
      matrix(kDepth, std::vector<double>(kOutputs));
  ChannelProfile channels{.min = std::vector<float>(kDepth, 1e9f),
                          .max = std::vector<float>(kDepth, -1e9f),
                          .sum = std::vector<double>(kDepth, 0),
                          .count = kRows};
  for (auto& row : rows)
    for (std::size_t c = 0; c < kDepth; ++c) {
      row[c] = normal(random) * (c == 5 ? 50 : 1) + (c == 7 ? 3 : 0);
      channels.min[c] = std::min(channels.min[c], static_cast<float>(row[c]));
      channels.max[c] = std::max(channels.max[c], static_cast<float>(row[c]));
      channels.sum[c] += row[c];
    }
  SharedWeights weights{.weights = {}, .outputs = kOutputs};
  for (std::size_t c = 0; c < kDepth; ++c)
    for (std::size_t j = 0; j < kOutputs; ++j) {
      matrix[c][j] = static_cast<float>(normal(random));
      weights.weights.push_back({static_cast<int32_t>(c), static_cast<int32_t>(j), static_cast<float>(matrix[c][j])});
    }
  double least_measured = measured_error(rows, matrix, std::vector<double>(kDepth, 1)), measured_at_best = 0;
  const std::optional<double> best = best_alpha(channels, weights);
  ASSERT_TRUE(best);
  const double unbalanced = least_measured;
  for (int i = 0; i <= 20; ++i) {
    const double alpha = i / 20.0;
    const std::vector<double> factors = channel_factors(channels, weights, alpha);
    const double is = measured_error(rows, matrix, factors), expected = expected_error(channels, weights, factors);
    EXPECT_NEAR(expected / is, 1, 0.3) << "alpha " << alpha;
    least_measured = std::min(least_measured, is);
    if (alpha == *best) measured_at_best = is;
  }
  EXPECT_LT(measured_at_best, 0.1 * unbalanced);
  EXPECT_LT(measured_at_best, 1.3 * least_measured);
}

TEST(ChannelFactors, TheEstimatedHistogramHasTheShapeOfItsChannels) {
  constexpr std::size_t kChannels = 3;
  constexpr int64_t kCount = 20000;
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  const float scales[] = {1, 8, 1}, means[] = {0, 0, 2};
  TensorProfile tensor;
  tensor.count = kCount * kChannels;
  tensor.channels = {.min = std::vector<float>(kChannels, 1e9f),
                     .max = std::vector<float>(kChannels, -1e9f),
                     .sum = std::vector<double>(kChannels, 0),
                     .count = kCount};
  std::vector<float> divided_values;
  const std::vector<double> factors = {0.5, 4, 1};
  for (int64_t i = 0; i < kCount; ++i)
    for (std::size_t c = 0; c < kChannels; ++c) {
      const float x = normal(random) * scales[c] + means[c];
      tensor.channels.min[c] = std::min(tensor.channels.min[c], x);
      tensor.channels.max[c] = std::max(tensor.channels.max[c], x);
      tensor.channels.sum[c] += static_cast<double>(x);
      divided_values.push_back(static_cast<float>(x / factors[c]));
    }
  TensorProfile exact;
  exact.count = tensor.count;
  exact.histogram.add(divided_values);
  const auto [low, high] = std::minmax_element(divided_values.begin(), divided_values.end());
  exact.extremes = {*low, *high};
  const TensorProfile estimate = divided(tensor, factors);
  EXPECT_LE(estimate.extremes.low, exact.extremes.low);
  EXPECT_GE(estimate.extremes.high, exact.extremes.high);
  EXPECT_NEAR(estimate.extremes.low / exact.extremes.low, 1, .2);
  EXPECT_NEAR(estimate.extremes.high / exact.extremes.high, 1, .2);
  const Range most = *choose_range(estimate, {.algorithm = RangeAlgorithm::kPercentile, .percentile = 99});
  const auto outside = std::count_if(divided_values.begin(), divided_values.end(),
                                     [&](float x) { return x < most.low || x > most.high; });
  // Extremes of 20000 values spread by 7 % of themselves, and 1 % of a normal distribution lies beyond 2.58 deviations:
  // between what lies beyond 7 % less and 7 % more.
  const double share = static_cast<double>(outside) / static_cast<double>(divided_values.size());
  EXPECT_GT(share, .0058);
  EXPECT_LT(share, .0164);
  // Clips that are not far from the best one cost about as much: what counts is the error.
  const auto error = [&](const Range& range) {
    const double low_end = range.low, step = (static_cast<double>(range.high) - low_end) / 255;
    double sum = 0;
    for (const float x : divided_values) {
      const double difference = low_end + std::clamp(std::nearbyint((x - low_end) / step), 0.0, 255.0) * step - x;
      sum += difference * difference;
    }
    return sum;
  };
  const Range best = *choose_range(exact, {.algorithm = RangeAlgorithm::kMse});
  EXPECT_LT(error(*choose_range(estimate, {.algorithm = RangeAlgorithm::kMse})), 1.1 * error(best));
}

// ---- a transformer with channels of outliers

constexpr int64_t kTokens = 24, kWidth = 32;

/// Layer norm, projections, attention, sum, layer norm, two products with relu between them, sum. Some channels of the
/// norms' scales are 50 times as large as the others.
constexpr std::string_view kTransformer = R"(
    n1 = layer_norm(%z:f32[24,32], %g1:f32[32]=random(1), %b1:f32[32]=random(2)) {axis=1}
    q = matmul(n1, %wq:f32[32,32]=random(3), %bq:f32[32]=random(4))
    k = matmul(n1, %wk:f32[32,32]=random(5))
    v = matmul(n1, %wv:f32[32,32]=random(6))
    s = matmul(q, k) {transpose_b=1, alpha=0.0001}
    p = softmax(s) {axis=1}
    o = matmul(p, v)
    h = add(o, z)
    n2 = layer_norm(h, %g2:f32[32]=random(7), %b2:f32[32]=random(8)) {axis=1}
    f = matmul(n2, %w1:f32[32,64]=random(9), %c1:f32[64]=random(10)) {post_ops=[relu]}
    y = matmul(f, %w2:f32[64,32]=random(11))
    return y)";

/// The same with the norms behind the sums, which read them too, and with gelu.
constexpr std::string_view kPostNormTransformer = R"(
    n1 = layer_norm(%z:f32[24,32], %g1:f32[32]=random(1), %b1:f32[32]=random(2)) {axis=1}
    q = matmul(n1, %wq:f32[32,32]=random(3), %bq:f32[32]=random(4))
    k = matmul(n1, %wk:f32[32,32]=random(5))
    v = matmul(n1, %wv:f32[32,32]=random(6))
    s = matmul(q, k) {transpose_b=1, alpha=0.0001}
    p = softmax(s) {axis=1}
    o = matmul(p, v)
    h = add(o, n1)
    n2 = layer_norm(h, %g2:f32[32]=random(7), %b2:f32[32]=random(8)) {axis=1}
    f = matmul(n2, %w1:f32[32,64]=random(9), %c1:f32[64]=random(10)) {post_ops=[gelu_erf]}
    d = matmul(f, %w2:f32[64,32]=random(11))
    e = add(d, n2)
    y = layer_norm(e, %g3:f32[32]=random(12), %b3:f32[32]=random(13)) {axis=1}
    return y)";

Graph transformer(std::string_view text = kTransformer) {
  Graph graph = graph_of(text);
  for (const char* name : {"n1", "n2"}) {
    Node* const norm = graph.find_value(name)->producer;
    std::vector<float> scale;
    for (int64_t c = 0; c < kWidth; ++c) {
      const float g = 0.5f + std::abs(norm->input(1)->literal->at<float>(c));
      scale.push_back(c % 11 == 3 ? 50 * g : g);
    }
    graph.set_input(norm, 1, graph.add_constant("g", Literal::of<float>({kWidth}, scale)));
  }
  return graph;
}

Literal normal_input(unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values;
  for (int64_t i = 0; i < kTokens * kWidth; ++i) values.push_back(normal(random));
  return Literal::of<float>({kTokens, kWidth}, values);
}

/// What calibration sees of 48 inputs: 1152 values of each channel.
Profile calibrated(const Graph& graph) {
  std::vector<std::string> names;
  for (const auto& node : graph.nodes()) names.push_back(node->output()->name);
  ProfileBuilder builder(names, .01);
  ProfileBuilder::Sample sample(builder);
  for (unsigned seed = 1; seed <= 48; ++seed) {
    const std::vector<Literal> inputs = {normal_input(seed)};
    const auto outputs =
        interpret(graph, inputs, [&](const Node& node, std::size_t output, const Literal& literal) -> Status {
          if (output != 0) return {};
          std::vector<float> values;
          for (int64_t i = 0; i < literal.count(); ++i) values.push_back(literal.at<float>(i));
          sample.see(node.output()->name, values.data(), literal.dims());
          return {};
        });
    EXPECT_TRUE(outputs.ok()) << outputs.error().message;
    builder.commit(sample);
  }
  return builder.take();
}

/// Noise over signal of the output, over inputs that calibration has not seen.
double error_of(const Graph& graph, const Graph& reference) {
  double noise = 0, signal = 0;
  for (unsigned seed = 100; seed < 108; ++seed) {
    const std::vector<Literal> inputs = {normal_input(seed)};
    const auto is = interpret(graph, inputs), want = interpret(reference, inputs);
    EXPECT_TRUE(is.ok() && want.ok());
    for (int64_t i = 0; i < want->at(0).count(); ++i) {
      const double y = want->at(0).at<float>(i), difference = is->at(0).at<float>(i) - y;
      noise += difference * difference;
      signal += y * y;
    }
  }
  return noise / signal;
}

double error_with(const Graph& reference, const Profile& profile, std::optional<SmoothOptions> smooth,
                  Approach approach, std::string_view text = kTransformer) {
  Graph graph = transformer(text);
  QuantizationOptions options;
  options.smooth = smooth;
  options.defaults.approach = approach;
  const auto changed = quantize(graph, &profile, options);
  EXPECT_TRUE(changed.ok() && *changed);
  return error_of(graph, reference);
}

TEST(BalanceChannels, ATransformerWithOutliersLosesItsError) {
  const Graph reference = transformer();
  const Profile profile = calibrated(reference);
  for (const Approach approach : {Approach::kStatic, Approach::kDynamic}) {
    const double plain = error_with(reference, profile, std::nullopt, approach);
    const double half = error_with(reference, profile, SmoothOptions{.alpha = .5}, approach);
    const double searched = error_with(reference, profile, SmoothOptions{.alpha = std::nullopt}, approach);
    testing::Test::RecordProperty(concat("noise_", to_string(approach)), concat(plain, " ", half, " ", searched));
    EXPECT_LT(half, plain / 4) << to_string(approach) << ": " << plain;
    EXPECT_LT(searched, plain / 4) << to_string(approach) << ": " << plain;
  }
}

TEST(BalanceChannels, ATransformerWithNormsBehindItsSumsLosesItsErrorToo) {
  const Graph reference = transformer(kPostNormTransformer);
  const Profile profile = calibrated(reference);
  for (const Approach approach : {Approach::kStatic, Approach::kDynamic}) {
    const auto error = [&](std::optional<SmoothOptions> smooth) {
      return error_with(reference, profile, smooth, approach, kPostNormTransformer);
    };
    const double plain = error(std::nullopt), half = error(SmoothOptions{.alpha = .5}),
                 searched = error(SmoothOptions{.alpha = std::nullopt});
    testing::Test::RecordProperty(concat("noise_", to_string(approach)), concat(plain, " ", half, " ", searched));
    EXPECT_LT(half, plain / 4) << to_string(approach) << ": " << plain;
    EXPECT_LT(searched, plain / 4) << to_string(approach) << ": " << plain;
  }
}

TEST(BalanceChannels, KeepsTheValuesOfATransformer) {
  const Graph reference = transformer();
  const Profile profile = calibrated(reference);
  for (const auto alpha : {std::optional<double>(), std::optional(0.0), std::optional(.5), std::optional(1.0)}) {
    Graph graph = transformer();
    QuantizationOptions options;
    options.smooth = SmoothOptions{.alpha = alpha};
    const auto result = balance_channels(graph, profile, options);
    ASSERT_TRUE(result.ok() && result->changed);
    int count = 0;
    for (const auto& [node, note] : result->notes) count += note.starts_with("channels balanced");
    EXPECT_EQ(count, 5) << "all products of constant weights";
    // Each weight and scale is rounded once more: some 2^-24 of sums that cancel a little.
    EXPECT_LT(std::sqrt(error_of(graph, reference)), 1e-5);
  }
}

// What follows from the profile of the graph as it was is what calibrating the balanced graph sees, but for rounding.
TEST(BalanceChannels, TheProfileIsThatOfTheBalancedGraph) {
  Graph graph = transformer();
  const Profile profile = calibrated(graph);
  const auto result = balance_channels(graph, profile, with_alpha(.5));
  ASSERT_TRUE(result.ok() && result->changed);
  const Profile seen = calibrated(graph);
  for (const auto& [name, tensor] : seen.tensors) {
    const TensorProfile& follows = result->profile.tensors.at(name);
    const float width = tensor.extremes.high - tensor.extremes.low;
    EXPECT_LE(follows.extremes.low, tensor.extremes.low + 1e-4 * width) << name;
    EXPECT_GE(follows.extremes.high, tensor.extremes.high - 1e-4 * width) << name;
    EXPECT_LT(follows.extremes.high - follows.extremes.low, 1.5 * width) << name;
    for (std::size_t c = 0; c < tensor.channels.size(); ++c) {
      EXPECT_NEAR(follows.channels.max[c], tensor.channels.max[c], 1e-4 * tensor.extremes.high) << name << " " << c;
      EXPECT_NEAR(follows.channels.sum[c], tensor.channels.sum[c], 1e-4 * tensor.extremes.high * 1152)
          << name << " " << c;
    }
  }
}

TEST(BalanceChannels, WantsAProfile) {
  Graph graph = transformer();
  QuantizationOptions options = with_alpha(.5);
  options.defaults.approach = Approach::kDynamic;
  EXPECT_EQ(quantize(graph, nullptr, options).error().message,
            "channels are balanced by a calibration profile, and none is given");
}

}  // namespace
}  // namespace tegula::compiler
