#include "kernels/eltwise/generated_table.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <numeric>
#include <vector>

#include "jit/generator.h"
#include "jit/vector/emit.h"

namespace tegula::kernels {
namespace {

using jit::ScopedGpr;
using jit::VectorIsa;
using Xbyak::Reg64;
using Xbyak::Xmm;
using Xbyak::Ymm;
using Xbyak::Zmm;

using ByteTable = std::array<uint8_t, 256>;

/// for each row: for each vector of bytes: dst[i] = table[src[i]].
///
/// AVX-512  the table is 128 words in four registers; two lookups of words find the word of each even and of each odd
///          byte, whose lowest bit then chooses within it
/// AVX2     sixteen shuffles of 16 bytes each, of which one has a byte's upper half
class TableGenerator final : public EltwiseCode, private jit::Generator {
 public:
  TableGenerator(const EltwiseCodeDesc& desc, const ByteTable& results)
      : Generator("table_" + desc.name()), isa_(desc.isa), results_(results) {
    enter();
    const ScopedGpr src = gpr_.take("src"), dst = gpr_.take("dst"), at = gpr_.take("at"), left = gpr_.take("left"),
                    base = gpr_.take("table"), scratch = gpr_.take("scratch");
    mov(src, ptr[args_ + offsetof(EltwiseCall, inputs)]);
    mov(dst, ptr[args_ + offsetof(EltwiseCall, dst)]);
    lea(base, table(words_of(results_.data(), results_.size())));
    emit_constants(base);
    Xbyak::Label next_row, next, tail, end_of_row;
    L(next_row);
    xor_(at.cvt32(), at.cvt32());
    mov(left, ptr[args_ + offsetof(EltwiseCall, n)]);
    L(next);
    cmp(left, jit::vector_bytes(isa_));
    jl(tail, T_NEAR);
    vmovups(vector(kSource), ptr[src + at]);
    emit_lookup();
    vmovups(ptr[dst + at], vector(kResult));
    add(at, jit::vector_bytes(isa_));
    sub(left, jit::vector_bytes(isa_));
    jmp(next, T_NEAR);
    L(tail);
    test(left, left);
    jz(end_of_row, T_NEAR);
    emit_tail(src, dst, at, left, base, scratch);
    L(end_of_row);
    add(src, ptr[args_ + offsetof(EltwiseCall, input_row_bytes)]);
    add(dst, ptr[args_ + offsetof(EltwiseCall, dst_row_bytes)]);
    dec(qword[args_ + offsetof(EltwiseCall, rows)]);
    jnz(next_row, T_NEAR);
    leave();
    function_ = finish<void (*)(EltwiseCall*)>();
  }

 private:
  static constexpr int kSource = 0, kResult = 1;
  static constexpr int kIndex = 2, kHighIndex = 3, kShift = 4, kOdd = 5;  // AVX-512
  static constexpr int kTable = 16, kLowBytes = 20, kLowBit = 21, kHighBit = 22, kUpper = 23, kEight = 24;
  static constexpr int kPart = 2, kPartTable = 3, kUpperLimit = 4;  // AVX2

  bool avx512() const { return isa_ == VectorIsa::kAvx512; }
  Xmm vector(int index) const { return jit::vector_register(isa_, index); }

  static std::vector<uint32_t> words_of(const uint8_t* bytes, std::size_t count) {
    std::vector<uint32_t> words(count / 4);
    std::memcpy(words.data(), bytes, count);
    return words;
  }

  void emit_constants(const Reg64& base) {
    if (!avx512()) return jit::emit_load_constant(*this, isa_, kUpperLimit, 0x70707070U);
    for (int i = 0; i < 4; ++i) vmovups(Zmm(kTable + i), ptr[base + 64 * i]);
    jit::emit_load_constant(*this, isa_, kLowBytes, 0x00ff00ffU);
    jit::emit_load_constant(*this, isa_, kLowBit, 0x00010001U);
    jit::emit_load_constant(*this, isa_, kHighBit, 0x01000100U);
    jit::emit_load_constant(*this, isa_, kUpper, 0x00400040U);
    jit::emit_load_constant(*this, isa_, kEight, 0x00080008U);
  }

  void emit_lookup() { avx512() ? emit_lookup_by_words() : emit_lookup_by_shuffles(); }

  /// kResult's words: the table's words at the indices (0 to 127) in `index`, which is overwritten.
  void emit_words_at(int index, int to) {
    vptestmw(k2, Zmm(index), Zmm(kUpper));
    vmovaps(Zmm(to), Zmm(index));
    vpermi2w(Zmm(to), Zmm(kTable), Zmm(kTable + 1));
    vpermi2w(Zmm(index), Zmm(kTable + 2), Zmm(kTable + 3));
    vmovdqu16(Zmm(to) | k2, Zmm(index));
  }

  void emit_lookup_by_words() {
    vpsllw(Zmm(kIndex), Zmm(kSource), 8);
    vpsrlw(Zmm(kIndex), Zmm(kIndex), 9);
    emit_words_at(kIndex, kResult);
    vpandd(Zmm(kShift), Zmm(kSource), Zmm(kLowBit));
    vpsllw(Zmm(kShift), Zmm(kShift), 3);
    vpsrlvw(Zmm(kResult), Zmm(kResult), Zmm(kShift));  // the low byte is the even byte's result
    vpsrlw(Zmm(kHighIndex), Zmm(kSource), 9);
    emit_words_at(kHighIndex, kOdd);
    vpandd(Zmm(kShift), Zmm(kSource), Zmm(kHighBit));
    vpsrlw(Zmm(kShift), Zmm(kShift), 5);
    vpsubw(Zmm(kShift), Zmm(kEight), Zmm(kShift));
    vpsllvw(Zmm(kOdd), Zmm(kOdd), Zmm(kShift));                 // the high byte is the odd byte's
    vpternlogd(Zmm(kResult), Zmm(kOdd), Zmm(kLowBytes), 0xE4);  // low bytes of the first, high bytes of the second
  }

  void emit_lookup_by_shuffles() {
    vpxor(Xmm(kResult), Xmm(kResult), Xmm(kResult));
    for (int part = 0; part < 16; ++part) {
      std::vector<uint32_t> twice = words_of(results_.data() + 16 * part, 16);
      twice.insert(twice.end(), twice.begin(), twice.begin() + 4);
      vmovups(Ymm(kPartTable), table(twice));
      if (part == 0) {
        vpaddusb(Ymm(kPart), Ymm(kSource), Ymm(kUpperLimit));
      } else {
        vpxor(Ymm(kPart), Ymm(kSource), constant(isa_, 0x10101010U * static_cast<uint32_t>(part)));
        vpaddusb(Ymm(kPart), Ymm(kPart), Ymm(kUpperLimit));  // bit 7 is set, and gives 0, unless the upper half was 0
      }
      vpshufb(Ymm(kPart), Ymm(kPartTable), Ymm(kPart));
      vpor(Ymm(kResult), Ymm(kResult), Ymm(kPart));
    }
  }

  void emit_tail(const Reg64& src, const Reg64& dst, const Reg64& at, const Reg64& left, const Reg64& base,
                 const Reg64& scratch) {
    if (avx512()) {
      mov(scratch, -1);
      bzhi(scratch, scratch, left);
      kmovq(k1, scratch);
      vmovdqu8(Zmm(kSource) | k1 | T_z, ptr[src + at]);
      emit_lookup();
      return vmovdqu8(ptr[dst + at] | k1, Zmm(kResult));
    }
    Xbyak::Label next;
    L(next);
    movzx(scratch.cvt32(), byte[src + at]);
    movzx(scratch.cvt32(), byte[base + scratch]);
    mov(byte[dst + at], scratch.cvt8());
    inc(at);
    dec(left);
    jnz(next);
  }

  const VectorIsa isa_;
  const ByteTable results_;
};

}  // namespace

bool is_better_as_table(const EltwiseCodeDesc& desc, const jit::VectorProgram& program) {
  if (desc.inputs.size() != 1 || desc.inputs[0].pattern != EltwisePattern::kVector || size_of(desc.output) != 1 ||
      (desc.inputs[0].dtype != DType::kU8 && desc.inputs[0].dtype != DType::kS8))
    return false;
  // Measured on Zen 4 over 16 KiB: AVX-512 looks up 22 bytes a nanosecond, AVX2 5.7. The shortest chain from quantized
  // to quantized numbers (14 operations and constants) computes 8.4 and 5.5, one with a relu 7.2 and 4.6, a sigmoid 2.5
  // and 1.2.
  const std::size_t break_even = desc.isa == VectorIsa::kAvx512 ? 6 : 14;
  return program.instructions.size() > break_even;
}

Result<EltwiseCodePtr> build_eltwise_table(const EltwiseCodeDesc& desc) {
  ByteTable codes, results;
  std::iota(codes.begin(), codes.end(), uint8_t{0});
  const int64_t dims[] = {256};
  const TensorView src = TensorView::contiguous(desc.inputs[0].dtype, dims, static_cast<void*>(codes.data()));
  const TensorView dst = TensorView::contiguous(desc.output, dims, static_cast<void*>(results.data()));
  TEGULA_RETURN_IF_ERROR(eltwise_reference(desc.program(), {&src, 1}, dst));
  try {
    return EltwiseCodePtr(std::make_shared<TableGenerator>(desc, results));
  } catch (const std::exception& e) {  // Xbyak and RegisterPool throw; nothing above this does
    return Error{ErrorCode::kInternal, desc.name() + ": " + e.what()};
  }
}

}  // namespace tegula::kernels
