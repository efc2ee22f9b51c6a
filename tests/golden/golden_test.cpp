#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/golden/golden_run.h"
#include "tests/support/program_testing.h"

namespace tegula::test {
namespace {

struct Golden {
  const char* file;
  uint64_t digest;  // of what run_golden() computes
};

// Rows are added with a release and never changed.
constexpr Golden kGolden[] = {
    {"0.1.0.tgl", 0x8f9a4de51ef9ecdbu},
    {"0.1.0_compressed.tgl", 0x8f9a4de51ef9ecdbu},
};

TEST(GoldenModel, ComputesWhatPlainLoopsDo) {
  std::stringstream text;
  text << std::ifstream(TEGULA_GOLDEN_FOLDER "/model.txt").rdbuf();
  compiler::expect_program_computes(text.str());
}

class GoldenFile : public testing::TestWithParam<Golden> {};

TEST_P(GoldenFile, LoadsAndComputesWhatItAlwaysDid) {
  for (const char* isa : {"reference", "avx2", "amx"}) {  // caps: what the CPU lacks is not used
    const auto digest = run_golden(std::string(TEGULA_GOLDEN_FOLDER "/") + GetParam().file, isa);
    ASSERT_TRUE(digest.ok()) << digest.error().message;
    EXPECT_EQ(*digest, GetParam().digest) << isa;
  }
}

INSTANTIATE_TEST_SUITE_P(Releases, GoldenFile, testing::ValuesIn(kGolden));

}  // namespace
}  // namespace tegula::test
