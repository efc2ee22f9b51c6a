#include <bit>
#include <cstddef>

#include "kernels/gemm/pack.h"
#include "kernels/gemm/tile_generator.h"

namespace tegula::kernels {

using Xbyak::RegExp;
using Xbyak::Xmm;

namespace {

constexpr int kWeightsPerGroup = 4;
constexpr int kByteBits = 8;

/// AVX-512 makes fp32 of a byte q of a lane in two instructions: where the byte, with its sign bit flipped, becomes the
/// last one of a significand whose unit is 1, the lane is 2^p + (q + 128), and a subtraction leaves q. Exact, and a
/// zero is +0. Bytes 0 and 1 of a lane have a set of constants each; byte 2 is shifted to
/// the place of byte 0.
struct ByteConstants {
  uint32_t mask;     ///< where the byte is
  uint32_t power;    ///< bits of 2^p, and the sign bit of the byte
  float subtracted;  ///< 2^p + 128
};
constexpr ByteConstants kByteConstants[2] = {
    {0x000000ff, std::bit_cast<uint32_t>(0x1p23f) | 0x80, 0x1p23f + 128},
    {0x0000ff00, std::bit_cast<uint32_t>(0x1p15f) | 0x8000, 0x1p15f + 128},
};
/// (a & b) ^ c of vpternlogd.
constexpr uint8_t kAndXor = 0x6a;

}  // namespace

void TileGenerator::emit_weight_constants() {
  if (!wide()) return;
  for (int set = 0; set < 2; ++set) {
    const ByteConstants& constants = kByteConstants[set];
    vpbroadcastd(spare(3 * set), constant_dword(isa_, constants.mask));
    vpbroadcastd(spare(3 * set + 1), constant_dword(isa_, constants.power));
    vbroadcastss(spare(3 * set + 2), constant_dword(isa_, std::bit_cast<uint32_t>(constants.subtracted)));
  }
  if (desc_.types.src == DType::kBF16) {  // k2: the upper half of each lane
    const ScopedGpr halves = gpr_.take("halves");
    mov(halves.cvt32(), 0xaaaaaaaa);
    kmovd(k2, halves.cvt32());
  }
}

/// The element at `from` in all lanes, as fp32.
void TileGenerator::emit_real_element(const Xmm& to, const RegExp& from) {
  if (desc_.types.src == DType::kF32) return vbroadcastss(to, dword[from]);
  if (wide()) return vpbroadcastw(to | k2 | T_z, word[from]);
  vpbroadcastw(to, word[from]);
  vpslld(to, to, 16);
}

/// The weights of k `i` of the group, as fp32. Loaded anew for each k: the instructions overwrite them, and moves
/// between registers cost as much as those (Zen 4: loads are free here).
void TileGenerator::emit_weights(const Xmm& to, const BRows& b, int v, int i) {
  const RegExp from = b_address(b, v, 0);
  if (!wide()) {
    vmovups(to, ptr[from]);
    const int last = kWeightsPerGroup - 1;
    if (i < last) vpslld(to, to, static_cast<uint8_t>((last - i) * kByteBits));
    vpsrad(to, to, last * kByteBits);
    return vcvtdq2ps(to, to);
  }
  if (i == kWeightsPerGroup - 1) {  // its sign is the lane's
    vpsrad(to, ptr[from], (kWeightsPerGroup - 1) * kByteBits);
    return vcvtdq2ps(to, to);
  }
  const int set = i % 2;
  i < 2 ? vmovups(to, ptr[from]) : vpsrld(to, ptr[from], 2 * kByteBits);
  vpternlogd(to, spare(3 * set), spare(3 * set + 1), kAndXor);
  vsubps(to, to, spare(3 * set + 2));
}

/// Four k, one after another; of a tail those that A has.
///
/// Registers from the end: AVX-512 has the constants, and then, as AVX2 from the start, the operands of the products.
/// As in fp32 (emit_f32_step) the weights of a k stay while the elements of the rows pass, or the other way round where
/// there are no more rows than vectors.
void TileGenerator::emit_weight_only_group(const Bases& a, const BRows& b, bool tail) {
  const int operands = wide() ? kWeightConstants : 0;
  const auto element_bytes = static_cast<int>(desc_.types.src_bytes());
  Xbyak::Label done;
  for (int i = 0; i < (tail ? kWeightsPerGroup - 1 : kWeightsPerGroup); ++i) {
    const auto element = [&](int row) { return row_address(a, row) + i * element_bytes; };
    if (tail && i > 0) {
      cmp(dword[args_ + offsetof(TileArgs, k_tail_bytes)], i * element_bytes);
      jle(done, T_NEAR);
    }
    if (rows_ > row_vectors_) {
      for (int v = 0; v < row_vectors_; ++v) emit_weights(spare(operands + v), b, v, i);
      for (int row = 0; row < rows_; ++row) {
        const bool embedded = wide() && desc_.types.src == DType::kF32 && (row_vectors_ == 1 || row % 2 == 0);
        const Xmm a_element = spare(operands + row_vectors_ + row / 2 % 2);
        if (!embedded) emit_real_element(a_element, element(row));
        for (int v = 0; v < row_vectors_; ++v) {
          if (embedded)
            vfmadd231ps(acc(row, v), spare(operands + v), ptr_b[element(row)]);
          else
            vfmadd231ps(acc(row, v), spare(operands + v), a_element);
        }
      }
      continue;
    }
    for (int row = 0; row < rows_; ++row) emit_real_element(spare(operands + row), element(row));
    for (int v = 0; v < row_vectors_; ++v) {
      const Xmm weights = spare(operands + rows_);
      emit_weights(weights, b, v, i);
      for (int row = 0; row < rows_; ++row) vfmadd231ps(acc(row, v), spare(operands + row), weights);
    }
  }
  L(done);
}

}  // namespace tegula::kernels
