#include "kernels/gemm/amx_sums.h"

#include <algorithm>

#include "kernels/gemm/pack.h"

namespace tegula::kernels {
namespace {

constexpr int kPrefetchUnroll = 4;

int64_t rows_of_tile(int rows, int tile) {
  return std::clamp(rows - tile * kAmxRows, 0, kAmxRows);
}

}  // namespace

jit::TilePalette amx_palette(int rows, int64_t step) {
  jit::TilePalette palette;
  const auto shape = [&](int tile, int64_t tile_rows, int64_t row_bytes) {
    palette.rows[tile] = static_cast<uint8_t>(tile_rows);
    palette.row_bytes[tile] = static_cast<uint16_t>(tile_rows > 0 ? row_bytes : 0);
  };
  for (int i = 0; i < 2; ++i) {
    shape(2 * i, rows_of_tile(rows, i), kAmxRowBytes);
    shape(2 * i + 1, rows_of_tile(rows, i), kAmxRowBytes);
    shape(4 + i, rows_of_tile(rows, i), 4 * step);
    shape(6 + i, step, kAmxRowBytes);
  }
  return palette;
}

struct AmxSums::Registers {
  explicit Registers(jit::RegisterPool& pool)
      : a0(pool.take("a0")),
        a1(pool.take("a1")),
        lda(pool.take("lda")),
        b(pool.take("b")),
        second_b(pool.take("second_b")),
        panel_bytes(pool.take("panel_bytes")),
        line(pool.take("line")),
        tap(pool.take("tap")),
        taps(pool.take("taps")),
        steps(pool.take("steps")),
        prefetch(pool.take("prefetch")),
        count(pool.take("count")) {}

  ScopedGpr a0, a1;  // the first rows of both tiles of A
  ScopedGpr lda, b, second_b, panel_bytes;
  ScopedGpr line;  // 64: from one row of a panel to the next
  ScopedGpr tap, taps, steps, prefetch, count;
};

AmxSums::AmxSums(std::string name, bool bf16) : Generator(std::move(name), 16384), bf16_(bf16) {
  std::array<std::size_t, 4> offsets{};
  for (const int row_tiles : {1, 2}) {
    for (const int panels : {1, 2}) {
      align(32);
      offsets[static_cast<std::size_t>(2 * (row_tiles - 1) + panels - 1)] = getSize();
      emit(row_tiles, panels);
    }
  }
  align(32);
  const std::size_t configure = getSize();
  ldtilecfg(ptr[args_]);
  ret();
  const std::size_t release = getSize();
  tilerelease();
  ret();
  const auto start = reinterpret_cast<uintptr_t>(finish<const uint8_t*>());
  for (std::size_t i = 0; i < offsets.size(); ++i) functions_[i] = reinterpret_cast<Function>(start + offsets[i]);
  configure_ = reinterpret_cast<void (*)(const jit::TilePalette*)>(start + configure);
  release_ = reinterpret_cast<void (*)()>(start + release);
}

void AmxSums::emit(int row_tiles, int panels) {
  enter();
  Xbyak::Label zero, sums_ready, next_tap, next_step, remainder, tap_done;
  cmp(qword[args_ + offsetof(AmxSumArgs, adds_to_sums)], 0);
  je(zero, T_NEAR);
  emit_sums(true, row_tiles, panels);
  jmp(sums_ready, T_NEAR);
  L(zero);
  for (int i = 0; i < row_tiles; ++i)
    for (int j = 0; j < panels; ++j) tilezero(sum(i, j));
  L(sums_ready);
  {
    const Registers r(gpr_);
    mov(r.lda, ptr[args_ + offsetof(AmxSumArgs, lda_bytes)]);
    mov(r.b, ptr[args_ + offsetof(AmxSumArgs, b)]);
    mov(r.panel_bytes, ptr[args_ + offsetof(AmxSumArgs, panel_bytes)]);
    mov(r.line, static_cast<int>(kPanelRowBytes));
    mov(r.tap, ptr[args_ + offsetof(AmxSumArgs, tap_offsets)]);
    mov(r.taps, ptr[args_ + offsetof(AmxSumArgs, taps)]);
    mov(r.prefetch, ptr[args_ + offsetof(AmxSumArgs, prefetch)]);

    L(next_tap);
    mov(r.a0, ptr[r.tap]);
    add(r.tap, static_cast<int>(sizeof(int64_t)));
    add(r.a0, ptr[args_ + offsetof(AmxSumArgs, a)]);
    if (row_tiles == 2) {
      mov(r.a1, r.lda);
      shl(r.a1, 4);  // times kAmxRows
      add(r.a1, r.a0);
    }
    mov(r.steps, ptr[args_ + offsetof(AmxSumArgs, whole_steps)]);
    test(r.steps, r.steps);
    jz(remainder, T_NEAR);
    align(32);
    L(next_step);
    emit_products(r.a0, r.a1, r.lda, r, row_tiles, panels);
    emit_prefetch(r);
    add(r.a0, ptr[args_ + offsetof(AmxSumArgs, a_step_bytes)]);
    if (row_tiles == 2) add(r.a1, ptr[args_ + offsetof(AmxSumArgs, a_step_bytes)]);
    add(r.b, ptr[args_ + offsetof(AmxSumArgs, b_step_bytes)]);
    dec(r.steps);
    jnz(next_step, T_NEAR);
    L(remainder);
    cmp(qword[args_ + offsetof(AmxSumArgs, remainder_mask)], 0);
    je(tap_done, T_NEAR);
    emit_remainder(r, row_tiles, panels);
    L(tap_done);
    dec(r.taps);
    jnz(next_tap, T_NEAR);
  }
  emit_sums(false, row_tiles, panels);
  leave();
}

/// Loads the sums, or stores them.
void AmxSums::emit_sums(bool load, int row_tiles, int panels) {
  const ScopedGpr sums = gpr_.take("sums"), stride = gpr_.take("stride");
  const int row_bytes = panels * static_cast<int>(kPanelRowBytes);
  mov(sums, ptr[args_ + offsetof(AmxSumArgs, sums)]);
  mov(stride, row_bytes);
  for (int i = 0; i < row_tiles; ++i) {
    for (int j = 0; j < panels; ++j) {
      const Xbyak::Address at = ptr[sums + stride + (i * kAmxRows * row_bytes + j * static_cast<int>(kPanelRowBytes))];
      if (load)
        tileloadd(sum(i, j), at);
      else
        tilestored(at, sum(i, j));
    }
  }
}

/// One step: loads between the products that do not need them.
void AmxSums::emit_products(const Xbyak::Reg64& a0, const Xbyak::Reg64& a1, const Xbyak::Reg64& a_stride,
                            const Registers& r, int row_tiles, int panels) {
  tileloadd(b_tile(0), ptr[r.b + r.line]);
  tileloadd(a_tile(0), ptr[a0 + a_stride]);
  emit_multiply(0, 0);
  if (row_tiles == 2) {
    tileloadd(a_tile(1), ptr[a1 + a_stride]);
    emit_multiply(1, 0);
  }
  if (panels == 1) return;
  lea(r.second_b, ptr[r.b + r.panel_bytes]);
  tileloadd(b_tile(1), ptr[r.second_b + r.line]);
  emit_multiply(0, 1);
  if (row_tiles == 2) emit_multiply(1, 1);
}

void AmxSums::emit_multiply(int i, int j) {
  if (bf16_)
    tdpbf16ps(sum(i, j), a_tile(i), b_tile(j));
  else
    tdpbusd(sum(i, j), a_tile(i), b_tile(j));
}

void AmxSums::emit_prefetch(const Registers& r) {
  Xbyak::Label none, more;
  mov(r.count, ptr[args_ + offsetof(AmxSumArgs, prefetch_lines)]);
  test(r.count, r.count);
  jz(none, T_NEAR);
  L(more);
  for (int i = 0; i < kPrefetchUnroll; ++i) prefetcht1(ptr[r.prefetch + i * static_cast<int>(kPanelRowBytes)]);
  add(r.prefetch, kPrefetchUnroll * static_cast<int>(kPanelRowBytes));
  sub(r.count, kPrefetchUnroll);
  jg(more, T_NEAR);
  L(none);
}

/// The step of which A has only some bytes, from zeroed rows. Leaves a0 and a1 anywhere: the next tap sets them.
void AmxSums::emit_remainder(const Registers& r, int row_tiles, int panels) {
  Xbyak::Label next_row;
  kmovq(k1, ptr[args_ + offsetof(AmxSumArgs, remainder_mask)]);
  mov(r.steps, ptr[args_ + offsetof(AmxSumArgs, remainder)]);
  mov(r.count, ptr[args_ + offsetof(AmxSumArgs, rows)]);
  L(next_row);
  vmovdqu8(zmm0 | k1 | T_z, ptr[r.a0]);
  vmovdqa64(ptr[r.steps], zmm0);
  add(r.a0, r.lda);
  add(r.steps, kAmxRowBytes);
  dec(r.count);
  jnz(next_row, T_NEAR);
  mov(r.a0, ptr[args_ + offsetof(AmxSumArgs, remainder)]);
  if (row_tiles == 2) lea(r.a1, ptr[r.a0 + kAmxRows * kAmxRowBytes]);
  emit_products(r.a0, r.a1, r.line, r, row_tiles, panels);
  add(r.b, ptr[args_ + offsetof(AmxSumArgs, b_step_bytes)]);
}

}  // namespace tegula::kernels
