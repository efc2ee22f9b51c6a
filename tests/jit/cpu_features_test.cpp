#include "jit/cpu_features.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace tegula::jit {
namespace {

TEST(CpuFeatures, DetectsTheSameTwice) {
  EXPECT_EQ(CpuFeatures::detect(), CpuFeatures::detect());
}

TEST(CpuFeatures, WiderSetsImplyTheirBase) {
  const CpuFeatures cpu = CpuFeatures::detect();
  EXPECT_TRUE(cpu.avx2 || (!cpu.avx512 && !cpu.avx_vnni));
  EXPECT_TRUE(cpu.avx512 || (!cpu.avx512_vnni && !cpu.avx512_bf16 && !cpu.amx_int8 && !cpu.amx_bf16));
}

TEST(CpuFeatures, NamesGiveSets) {
  EXPECT_EQ(CpuFeatures::from_name("reference").value(), CpuFeatures{});
  EXPECT_EQ(CpuFeatures::from_name("avx2").value().to_string(), "avx2");
  EXPECT_EQ(CpuFeatures::from_name("avx512_vnni").value().to_string(), "avx2 avx_vnni avx512 avx512_vnni");
  EXPECT_TRUE(CpuFeatures::from_name("amx").value().amx_bf16);
  EXPECT_EQ(CpuFeatures{}.to_string(), "none");
}

TEST(CpuFeatures, UnknownNameListsTheNames) {
  const Result<CpuFeatures> result = CpuFeatures::from_name("sse9");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(result.error().message.find("sse9"), std::string::npos);
  EXPECT_NE(result.error().message.find("avx512_bf16"), std::string::npos);
}

TEST(CpuFeatures, CapRemovesAndNeverAdds) {
  const CpuFeatures amx = CpuFeatures::from_name("amx").value(), avx2 = CpuFeatures::from_name("avx2").value();
  EXPECT_EQ(amx.intersect(avx2), avx2);
  EXPECT_EQ(avx2.intersect(amx), avx2);
}

TEST(CpuFeatures, EnvironmentCaps) {
  ASSERT_EQ(setenv("TEGULA_MAX_ISA", "reference", 1), 0);
  EXPECT_EQ(CpuFeatures::detect_capped().value(), CpuFeatures{});
  ASSERT_EQ(setenv("TEGULA_MAX_ISA", "nonsense", 1), 0);
  EXPECT_FALSE(CpuFeatures::detect_capped().ok());
  ASSERT_EQ(unsetenv("TEGULA_MAX_ISA"), 0);
  EXPECT_EQ(CpuFeatures::detect_capped().value(), CpuFeatures::detect());
}

}  // namespace
}  // namespace tegula::jit
