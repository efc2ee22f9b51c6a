#include "tests/support/amx_instruction.h"

#include <gtest/gtest.h>
#include <xbyak/xbyak.h>

#include <functional>
#include <vector>

namespace tegula::test {
namespace {

using Xbyak::CodeGenerator;
using Xbyak::Reg64;
using Xbyak::Tmm;

/// The bytes of one instruction.
std::vector<uint8_t> assemble(const std::function<void(CodeGenerator&)>& write) {
  CodeGenerator code(4096, Xbyak::DontSetProtectRWE);
  write(code);
  return {code.getCode(), code.getCode() + code.getSize()};
}

std::optional<AmxInstruction> decode(const std::function<void(CodeGenerator&)>& write) {
  const std::vector<uint8_t> bytes = assemble(write);
  const auto out = decode_amx(bytes.data());
  if (out) {
    EXPECT_EQ(out->length, static_cast<int>(bytes.size()));
  }
  return out;
}

constexpr int kRspIndex = 4;

TEST(AmxInstruction, AddressesOfRows) {
  for (int base = 0; base < 16; ++base) {
    for (int index = 0; index < 16; ++index) {
      if (index == kRspIndex) continue;
      for (const int scale : {1, 2, 4, 8}) {
        for (const int displacement : {0, 8, -128, 127, 128, 100000, -100000}) {
          const auto in = decode([&](CodeGenerator& c) {
            c.tileloadd(Tmm(index % 8), c.ptr[Reg64(base) + Reg64(index) * scale + displacement]);
          });
          ASSERT_TRUE(in) << base << " " << index << " " << scale << " " << displacement;
          EXPECT_EQ(in->op, AmxOp::kLoad);
          EXPECT_EQ(in->tile, index % 8);
          ASSERT_EQ(in->base, base);
          ASSERT_EQ(in->index, index);
          ASSERT_EQ(in->scale, scale);
          ASSERT_EQ(in->displacement, displacement);
        }
      }
    }
  }
}

TEST(AmxInstruction, AddressesOfConfigurations) {
  for (int base = 0; base < 16; ++base) {
    for (const int displacement : {0, 64, 4096}) {
      const auto in = decode([&](CodeGenerator& c) { c.ldtilecfg(c.ptr[Reg64(base) + displacement]); });
      ASSERT_TRUE(in) << base;
      EXPECT_EQ(in->op, AmxOp::kLoadConfig);
      EXPECT_EQ(in->base, base);
      EXPECT_EQ(in->index, AmxInstruction::kNone);
      EXPECT_EQ(in->displacement, displacement);
    }
  }
  const auto relative = decode([](CodeGenerator& c) { c.sttilecfg(c.ptr[c.rip + 32]); });
  ASSERT_TRUE(relative);
  EXPECT_EQ(relative->op, AmxOp::kStoreConfig);
  EXPECT_EQ(relative->base, AmxInstruction::kRip);
  EXPECT_EQ(relative->displacement, 32);
}

TEST(AmxInstruction, EveryOperation) {
  const auto op = [](const std::function<void(CodeGenerator&)>& write) { return decode(write).value().op; };
  EXPECT_EQ(op([](CodeGenerator& c) { c.tilerelease(); }), AmxOp::kRelease);
  EXPECT_EQ(op([](CodeGenerator& c) { c.tilezero(Tmm(5)); }), AmxOp::kZero);
  EXPECT_EQ(op([](CodeGenerator& c) { c.tileloaddt1(Tmm(5), c.ptr[c.rax + c.rbx]); }), AmxOp::kLoad);
  EXPECT_EQ(op([](CodeGenerator& c) { c.tilestored(c.ptr[c.rax + c.rbx], Tmm(5)); }), AmxOp::kStore);
  EXPECT_EQ(op([](CodeGenerator& c) { c.tdpbssd(Tmm(1), Tmm(2), Tmm(3)); }), AmxOp::kDotSS);
  EXPECT_EQ(op([](CodeGenerator& c) { c.tdpbsud(Tmm(1), Tmm(2), Tmm(3)); }), AmxOp::kDotSU);
  EXPECT_EQ(op([](CodeGenerator& c) { c.tdpbusd(Tmm(1), Tmm(2), Tmm(3)); }), AmxOp::kDotUS);
  EXPECT_EQ(op([](CodeGenerator& c) { c.tdpbuud(Tmm(1), Tmm(2), Tmm(3)); }), AmxOp::kDotUU);
  EXPECT_EQ(op([](CodeGenerator& c) { c.tdpbf16ps(Tmm(1), Tmm(2), Tmm(3)); }), AmxOp::kDotBf16);
}

TEST(AmxInstruction, TilesByTheirRole) {
  for (int tile = 0; tile < 8; ++tile) {
    const int left = (tile + 3) % 8, right = (tile + 5) % 8;
    const auto in = decode([&](CodeGenerator& c) { c.tdpbusd(Tmm(tile), Tmm(left), Tmm(right)); });
    ASSERT_TRUE(in);
    EXPECT_EQ(in->tile, tile);
    EXPECT_EQ(in->left, left);
    EXPECT_EQ(in->right, right);
    EXPECT_EQ(decode([&](CodeGenerator& c) { c.tilezero(Tmm(tile)); }).value().tile, tile);
    EXPECT_EQ(decode([&](CodeGenerator& c) { c.tilestored(c.ptr[c.rax + c.rbx], Tmm(tile)); }).value().tile, tile);
  }
}

TEST(AmxInstruction, NothingElse) {
  EXPECT_FALSE(decode([](CodeGenerator& c) { c.ud2(); }));
  EXPECT_FALSE(decode([](CodeGenerator& c) { c.vaddps(c.ymm0, c.ymm1, c.ymm2); }));
  EXPECT_FALSE(decode([](CodeGenerator& c) { c.vfmadd231ps(c.ymm8, c.ymm9, c.ptr[c.rax + c.rbx]); }));
  EXPECT_FALSE(decode([](CodeGenerator& c) { c.vpdpbusd(c.zmm0, c.zmm1, c.zmm2); }));
}

/// Damaged bits of a good instruction that a CPU refuses.
TEST(AmxInstruction, MalformedOnes) {
  const std::vector<uint8_t> load = assemble([](CodeGenerator& c) { c.tileloadd(Tmm(1), c.ptr[c.rax + c.rbx]); });
  const auto damaged = [&](std::size_t byte, int bits) {
    std::vector<uint8_t> bytes = load;
    bytes.resize(16);
    bytes[byte] = static_cast<uint8_t>(bytes[byte] ^ bits);
    return decode_amx(bytes.data()).has_value();
  };
  EXPECT_TRUE(damaged(1, 0x00));
  EXPECT_FALSE(damaged(1, 0x80)) << "tile 9";
  EXPECT_FALSE(damaged(2, 0x80)) << "W1";
  EXPECT_FALSE(damaged(2, 0x08)) << "a third operand";
  EXPECT_FALSE(damaged(2, 0x04)) << "256 bits";
  EXPECT_FALSE(damaged(4, 0x01)) << "no SIB byte";
  EXPECT_FALSE(damaged(4, 0xC0)) << "a register instead of memory";
}

}  // namespace
}  // namespace tegula::test
