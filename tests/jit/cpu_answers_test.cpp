#include "jit/cpu_answers.h"

#include <gtest/gtest.h>

namespace tegula::jit {
namespace {

constexpr uint32_t bit(int index) {
  return uint32_t{1} << index;
}

int granted = 0, executed = 0;

/// A CPU that has everything.
CpuAnswers everything() {
  granted = executed = 0;
  CpuAnswers a;
  a.leaf1.ecx = bit(12) | bit(27) | bit(28);                               // FMA, OSXSAVE, AVX
  a.leaf7.ebx = bit(5) | bit(16) | bit(17) | bit(28) | bit(30) | bit(31);  // AVX2; AVX-512 F, DQ, CD, BW, VL
  a.leaf7.ecx = bit(11);                                                   // VNNI
  a.leaf7.edx = bit(22) | bit(24) | bit(25);                               // AMX BF16, TILE, INT8
  a.leaf7_1.eax = bit(4) | bit(5);                                         // AVX-VNNI, AVX-512 BF16
  a.leaf1d.eax = 1;
  a.leaf1d_1 = {.eax = 1024U << 16 | 8192U, .ebx = 8U << 16 | 64U, .ecx = 16, .edx = 0};
  a.xcr0 = 0x600E7;
  a.grants_tiles = [] { return ++granted > 0; };
  a.executes_tiles = [](bool) { return ++executed > 0; };
  return a;
}

/// What is left when one answer is another.
CpuFeatures with(void (*change)(CpuAnswers&)) {
  CpuAnswers answers = everything();
  change(answers);
  return features_from(answers);
}

CpuFeatures without_amx() {
  CpuFeatures f = features_from(everything());
  f.amx_int8 = f.amx_bf16 = false;
  return f;
}

TEST(CpuAnswers, EverythingIsAll) {
  EXPECT_EQ(features_from(everything()), CpuFeatures::from_name("amx").value());
  EXPECT_EQ(granted, 1);
  EXPECT_EQ(executed, 2);
  EXPECT_EQ(features_from({}), CpuFeatures{});
}

TEST(CpuAnswers, EachPartOfTheTileCheckCounts) {
  const CpuFeatures expected = without_amx();  // before what is counted
  EXPECT_EQ(with([](CpuAnswers& a) { a.leaf7.edx &= ~bit(24); }), expected) << "no TILE";
  EXPECT_EQ(with([](CpuAnswers& a) { a.leaf7.edx &= ~bit(25); }), expected) << "no INT8";
  EXPECT_EQ(with([](CpuAnswers& a) { a.xcr0 &= ~uint64_t{bit(17)}; }), expected) << "configurations not saved";
  EXPECT_EQ(with([](CpuAnswers& a) { a.xcr0 &= ~uint64_t{bit(18)}; }), expected) << "tiles not saved";
  EXPECT_EQ(with([](CpuAnswers& a) { a.leaf1d.eax = 0; }), expected) << "no palette";
  EXPECT_EQ(with([](CpuAnswers& a) { a.leaf1d_1 = {}; }), expected) << "an empty palette";
  EXPECT_EQ(with([](CpuAnswers& a) { a.leaf1d_1.eax = 512U << 16; }), expected) << "small tiles";
  EXPECT_EQ(with([](CpuAnswers& a) { a.leaf1d_1.ebx = 8U << 16 | 32U; }), expected) << "short rows";
  EXPECT_EQ(with([](CpuAnswers& a) { a.leaf1d_1.ebx = 4U << 16 | 64U; }), expected) << "few tiles";
  EXPECT_EQ(with([](CpuAnswers& a) { a.leaf1d_1.ecx = 8; }), expected) << "few rows";
  EXPECT_EQ(granted, 0) << "nothing is asked for that would not be used";
  EXPECT_EQ(with([](CpuAnswers& a) { a.grants_tiles = [] { return false; }; }), expected);
  EXPECT_EQ(executed, 0) << "not tried without permission";
  EXPECT_EQ(with([](CpuAnswers& a) { a.executes_tiles = [](bool) { return false; }; }), expected);
}

TEST(CpuAnswers, Bf16TilesHaveTheirOwnBitAndProbe) {
  CpuFeatures expected = without_amx();
  expected.amx_int8 = true;
  EXPECT_EQ(with([](CpuAnswers& a) { a.leaf7.edx &= ~bit(22); }), expected);
  EXPECT_EQ(executed, 1);
  EXPECT_EQ(with([](CpuAnswers& a) { a.executes_tiles = [](bool bf16) { return !bf16; }; }), expected);
}

TEST(CpuAnswers, TilesComeWithAvx512) {
  for (const int state : {5, 6, 7}) {
    CpuAnswers answers = everything();
    answers.xcr0 &= ~uint64_t{bit(state)};
    EXPECT_EQ(features_from(answers), CpuFeatures::from_name("avx2_vnni").value()) << state;
  }
  for (const int feature : {16, 17, 28, 30, 31}) {
    CpuAnswers answers = everything();
    answers.leaf7.ebx &= ~bit(feature);
    EXPECT_EQ(features_from(answers), CpuFeatures::from_name("avx2_vnni").value()) << feature;
  }
  EXPECT_EQ(granted, 0);
  EXPECT_FALSE(with([](CpuAnswers& a) { a.leaf7.ecx = 0; }).amx_int8) << "results need VNNI";
  EXPECT_FALSE(with([](CpuAnswers& a) { a.leaf7_1.eax = bit(4); }).amx_bf16) << "results need AVX-512 BF16";
}

TEST(CpuAnswers, VectorsNeedTheirStateSaved) {
  EXPECT_EQ(with([](CpuAnswers& a) { a.xcr0 = 0; }), CpuFeatures{});
  EXPECT_EQ(with([](CpuAnswers& a) { a.xcr0 &= ~uint64_t{bit(2)}; }), CpuFeatures{}) << "ymm not saved";
  EXPECT_EQ(with([](CpuAnswers& a) { a.leaf1.ecx &= ~bit(12); }), CpuFeatures{}) << "no FMA";
  EXPECT_EQ(with([](CpuAnswers& a) { a.leaf1.ecx &= ~bit(28); }), CpuFeatures{}) << "no AVX";
  EXPECT_EQ(with([](CpuAnswers& a) { a.leaf7.ebx &= ~bit(5); }), CpuFeatures{}) << "no AVX2";
  EXPECT_FALSE(with([](CpuAnswers& a) { a.leaf7.ecx = 0; }).avx512_vnni);
  EXPECT_FALSE(with([](CpuAnswers& a) { a.leaf7_1.eax = bit(4); }).avx512_bf16);
  EXPECT_FALSE(with([](CpuAnswers& a) { a.leaf7_1.eax = bit(5); }).avx_vnni);
}

}  // namespace
}  // namespace tegula::jit
