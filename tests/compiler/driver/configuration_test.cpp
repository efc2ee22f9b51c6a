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

TEST_F(ConfigurationTest, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(message("bf17: {}\n"), HasSubstr("line 1: the configuration has no 'bf17'; it has bf16"));
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
