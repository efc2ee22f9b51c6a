#include "compiler/driver/configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "compiler/driver/diagnosis_report.h"
#include "compiler/driver/int8_options.h"
#include "tests/support/temporary_folder.h"

namespace tegula::driver {
namespace {

using compiler::Approach;
using compiler::QuantizationOptions;
using compiler::RangeAlgorithm;
using ::testing::HasSubstr;

class ConfigurationTest : public ::testing::Test {
 protected:
  Result<Configuration> read(std::string_view text) const {
    const auto path = folder_.path() / "c.yaml";
    std::ofstream(path) << text;
    return read_configuration(path);
  }
  std::string message(std::string_view text) const {
    const auto configuration = read(text);
    return configuration.ok() ? "" : configuration.error().message;
  }

 private:
  test::TemporaryFolder folder_;
};

TEST_F(ConfigurationTest, ReadsListsOfBf16) {
  const auto configuration = read("bf16:\n  allow: [type:Softmax, \"name:/a b\"]\n  deny: 'regex:.*/head/.*'\n");
  ASSERT_TRUE(configuration.ok()) << configuration.error().message;
  ASSERT_EQ(configuration->bf16.allow.size(), 2u);
  EXPECT_EQ(configuration->bf16.allow[0].description(), "operator type Softmax");
  EXPECT_EQ(configuration->bf16.allow[1].text(), "/a b");
  ASSERT_EQ(configuration->bf16.deny.size(), 1u);
  EXPECT_EQ(configuration->bf16.deny[0].kind(), compiler::NodeSelector::Kind::kRegex);
  EXPECT_THAT(configuration->bf16.deny[0].place, testing::EndsWith("c.yaml': line 3"));
  EXPECT_TRUE(read("# nothing\n").ok());
}

TEST_F(ConfigurationTest, ReadsHowProductsAreQuantized) {
  const auto configuration = read(R"(
int8:
  approach: static
  activation: {algorithm: [kl], scheme: sym}
  weight: {granularity: per_tensor}
  last_layer: false
  op_name_dict:
    "/head/MatMul": {dtype: fp32}
    "regex:/block.*": {approach: dynamic, activation: {granularity: per_tensor}}
  op_regex_dict:
    "/tail.*": {activation: {percentile: 99.9}}
  op_type_dict:
    Conv: {activation: {algorithm: my_collector}}
)");
  ASSERT_TRUE(configuration.ok()) << configuration.error().message;
  const QuantizationOptions& int8 = configuration->int8;
  EXPECT_EQ(int8.algorithm, RangeAlgorithm::kKl);
  EXPECT_TRUE(int8.defaults.symmetric_activation);
  EXPECT_FALSE(int8.defaults.per_channel_weights);
  EXPECT_TRUE(int8.first_layer);
  EXPECT_FALSE(int8.last_layer);
  ASSERT_EQ(int8.rules.size(), 4u);
  EXPECT_EQ(int8.rules[0].selector.description(), "operator type Conv") << "types, then expressions, then names";
  EXPECT_EQ(int8.rules[0].algorithm, RangeAlgorithm::kCollector);
  EXPECT_EQ(int8.rules[0].collector, "my_collector");
  EXPECT_THAT(int8.rules[0].collector_place, testing::EndsWith("c.yaml': line 13"));
  EXPECT_EQ(int8.rules[1].selector.description(), "nodes like '/tail.*'");
  EXPECT_EQ(int8.rules[1].percentile, 99.9);
  EXPECT_EQ(int8.rules[1].algorithm, RangeAlgorithm::kPercentile) << "what a percentile is of";
  EXPECT_EQ(int8.rules[2].selector.description(), "nodes like '/block.*'");
  EXPECT_EQ(int8.rules[2].approach, Approach::kDynamic);
  EXPECT_EQ(int8.rules[2].per_row_activation, false);
  EXPECT_TRUE(int8.defaults.per_row_activation);
  EXPECT_FALSE(int8.rules[2].quantized.has_value());
  EXPECT_EQ(int8.rules[3].selector.description(), "node '/head/MatMul'");
  EXPECT_EQ(int8.rules[3].quantized, false);
  EXPECT_THAT(int8.rules[3].place, testing::EndsWith("c.yaml': line 8"));
}

// A rule as Neural Compressor's users have it: lists of one word, its names of types.
TEST_F(ConfigurationTest, ReadsRulesAsNeuralCompressorWritesThem) {
  const auto configuration = read(R"(
int8:
  op_type_dict:
    MatMul:
      activation: {dtype: ['uint8'], scheme: ['asym'], granularity: ['per_tensor'], algorithm: ['minmax']}
      weight: {dtype: ['int8'], scheme: ['sym'], granularity: ['per_channel'], algorithm: ['mse']}
  op_name_dict:
    a: {activation: {dtype: ['int8']}}
    b: {activation: {dtype: ['fp32']}, weight: {dtype: ['fp32']}}
    c: {activation: {dtype: fp32}, weight: {dtype: s8}}
    d: {approach: dynamic, activation: {dtype: u8, scheme: asym, granularity: per_tensor, algorithm: minmax}}
)");
  ASSERT_TRUE(configuration.ok()) << configuration.error().message;
  const auto& rules = configuration->int8.rules;
  ASSERT_EQ(rules.size(), 5u);
  EXPECT_EQ(rules[0].quantized, true);
  EXPECT_EQ(rules[0].symmetric_activation, false);
  EXPECT_EQ(rules[0].algorithm, RangeAlgorithm::kMinMax);
  EXPECT_EQ(rules[0].per_channel_weights, true);
  EXPECT_EQ(rules[0].weight_algorithm, compiler::WeightAlgorithm::kMse);
  EXPECT_FALSE(rules[0].approach.has_value());
  EXPECT_EQ(rules[1].symmetric_activation, true) << "int8 has zero in the middle";
  EXPECT_EQ(rules[2].quantized, false) << "both in fp32";
  EXPECT_EQ(rules[3].quantized, true);
  EXPECT_EQ(rules[3].approach, Approach::kWeightOnly) << "activations in fp32";
  EXPECT_EQ(rules[4].approach, Approach::kDynamic);
}

TEST_F(ConfigurationTest, ReadsRangesOfTensors) {
  const auto configuration = read(R"(
int8:
  tensor_dict:
    "/fc/Relu_output_0": {range: [0, 6.5]}
    "regex:.*/Add_output_0": {algorithm: kl}
    input: {percentile: 99}
)");
  ASSERT_TRUE(configuration.ok()) << configuration.error().message;
  const auto& tensors = configuration->int8.tensors;
  ASSERT_EQ(tensors.size(), 3u);
  EXPECT_EQ(tensors[0].description(), "tensors like '.*/Add_output_0'") << "names win over expressions";
  EXPECT_EQ(tensors[0].algorithm, RangeAlgorithm::kKl);
  EXPECT_EQ(tensors[1].range, (compiler::Range{0, 6.5f}));
  EXPECT_THAT(tensors[1].place, testing::EndsWith("c.yaml': line 4"));
  EXPECT_EQ(tensors[2].algorithm, RangeAlgorithm::kPercentile);
  EXPECT_EQ(tensors[2].percentile, 99);
}

TEST_F(ConfigurationTest, ReadsHowChannelsAreBalanced) {
  const auto smooth = [&](const std::string& text) {
    const auto configuration = read("int8:\n  smooth_quant: " + text + "\n");
    EXPECT_TRUE(configuration.ok()) << configuration.error().message;
    return configuration->int8.smooth;
  };
  EXPECT_FALSE(read("int8: {}\n")->int8.smooth.has_value());
  EXPECT_FALSE(smooth("false").has_value());
  EXPECT_EQ(smooth("true")->alpha, 0.5);
  EXPECT_EQ(smooth("{alpha: 0.8}")->alpha, 0.8);
  EXPECT_FALSE(smooth("{alpha: 0.8}")->convolutions);
  EXPECT_EQ(smooth("{alpha: auto}")->alpha, std::nullopt);
  EXPECT_TRUE(smooth("{convolutions: true}")->convolutions);
  const auto refused = [&](const std::string& text) { return message("int8:\n  smooth_quant: " + text + "\n"); };
  EXPECT_THAT(refused("{alpha: 1.5}"), HasSubstr("line 2: alpha is a number from 0 to 1, or auto, not '1.5'"));
  EXPECT_THAT(refused("{alpha: some}"), HasSubstr("line 2: alpha is a number"));
  EXPECT_THAT(refused("{beta: 1}"),
              HasSubstr("line 2: smooth_quant has no 'beta', the nearest is 'alpha'; it has alpha, convolutions"));
  EXPECT_THAT(refused("0.5"), HasSubstr("line 2: smooth_quant: true or false expected"));
}

// The command line wins over the file.
TEST_F(ConfigurationTest, TheCommandLineBalancesChannelsAsWell) {
  QuantizationOptions options;
  Int8Options line;
  line.smooth = "auto";
  ASSERT_TRUE(apply(line, options).ok());
  EXPECT_EQ(options.smooth->alpha, std::nullopt);
  options.smooth->convolutions = true;
  line.smooth = "0.25";
  ASSERT_TRUE(apply(line, options).ok());
  EXPECT_EQ(options.smooth->alpha, 0.25);
  EXPECT_TRUE(options.smooth->convolutions);
  line.smooth = "m.onnx";
  EXPECT_EQ(apply(line, options).error().message, "--smooth-quant m.onnx is no alpha: a number from 0 to 1, or auto");
}

TEST_F(ConfigurationTest, TheSectionCanLeaveAllProductsThatNoRuleNames) {
  const auto configuration = read("int8:\n  dtype: fp32\n  op_name_dict:\n    a: {dtype: int8}\n");
  ASSERT_TRUE(configuration.ok()) << configuration.error().message;
  EXPECT_FALSE(configuration->int8.defaults.quantized);
  EXPECT_EQ(configuration->int8.rules.at(0).quantized, true);
}

TEST_F(ConfigurationTest, RefusesQuantizationItDoesNotKnow) {
  const auto section = [&](const std::string& line) { return message("int8:\n  " + line + "\n"); };
  EXPECT_THAT(section("aproach: static"),
              HasSubstr("line 2: int8 has no 'aproach', the nearest is 'approach'; it has activation, approach"));
  EXPECT_THAT(section("approach: sometimes"), HasSubstr("line 2: approach 'sometimes' is none of dynamic, static, "));
  EXPECT_THAT(section("activation: {scheme: odd}"), HasSubstr("activation scheme 'odd' is none of asym, sym"));
  EXPECT_THAT(section("activation: {dtype: [u8, fp32]}"), HasSubstr("line 2: activation dtype: one word expected"));
  EXPECT_THAT(section("activation: {dtype: bf16}"), HasSubstr("activation dtype 'bf16' is none of fp32, int8, s8, u"));
  EXPECT_THAT(section("activation: {percentile: 12}"), HasSubstr("a percentile is a number above 50"));
  EXPECT_THAT(section("activation: {granularity: per_channel}"), HasSubstr("activation granularity 'per_channel' is"));
  EXPECT_THAT(section("approach: static\n  activation: {granularity: per_row}"),
              HasSubstr("per_row is of the approach"));
  EXPECT_THAT(section("weight: {dtype: uint8}"), HasSubstr("weight dtype 'uint8' is none of fp32, int8, s8"));
  EXPECT_THAT(section("weight: {granularity: per_row}"), HasSubstr("'per_row' is none of per_channel, per_tensor"));
  EXPECT_THAT(section("weight: {algorithm: kl}"), HasSubstr("weight algorithm 'kl' is none of minmax, mse"));
  EXPECT_THAT(section("weight: {percentile: 99}"), HasSubstr("weight has no 'percentile'"));
  EXPECT_THAT(section("first_layer: 1"), HasSubstr("line 2: first_layer: true or false expected"));
  EXPECT_THAT(section("op_type_dict: {Cnv: {dtype: fp32}}"),
              HasSubstr("line 2: there is no operator type 'Cnv'; types are ONNX's, and the nearest is 'Conv'"));
  EXPECT_THAT(section("op_regex_dict: {'(': {dtype: fp32}}"), HasSubstr("line 2: '(' is no regular expression"));
  EXPECT_THAT(section("op_name_dict: {a: {dtype: fp16}}"), HasSubstr("dtype 'fp16' is none of fp32, int8"));
  EXPECT_THAT(section("op_name_dict: {a: {dtyp: fp32}}"), HasSubstr("the rule for node 'a' has no 'dtyp'"));
}

// Each contradiction is an error of the line of the word that cannot be.
TEST_F(ConfigurationTest, RefusesContradictions) {
  const auto rule = [&](const std::string& text) {
    return message("int8:\n  op_name_dict:\n    a:\n      " + text + "\n");
  };
  EXPECT_THAT(rule("activation: {dtype: s8, scheme: asym}"), HasSubstr("line 4: activations of dtype s8 have zero in"));
  EXPECT_THAT(rule("weight: {scheme: asym}"), HasSubstr("line 4: weights are s8 around zero"));
  EXPECT_THAT(rule("weight: {dtype: fp32}"), HasSubstr("line 4: weights in fp32 with activations in int8"));
  EXPECT_THAT(rule("{activation: {dtype: u8}, weight: {dtype: fp32}}"), HasSubstr("weights in fp32 with activations"));
  EXPECT_THAT(rule("activation: {algorithm: minmax, percentile: 99}"),
              HasSubstr("line 4: the algorithm minmax has no percentile"));
  EXPECT_THAT(rule("{approach: dynamic, activation: {algorithm: kl}}"),
              HasSubstr("line 4: activation algorithm kl: dynamic activations are u8, asym"));
  EXPECT_THAT(rule("{approach: dynamic, activation: {percentile: 99}}"),
              HasSubstr("activation percentile 99: dynamic"));
  EXPECT_THAT(rule("{approach: dynamic, activation: {scheme: sym}}"), HasSubstr("activation scheme sym: dynamic"));
  EXPECT_THAT(rule("{approach: dynamic, activation: {dtype: int8}}"), HasSubstr("activation dtype s8: dynamic"));
  EXPECT_THAT(rule("{approach: weight_only, activation: {algorithm: minmax}}"),
              HasSubstr("activation algorithm minmax: activations are real"));
  EXPECT_THAT(rule("activation: {dtype: fp32, scheme: asym}"),
              HasSubstr("activation scheme asym: activations are real"));
  EXPECT_THAT(rule("{approach: weight_only, activation: {dtype: u8}}"),
              HasSubstr("contradict the approach weight_only"));
  EXPECT_THAT(rule("{approach: static, activation: {dtype: fp32}}"),
              HasSubstr("contradict the approach static; weight_only leaves them fp32"));
  EXPECT_THAT(rule("{dtype: fp32, weight: {dtype: s8}}"), HasSubstr("dtype s8 in a rule of dtype fp32"));
  EXPECT_THAT(rule("{dtype: fp32, weight: {algorithm: mse}}"), HasSubstr("weight algorithm mse in a rule of products"));
  EXPECT_THAT(rule("{dtype: int8, activation: {dtype: fp32}, weight: {dtype: fp32}}"),
              HasSubstr("dtype int8 in a rule"));
}

TEST_F(ConfigurationTest, RefusesRangesOfTensorsThatAreNone) {
  const auto rule = [&](const std::string& text, const std::string& before = "") {
    return message("int8:\n" + before + "  tensor_dict:\n    t: " + text + "\n");
  };
  EXPECT_THAT(rule("{}"), HasSubstr("line 3: the rule for tensor 't' says nothing"));
  EXPECT_THAT(rule("{range: [1]}"), HasSubstr("line 3: a range is two numbers"));
  EXPECT_THAT(rule("{range: [1, 0]}"), HasSubstr("a range has its lower end first"));
  EXPECT_THAT(rule("{range: [1, 2]}"), HasSubstr("a range holds zero"));
  EXPECT_THAT(rule("{range: [0, nan]}"), HasSubstr("an end of a range is a number, not 'nan'"));
  EXPECT_THAT(rule("{range: [-1, 1], algorithm: kl}"), HasSubstr("has a range and an algorithm"));
  EXPECT_THAT(rule("{algorithm: kl, percentile: 99}"), HasSubstr("the algorithm kl has no percentile"));
  EXPECT_THAT(rule("{scheme: sym}"), HasSubstr("the rule for tensor 't' has no 'scheme'"));
  EXPECT_THAT(rule("{algorithm: kl}", "  approach: dynamic\n"),
              HasSubstr("line 4: tensor_dict is of static ranges, and the approach is dynamic"));
}

// What diagnose ends with goes into a configuration as it is, whatever characters names have.
TEST_F(ConfigurationTest, ReadsTheRuleThatADiagnosisSuggests) {
  Diagnosis diagnosis;
  const std::vector<std::string> names = {"/head/MatMul", "a: #b, {c}", "quote\" and \\ and 'tick'", "t\xc3\xa4\n"};
  const auto add = [&](const std::string& name, double gain) {
    diagnosis.ops.emplace_back();
    diagnosis.ops.back().node = name;
    diagnosis.ops.back().gain = gain;
  };
  for (const std::string& name : names) add(name, 7);
  add("cheap", 0);
  const auto configuration = read(suggested_rule(diagnosis));
  ASSERT_TRUE(configuration.ok()) << configuration.error().message << "\n" << suggested_rule(diagnosis);
  ASSERT_EQ(configuration->int8.rules.size(), names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(configuration->int8.rules[i].selector.kind(), compiler::NodeSelector::Kind::kName);
    EXPECT_EQ(configuration->int8.rules[i].selector.text(), names[i]);
    EXPECT_EQ(configuration->int8.rules[i].quantized, false);
  }
  EXPECT_TRUE(read(suggested_rule({})).ok()) << "nothing to suggest";
}

TEST_F(ConfigurationTest, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(message("bf17: {}\n"),
              HasSubstr("line 1: the configuration has no 'bf17', the nearest is 'bf16'; it has bf16, int8"));
  EXPECT_THAT(message("bf16:\n  allowed: [Exp]\n"),
              HasSubstr("line 2: bf16 has no 'allowed', the nearest is 'allow'; it has allow, deny"));
  EXPECT_THAT(message("bf16:\n  allow: [Exp]\n  allow: [Log]\n"), HasSubstr("line 3: 'allow' stands twice in bf16"));
  EXPECT_THAT(message("bf16:\n  allow: {a: b}\n"), HasSubstr("line 2: operations are selected by a list of texts"));
  EXPECT_THAT(message("bf16:\n  allow: [[Exp]]\n"), HasSubstr("line 2: operations are selected by texts"));
  EXPECT_THAT(message("bf16:\n  allow: ['type:Expo']\n"), HasSubstr("line 2: there is no operator type 'Expo'"));
  EXPECT_THAT(message("bf16:\n  allow: ['regex:(']\n"), HasSubstr("is no regular expression"));
  EXPECT_THAT(message("- bf16\n"), HasSubstr("line 1: the configuration is no map of names and values"));
  EXPECT_THAT(message("bf16: [\n"), HasSubstr("line 2"));
  EXPECT_THAT(message("int8:\n\tlast_layer: true\n"), HasSubstr("line 2 is indented with a tab: YAML takes spaces"));
  EXPECT_THAT(message("int8:\n  op_type_dict:\n    Conv:\n  last_layer: true\n"),
              HasSubstr("line 3: the rule for operator type Conv says nothing"));
  EXPECT_THAT(read_configuration("/nowhere/c.yaml").error().message, HasSubstr("/nowhere/c.yaml"));
}

}  // namespace
}  // namespace tegula::driver
