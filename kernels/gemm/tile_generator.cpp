#include "kernels/gemm/tile_generator.h"

#include <algorithm>
#include <cstddef>

#include "kernels/gemm/pack.h"

namespace tegula::kernels {

using jit::VectorIsa;
using Xbyak::RegExp;

namespace {

TileArithmetic arithmetic_of(const TileSetDesc& desc) {
  if (desc.types.weight_only()) return TileArithmetic::kWeightOnly;
  switch (desc.types.src) {
    case DType::kU8:
      return desc.isa == TileIsa::kAvx512Vnni || desc.isa == TileIsa::kAvx2Vnni ? TileArithmetic::kDotU8S8
                                                                                : TileArithmetic::kWidenU8S8;
    case DType::kBF16: return desc.isa == TileIsa::kAvx512Bf16 ? TileArithmetic::kDotBf16 : TileArithmetic::kWidenBf16;
    default: return TileArithmetic::kFma;
  }
}

}  // namespace

TileGenerator::TileGenerator(const TileSetDesc& desc, bool evex_dots)
    : ResultsGenerator(desc, kCodeBytes),
      arithmetic_(arithmetic_of(desc)),
      evex_dots_(evex_dots || isa_ == VectorIsa::kAvx512),
      heights_(fitting_heights()) {
  for (const int panels : {1, 2, 4})
    for (int rows = 1; rows <= heights_.of(panels); ++rows)
      spill_bytes_ = std::max(spill_bytes_, needs_of(rows, panels).spill_bytes);
  for (const int panels : {1, 2, 4}) {
    for (int rows = 1; rows <= heights_.of(panels); ++rows) {
      align(32);
      offsets_[static_cast<std::size_t>(panels / 2)][static_cast<std::size_t>(rows)] = getSize();
      emit_tile(rows, panels);
    }
  }
  start_ = finish<const uint8_t*>();
}

TileFunction TileGenerator::function(int rows, int panels) const {
  const uint8_t* const entry = start_ + offsets_[static_cast<std::size_t>(panels / 2)][static_cast<std::size_t>(rows)];
  return reinterpret_cast<TileFunction>(reinterpret_cast<uintptr_t>(entry));
}

/// Full height needs few registers beside the accumulators; results of integer sums need four. A chain that wants more
/// gets lower tiles where registers are scarce, down to the eight accumulators that hide the latency of an FMA.
TileHeights TileGenerator::fitting_heights() const {
  if (wide()) return {7, 7, 2};
  if (widens()) return {4, 2, 1};
  int rows = 6;
  while (rows > 4 && needs_of(rows, 1).spill_bytes > 0) --rows;
  return {rows, rows / 2, 1};
}

void TileGenerator::emit_tile(int rows, int panels) {
  set_shape(rows, panels);
  enter(spill_bytes_ + (stages_tails() ? kStagingBytes : 0));
  emit_first_sums();
  emit_sum();
  Xbyak::Label store_partial, end;
  cmp(dword[args_ + offsetof(TileArgs, last_chunk)], 0);
  je(store_partial, T_NEAR);
  if (wide()) emit_last_panel_mask();
  emit_epilogue();
  leave();
  L(store_partial);
  emit_store_partial();
  leave();
}

void TileGenerator::emit_first_sums() {
  Xbyak::Label zero, done;
  cmp(dword[args_ + offsetof(TileArgs, first_chunk)], 0);
  jne(zero, T_NEAR);
  {
    const ScopedGpr partial = gpr_.take("partial");
    mov(partial, ptr[args_ + offsetof(TileArgs, partial)]);
    for (int i = 0; i < accumulators(); ++i) vmovups(vector(i), ptr[partial + i * jit::vector_bytes(isa_)]);
  }
  jmp(done, T_NEAR);
  L(zero);
  for (int i = 0; i < accumulators(); ++i) {
    if (wide())
      vpxord(vector(i), vector(i), vector(i));
    else
      vxorps(vector(i), vector(i), vector(i));
  }
  L(done);
}

void TileGenerator::emit_store_partial() {
  const ScopedGpr partial = gpr_.take("partial");
  mov(partial, ptr[args_ + offsetof(TileArgs, partial)]);
  for (int i = 0; i < accumulators(); ++i) vmovups(ptr[partial + i * jit::vector_bytes(isa_)], vector(i));
}

/// Adds all taps and all k to the accumulators.
void TileGenerator::emit_sum() {
  Bases a;
  take_bases(a, "a");
  const ScopedGpr b = gpr_.take("b"), panel_bytes = gpr_.take("panel_bytes"), k = gpr_.take("k");
  const ScopedGpr tap = gpr_.take("tap"), taps = gpr_.take("taps"), prefetch = gpr_.take("prefetch");
  std::optional<ScopedGpr> third_panel;
  if (panels_ == 4) third_panel.emplace(&gpr_, gpr_.take_index("third_panel"));
  const BRows b_rows{b, panel_bytes, third_panel};

  Xbyak::Label done, next_tap, main_loop, remainder, remainder_loop, tap_done;
  mov(taps, ptr[args_ + offsetof(TileArgs, taps)]);
  test(taps, taps);
  jz(done, T_NEAR);
  mov(*a.stride, ptr[args_ + offsetof(TileArgs, lda_bytes)]);
  mov(b, ptr[args_ + offsetof(TileArgs, b)]);
  mov(panel_bytes, ptr[args_ + offsetof(TileArgs, panel_bytes)]);
  if (third_panel) lea(*third_panel, ptr[panel_bytes + panel_bytes * 2]);
  mov(tap, ptr[args_ + offsetof(TileArgs, tap_offsets)]);
  mov(prefetch, ptr[args_ + offsetof(TileArgs, prefetch)]);

  const bool weight_only = arithmetic_ == TileArithmetic::kWeightOnly;
  if (weight_only) emit_weight_constants();
  if (arithmetic_ == TileArithmetic::kWidenBf16) emit_bf16_constants();
  const auto advance = [&](int steps) {
    for (auto& base : a.registers)
      if (base) add(*base, steps * static_cast<int>(desc_.types.group_bytes()));
    add(b, steps * static_cast<int>(kPanelRowBytes));
  };

  L(next_tap);
  mov(*a.registers[0], ptr[tap]);
  add(tap, static_cast<int>(sizeof(int64_t)));
  add(*a.registers[0], ptr[args_ + offsetof(TileArgs, a)]);
  place_other_bases(a);
  mov(k, ptr[args_ + offsetof(TileArgs, k)]);
  if (weight_only) {  // a group has four k: no need to unroll
    Xbyak::Label next_group, no_prefetch;
    test(k, k);
    jz(tap_done, T_NEAR);
    align(32);
    L(next_group);
    emit_weight_only_group(a, b_rows, false);
    test(k.cvt8(), kUnroll - 1);
    jnz(no_prefetch, T_NEAR);
    emit_prefetch(prefetch);
    L(no_prefetch);
    advance(1);
    dec(k);
    jnz(next_group, T_NEAR);
  } else {
    sub(k, kUnroll);
    jl(remainder, T_NEAR);
    align(32);
    L(main_loop);
    for (int step = 0; step < kUnroll; ++step) emit_step(a, b_rows, step);
    emit_prefetch(prefetch);
    advance(kUnroll);
    sub(k, kUnroll);
    jge(main_loop, T_NEAR);
    L(remainder);
    add(k, kUnroll);
    jz(tap_done, T_NEAR);
    L(remainder_loop);
    emit_step(a, b_rows, 0);
    advance(1);
    dec(k);
    jnz(remainder_loop, T_NEAR);
  }
  L(tap_done);
  if (desc_.types.group() > 1) {
    Xbyak::Label whole_groups;
    const ScopedGpr last_byte = gpr_.take("last_byte");
    cmp(dword[args_ + offsetof(TileArgs, k_tail_bytes)], 0);
    je(whole_groups, T_NEAR);
    weight_only ? emit_weight_only_group(a, b_rows, true) : emit_tail_group(a, b_rows, k, last_byte);
    add(b, static_cast<int>(kPanelRowBytes));
    L(whole_groups);
    add(b, ptr[args_ + offsetof(TileArgs, b_tap_skip)]);
  }
  dec(taps);
  jnz(next_tap, T_NEAR);
  L(done);
}

/// Two lines, four or eight; the branches always go the same way within a call.
void TileGenerator::emit_prefetch(const ScopedGpr& prefetch) {
  Xbyak::Label enough;
  int line = 0;
  for (const int lines : {2, 4, 8}) {
    for (; line < lines; ++line) prefetcht1(ptr[prefetch + line * static_cast<int>(kPanelRowBytes)]);
    if (lines == kMostPrefetchLines) break;
    cmp(dword[args_ + offsetof(TileArgs, prefetch_lines)], lines);
    jle(enough, T_NEAR);
  }
  L(enough);
  add(prefetch, ptr[args_ + offsetof(TileArgs, prefetch_step)]);
}

}  // namespace tegula::kernels
