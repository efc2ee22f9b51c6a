#include "compiler/driver/configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/temporary_folder.h"

namespace tegula::driver {
namespace {

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
    "regex:/block.*": {approach: dynamic, activation: {percentile: 99.9}}
  op_type_dict:
    Conv: {activation: {algorithm: my_collector}}
)");
  ASSERT_TRUE(configuration.ok()) << configuration.error().message;
  const compiler::QuantizationOptions& int8 = configuration->int8;
  EXPECT_EQ(int8.algorithm, compiler::RangeAlgorithm::kKl);
  EXPECT_TRUE(int8.defaults.symmetric_activation);
  EXPECT_FALSE(int8.defaults.per_channel_weights);
  EXPECT_TRUE(int8.first_layer);
  EXPECT_FALSE(int8.last_layer);
  ASSERT_EQ(int8.rules.size(), 3u);
  EXPECT_EQ(int8.rules[0].selector.description(), "operator type Conv") << "types come first: names win over them";
  EXPECT_EQ(int8.rules[0].algorithm, compiler::RangeAlgorithm::kCollector);
  EXPECT_EQ(int8.rules[0].collector, "my_collector");
  EXPECT_EQ(int8.rules[1].quantized, false);
  EXPECT_EQ(int8.rules[2].approach, compiler::Approach::kDynamic);
  EXPECT_EQ(int8.rules[2].percentile, 99.9);
  EXPECT_FALSE(int8.rules[2].quantized.has_value());
}

TEST_F(ConfigurationTest, RefusesQuantizationItDoesNotKnow) {
  const auto section = [&](const std::string& line) { return message("int8:\n  " + line + "\n"); };
  EXPECT_THAT(section("aproach: static"), HasSubstr("line 2: int8 has no 'aproach'; it has activation, approach"));
  EXPECT_THAT(section("approach: sometimes"), HasSubstr("line 2: there is no approach 'sometimes'"));
  EXPECT_THAT(section("activation: {scheme: odd}"), HasSubstr("sym or asym expected, not 'odd'"));
  EXPECT_THAT(section("activation: {percentile: 12}"), HasSubstr("a percentile is a number above 50"));
  EXPECT_THAT(section("activation: {granularity: per_channel}"), HasSubstr("activation has no 'granularity'"));
  EXPECT_THAT(section("weight: {granularity: per_row}"), HasSubstr("per_channel or per_tensor expected"));
  EXPECT_THAT(section("first_layer: 1"), HasSubstr("true or false expected"));
  EXPECT_THAT(section("op_type_dict: {Cnv: {dtype: fp32}}"), HasSubstr("line 2: there is no operator type 'Cnv'"));
  EXPECT_THAT(section("op_name_dict: {a: {dtype: fp16}}"), HasSubstr("int8 or fp32 expected, not 'fp16'"));
  EXPECT_THAT(section("op_name_dict: {a: {dtyp: fp32}}"), HasSubstr("the rule for node 'a' has no 'dtyp'"));
}

TEST_F(ConfigurationTest, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(message("bf17: {}\n"), HasSubstr("line 1: the configuration has no 'bf17'; it has bf16, int8"));
  EXPECT_THAT(message("bf16:\n  allowed: [Exp]\n"), HasSubstr("line 2: bf16 has no 'allowed'; it has allow, deny"));
  EXPECT_THAT(message("bf16:\n  allow: [Exp]\n  allow: [Log]\n"), HasSubstr("line 3: 'allow' stands twice in bf16"));
  EXPECT_THAT(message("bf16:\n  allow: {a: b}\n"), HasSubstr("line 2: operations are selected by a list of texts"));
  EXPECT_THAT(message("bf16:\n  allow: [[Exp]]\n"), HasSubstr("line 2: operations are selected by texts"));
  EXPECT_THAT(message("bf16:\n  allow: ['type:Expo']\n"), HasSubstr("line 2: there is no operator type 'Expo'"));
  EXPECT_THAT(message("bf16:\n  allow: ['regex:(']\n"), HasSubstr("is no regular expression"));
  EXPECT_THAT(message("- bf16\n"), HasSubstr("line 1: the configuration is no map of names and values"));
  EXPECT_THAT(message("bf16: [\n"), HasSubstr("line 2"));
  EXPECT_THAT(read_configuration("/nowhere/c.yaml").error().message, HasSubstr("/nowhere/c.yaml"));
}

}  // namespace
}  // namespace tegula::driver
