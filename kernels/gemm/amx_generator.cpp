#include "kernels/gemm/amx_generator.h"

#include <algorithm>

#include "kernels/gemm/pack.h"

namespace tegula::kernels {
namespace {

constexpr std::size_t kCodeBytes = std::size_t{1} << 20;
constexpr int kPrefetchUnroll = 4;
/// A subroutine lowers the stack by a return address; this much more keeps it aligned to a line.
constexpr int kSubroutineBytes = 56;

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

/// What products keep in registers; all others belong to the results between them.
struct AmxGenerator::Registers {
  explicit Registers(jit::RegisterPool& pool)
      : a0(pool.take("a0")),
        a1(pool.take("a1")),
        lda(pool.take("lda")),
        b0(pool.take("b0")),
        b1(pool.take("b1")),
        line(pool.take("line")),
        steps(pool.take("steps")),
        count(pool.take("count")) {}

  ScopedGpr a0, a1;  // the first rows of both tiles of A
  ScopedGpr lda, b0, b1;
  ScopedGpr line;  // 64: from one row of a panel to the next
  ScopedGpr steps;
  ScopedGpr count;  // of slices that are still due in this step
};

AmxGenerator::AmxGenerator(const TileSetDesc& desc) : ResultsGenerator(desc, kCodeBytes) {
  for (const int panels : {1, 2})
    for (int rows = 1; rows <= kAmxSliceRows; ++rows)
      spill_bytes_ = std::max(spill_bytes_, needs_of(rows, panels).spill_bytes);
  spill_offset_ = spill_bytes_ > 0 ? kSubroutineBytes + static_cast<int>(sizeof(void*)) : 0;

  std::array<std::size_t, 4> products{};
  std::array<std::size_t, 2> results{};
  std::size_t only_results = 0;
  for (const int row_tiles : {1, 2}) {
    for (const int panels : {1, 2}) {
      align(32);
      products[static_cast<std::size_t>(2 * (row_tiles - 1) + panels - 1)] = getSize();
      enter_function();
      const Registers r(gpr_);
      emit_product(r, row_tiles, panels);
      leave();
    }
  }
  align(32);
  only_results = getSize();
  enter_function();
  emit_last_panel_mask();
  emit_slices(nullptr);
  leave();
  const Registers products_own(gpr_);
  for (const int panels : {1, 2}) {
    align(32);
    results[static_cast<std::size_t>(panels - 1)] = getSize();
    emit_results(panels);
  }
  align(32);
  const std::size_t configure = getSize();
  ldtilecfg(ptr[args_]);
  ret();
  const std::size_t release = getSize();
  tilerelease();
  ret();

  const auto start = reinterpret_cast<uintptr_t>(finish<const uint8_t*>());
  for (std::size_t i = 0; i < products.size(); ++i) functions_[i] = reinterpret_cast<Function>(start + products[i]);
  for (std::size_t i = 0; i < results.size(); ++i) results_code_[i] = reinterpret_cast<const void*>(start + results[i]);
  run_results_ = reinterpret_cast<Function>(start + only_results);
  configure_ = reinterpret_cast<void (*)(const jit::TilePalette*)>(start + configure);
  release_ = reinterpret_cast<void (*)()>(start + release);
}

// ---- products

void AmxGenerator::emit_product(const Registers& r, int row_tiles, int panels) {
  Xbyak::Label zero, sums_ready, next_tap, next_step, remainder, tap_done;
  emit_last_panel_mask();
  cmp(qword[args_ + offsetof(AmxCall, adds_to_sums)], 0);
  je(zero, T_NEAR);
  emit_sums(true, row_tiles, panels);
  jmp(sums_ready, T_NEAR);
  L(zero);
  for (int i = 0; i < row_tiles; ++i)
    for (int j = 0; j < panels; ++j) tilezero(sum(i, j));
  L(sums_ready);
  mov(r.lda, ptr[args_ + offsetof(AmxCall, lda_bytes)]);
  mov(r.b0, ptr[args_ + offsetof(AmxCall, b)]);
  if (panels == 2) {
    mov(r.b1, ptr[args_ + offsetof(AmxCall, panel_bytes)]);
    add(r.b1, r.b0);
  }
  mov(r.line, static_cast<int>(kPanelRowBytes));

  L(next_tap);
  mov(r.steps, ptr[args_ + offsetof(AmxCall, tap_offsets)]);
  add(qword[args_ + offsetof(AmxCall, tap_offsets)], static_cast<int>(sizeof(int64_t)));
  mov(r.a0, ptr[r.steps]);
  add(r.a0, ptr[args_ + offsetof(AmxCall, a)]);
  if (row_tiles == 2) {
    mov(r.a1, r.lda);
    shl(r.a1, 4);  // times kAmxRows
    add(r.a1, r.a0);
  }
  mov(r.steps, ptr[args_ + offsetof(AmxCall, whole_steps)]);
  test(r.steps, r.steps);
  jz(remainder, T_NEAR);
  align(32);
  L(next_step);
  emit_step(r.lda, r, row_tiles, panels);
  emit_prefetch();
  add(r.a0, ptr[args_ + offsetof(AmxCall, a_step_bytes)]);
  if (row_tiles == 2) add(r.a1, ptr[args_ + offsetof(AmxCall, a_step_bytes)]);
  dec(r.steps);
  jnz(next_step, T_NEAR);
  L(remainder);
  cmp(qword[args_ + offsetof(AmxCall, remainder_mask)], 0);
  je(tap_done, T_NEAR);
  emit_remainder(r, row_tiles, panels);
  L(tap_done);
  dec(qword[args_ + offsetof(AmxCall, taps)]);
  jnz(next_tap, T_NEAR);

  emit_sums(false, row_tiles, panels);
}

/// Loads the sums, or stores them.
void AmxGenerator::emit_sums(bool load, int row_tiles, int panels) {
  const ScopedGpr sums = gpr_.take("sums"), stride = gpr_.take("stride");
  const int row_bytes = panels * static_cast<int>(kPanelRowBytes);
  mov(sums, ptr[args_ + offsetof(AmxCall, sums)]);
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

/// One step of k: loads between the products that do not need them, then the results that are due.
void AmxGenerator::emit_step(const Xbyak::Reg64& a_stride, const Registers& r, int row_tiles, int panels) {
  tileloadd(b_tile(0), ptr[r.b0 + r.line]);
  tileloadd(a_tile(0), ptr[r.a0 + a_stride]);
  emit_multiply(0, 0);
  if (row_tiles == 2) {
    tileloadd(a_tile(1), ptr[r.a1 + a_stride]);
    emit_multiply(1, 0);
  }
  if (panels == 2) {
    tileloadd(b_tile(1), ptr[r.b1 + r.line]);
    emit_multiply(0, 1);
    if (row_tiles == 2) emit_multiply(1, 1);
    add(r.b1, ptr[args_ + offsetof(AmxCall, b_step_bytes)]);
  }
  add(r.b0, ptr[args_ + offsetof(AmxCall, b_step_bytes)]);
  mov(r.count, ptr[args_ + offsetof(AmxCall, slices_per_step)]);
  emit_slices(&r.count);
}

void AmxGenerator::emit_multiply(int i, int j) {
  if (desc_.types.integer())
    tdpbusd(sum(i, j), a_tile(i), b_tile(j));
  else
    tdpbf16ps(sum(i, j), a_tile(i), b_tile(j));
}

void AmxGenerator::emit_prefetch() {
  const ScopedGpr count = gpr_.take("lines"), line = gpr_.take("prefetch");
  Xbyak::Label none, more;
  mov(count, ptr[args_ + offsetof(AmxCall, prefetch_lines)]);
  test(count, count);
  jz(none, T_NEAR);
  mov(line, ptr[args_ + offsetof(AmxCall, prefetch)]);
  L(more);
  for (int i = 0; i < kPrefetchUnroll; ++i) prefetcht1(ptr[line + i * static_cast<int>(kPanelRowBytes)]);
  add(line, kPrefetchUnroll * static_cast<int>(kPanelRowBytes));
  sub(count, kPrefetchUnroll);
  jg(more, T_NEAR);
  mov(ptr[args_ + offsetof(AmxCall, prefetch)], line);
  L(none);
}

/// The step of which A has only some bytes, from zeroed rows. Leaves a0 and a1 anywhere: the next tap sets them.
void AmxGenerator::emit_remainder(const Registers& r, int row_tiles, int panels) {
  Xbyak::Label next_row;
  {
    const ScopedGpr to = gpr_.take("to"), rows = gpr_.take("rows");
    kmovq(k2, ptr[args_ + offsetof(AmxCall, remainder_mask)]);
    mov(to, ptr[args_ + offsetof(AmxCall, remainder)]);
    mov(rows, ptr[args_ + offsetof(AmxCall, rows)]);
    L(next_row);
    vmovdqu8(zmm0 | k2 | T_z, ptr[r.a0]);
    vmovdqa64(ptr[to], zmm0);
    add(r.a0, r.lda);
    add(to, kAmxRowBytes);
    dec(rows);
    jnz(next_row, T_NEAR);
  }
  mov(r.a0, ptr[args_ + offsetof(AmxCall, remainder)]);
  if (row_tiles == 2) lea(r.a1, ptr[r.a0 + kAmxRows * kAmxRowBytes]);
  emit_step(r.line, r, row_tiles, panels);
}

// ---- results

/// `count` slices, or all that are left.
void AmxGenerator::emit_slices(const Xbyak::Reg64* count) {
  Xbyak::Label next, done;
  L(next);
  cmp(qword[args_ + offsetof(AmxCall, slices_left)], 0);
  je(done, T_NEAR);
  call(ptr[args_ + offsetof(AmxCall, results_code)]);
  if (count != nullptr) {
    dec(*count);
    jnz(next, T_NEAR);
  } else {
    jmp(next, T_NEAR);
  }
  L(done);
}

/// The subroutine that writes one slice and moves on to the next.
void AmxGenerator::emit_results(int panels) {
  std::array<Xbyak::Label, kAmxSliceRows + 1> shapes;
  {
    const ScopedGpr slice = gpr_.take("slice"), rows = gpr_.take("rows"), skipped = gpr_.take("skipped");
    mov(slice, ptr[args_ + offsetof(AmxCall, slices)]);
    movzx(skipped.cvt32(), byte[slice + offsetof(AmxSlice, skipped)]);
    movzx(rows.cvt32(), byte[slice + offsetof(AmxSlice, rows)]);
    imul(skipped, skipped, panels * static_cast<int>(kPanelRowBytes));
    add(ptr[args_ + offsetof(TileArgs, partial)], skipped);
    add(slice, static_cast<int>(sizeof(AmxSlice)));
    mov(ptr[args_ + offsetof(AmxCall, slices)], slice);
    dec(qword[args_ + offsetof(AmxCall, slices_left)]);
    for (int count = kAmxSliceRows - 1; count > 0; --count) {
      cmp(rows.cvt32(), count);
      je(shapes[static_cast<std::size_t>(count)], T_NEAR);
    }
  }
  for (int rows = kAmxSliceRows; rows > 0; --rows) {
    L(shapes[static_cast<std::size_t>(rows)]);
    if (spill_bytes_ > 0) sub(rsp, kSubroutineBytes);
    emit_slice(rows, panels);
    if (spill_bytes_ > 0) add(rsp, kSubroutineBytes);
    ret();
  }
}

void AmxGenerator::emit_slice(int rows, int panels) {
  set_shape(rows, panels);
  const int bytes = rows * panels * static_cast<int>(kPanelRowBytes);
  {
    const ScopedGpr sums = gpr_.take("sums");
    mov(sums, ptr[args_ + offsetof(TileArgs, partial)]);
    for (int i = 0; i < accumulators(); ++i) vmovups(vector(i), ptr[sums + i * static_cast<int>(kPanelRowBytes)]);
  }
  emit_epilogue();

  const ScopedGpr step = gpr_.take("step");
  add(qword[args_ + offsetof(TileArgs, partial)], bytes);
  imul(step, ptr[args_ + offsetof(TileArgs, ldc_bytes)], rows);
  add(ptr[args_ + offsetof(TileArgs, c)], step);
  std::size_t operand = offsetof(TileArgs, operands);
  for (const PostOpDesc& post_op : desc_.epilogue.post_ops) {
    if (post_op.operand == OperandKind::kTensor) {
      imul(step, ptr[args_ + operand + offsetof(TileOperand, row_bytes)], rows);
      add(ptr[args_ + operand + offsetof(TileOperand, data)], step);
    }
    if (post_op.operand != OperandKind::kNone) operand += sizeof(TileOperand);
  }
  const QuantizedSumDesc& quantized = desc_.epilogue.quantized;
  const auto next_values = [&](std::size_t field) {
    add(qword[args_ + field], rows * static_cast<int>(sizeof(int32_t)));
  };
  if (quantized.weight_zero_points) next_values(offsetof(TileArgs, row_sums));
  if (quantized.src_zero_point == DynamicValue::kPerRow) next_values(offsetof(TileArgs, src_zero_points));
  if (quantized.src_scale == DynamicValue::kPerRow) next_values(offsetof(TileArgs, src_scales));
}

}  // namespace tegula::kernels
