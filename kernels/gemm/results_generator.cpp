#include "kernels/gemm/results_generator.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <utility>
#include <vector>

#include "jit/emit/bf16_rounding.h"
#include "kernels/gemm/pack.h"
#include "kernels/math/quantized.h"

namespace tegula::kernels {

using Xbyak::Reg64;
using Xbyak::RegExp;
using Xbyak::Xmm;
using Xbyak::Ymm;

namespace {

jit::VectorIsa vector_isa(TileIsa isa) {
  return isa == TileIsa::kAvx2 || isa == TileIsa::kAvx2Vnni ? jit::VectorIsa::kAvx2 : jit::VectorIsa::kAvx512;
}

bool is_byte(DType dtype) {
  return dtype == DType::kU8 || dtype == DType::kS8;
}

}  // namespace

ResultsGenerator::ResultsGenerator(const TileSetDesc& desc, std::size_t code_bytes)
    : Generator(desc.name(), code_bytes),
      desc_(desc),
      isa_(vector_isa(desc.isa)),
      needs_(post_op_needs(desc_.epilogue.post_ops, isa_, jit::vector_registers(isa_), kFreeMasks)) {}

PostOpNeeds ResultsGenerator::needs_of(int rows, int panels) const {
  const int free = jit::vector_registers(isa_) - rows * panels * vectors_per_panel();
  if (free >= needs_.vectors && needs_.masks <= kFreeMasks && needs_.spill_bytes == 0) return needs_;
  return post_op_needs(desc_.epilogue.post_ops, isa_, free, kFreeMasks);
}

/// Narrow elements of a tail pass through the stack where vectors of bytes have no masks.
bool ResultsGenerator::stages_tails() const {
  if (wide()) return false;
  const auto narrow = [](DType dtype) { return size_of(dtype) < sizeof(float); };
  return narrow(desc_.types.dst) || std::ranges::any_of(desc_.epilogue.post_ops, [&](const PostOpDesc& post_op) {
           return post_op.operand != OperandKind::kNone && narrow(post_op.operand_dtype);
         });
}

void ResultsGenerator::emit_last_panel_mask() {
  mov(ecx, dword[args_ + offsetof(TileArgs, last_columns)]);
  mov(eax, -1);
  shl(eax, cl);
  not_(eax);
  kmovw(last_panel_mask(), eax);
}

void ResultsGenerator::emit_epilogue() {
  if (wide()) return emit_epilogue_code(true);
  Xbyak::Label tail;
  cmp(dword[args_ + offsetof(TileArgs, last_columns)], static_cast<int>(kPanelColumns));
  jne(tail, T_NEAR);
  emit_epilogue_code(false);
  leave();
  L(tail);
  emit_epilogue_code(true);
}

/// `tail`: the last panel may have fewer than 16 columns, and nothing beyond them is touched.
void ResultsGenerator::emit_epilogue_code(bool tail) {
  const EpilogueDesc& epilogue = desc_.epilogue;
  const ScopedGpr address = gpr_.take("address"), row_bytes = gpr_.take("row_bytes");
  std::optional<ScopedGpr> masks;
  if (!wide() && tail) {
    masks.emplace(&gpr_, gpr_.take_index("masks"));
    emit_tail_masks(*masks);
  }
  if (desc_.types.integer()) {
    emit_integer_sums(address, row_bytes, tail, masks);
    if (desc_.types.dst != DType::kS32) emit_scaling(address, tail, masks);
  } else {
    if (epilogue.weight_scale != WeightScale::kNone) emit_weight_scales(address, tail, masks);
    if (epilogue.alpha) {
      const Xmm alpha = spare(0);
      vbroadcastss(alpha, dword[args_ + offsetof(TileArgs, alpha)]);
      for (int i = 0; i < accumulators(); ++i) vmulps(vector(i), alpha, vector(i));
    }
    if (epilogue.bias) {
      mov(address, ptr[args_ + offsetof(TileArgs, bias)]);
      for (int v = 0; v < row_vectors_; ++v) {
        const Xmm bias = spare(v % 2);
        emit_load_column(bias, address, is_tail(tail, v), v, masks);
        for (int row = 0; row < rows_; ++row) vaddps(acc(row, v), acc(row, v), bias);
      }
    }
  }
  if (!epilogue.post_ops.empty()) emit_chain(address, row_bytes, tail, masks);
  emit_convert();

  Bases c;
  take_bases(c, "c");
  mov(*c.stride, ptr[args_ + offsetof(TileArgs, ldc_bytes)]);
  mov(*c.registers[0], ptr[args_ + offsetof(TileArgs, c)]);
  place_other_bases(c);
  const int vector_bytes = jit::lanes_of(isa_) * static_cast<int>(desc_.types.dst_bytes());
  const bool by_panels = !wide() && desc_.types.dst == DType::kBF16;
  for (int row = 0; row < rows_; ++row)
    for (int v = 0; v < row_vectors_; ++v) {
      const RegExp to = row_address(c, row) + v * vector_bytes;
      if (by_panels && !is_tail(tail, v)) {
        emit_store_panel_row(to, acc(row, v), acc(row, v + 1));
        ++v;
      } else {
        emit_store(to, acc(row, v), v, is_tail(tail, v), masks);
      }
    }
}

void ResultsGenerator::emit_weight_scales(const ScopedGpr& address, bool tail, const std::optional<ScopedGpr>& masks) {
  mov(address, ptr[args_ + offsetof(TileArgs, multipliers)]);
  const bool per_channel = desc_.epilogue.weight_scale == WeightScale::kPerChannel;
  if (!per_channel) vbroadcastss(spare(0), dword[address]);
  for (int v = 0; v < row_vectors_; ++v) {
    const Xmm scale = spare(per_channel ? v % 2 : 0);
    if (per_channel) emit_load_column(scale, address, is_tail(tail, v), v, masks);
    for (int row = 0; row < rows_; ++row) vmulps(acc(row, v), acc(row, v), scale);
  }
}

// ---- integer sums

/// Everything that is added to the sums in s32; QuantizedSumDesc.
void ResultsGenerator::emit_integer_sums(const ScopedGpr& address, const ScopedGpr& row_values, bool tail,
                                         const std::optional<ScopedGpr>& masks) {
  const EpilogueDesc& epilogue = desc_.epilogue;
  const QuantizedSumDesc& quantized = epilogue.quantized;
  const bool by_row_sum = quantized.weight_zero_points;
  const bool dynamic = quantized.src_zero_point != DynamicValue::kStatic;
  const bool per_row = quantized.src_zero_point == DynamicValue::kPerRow;
  if (!epilogue.bias && !by_row_sum && !dynamic) return;
  const Xmm bias = spare(0), weight_zero = spare(1), by_src_zero = spare(2), product = spare(3);
  const auto broadcast = [&](const Reg64& base, std::size_t disp) {
    vpbroadcastd(product, dword[base + static_cast<int>(disp)]);
  };
  const auto load_column = [&](const Xmm& to, std::size_t field, int v) {
    mov(address, ptr[args_ + field]);
    emit_load_column(to, address, is_tail(tail, v), v, masks);
  };
  for (int v = 0; v < row_vectors_; ++v) {
    if (epilogue.bias) load_column(bias, offsetof(TileArgs, bias), v);
    if (by_row_sum) load_column(weight_zero, offsetof(TileArgs, weight_zero_points), v);
    if (dynamic) {  // Sw - K z_w, times z_x where that is one number
      load_column(by_src_zero, offsetof(TileArgs, weight_sums), v);
      if (by_row_sum) {
        broadcast(args_, offsetof(TileArgs, depth));
        vpmulld(product, product, weight_zero);
        vpsubd(by_src_zero, by_src_zero, product);
      }
      mov(address, ptr[args_ + offsetof(TileArgs, src_zero_points)]);
      if (!per_row) {
        broadcast(address, 0);
        vpmulld(by_src_zero, by_src_zero, product);
      }
    }
    if (by_row_sum) mov(row_values, ptr[args_ + offsetof(TileArgs, row_sums)]);
    for (int row = 0; row < rows_; ++row) {
      const Xmm sum = acc(row, v);
      if (epilogue.bias) vpaddd(sum, sum, bias);
      if (by_row_sum) {
        broadcast(row_values, static_cast<std::size_t>(row) * sizeof(int32_t));
        vpmulld(product, product, weight_zero);
        vpsubd(sum, sum, product);
      }
      if (per_row) {
        broadcast(address, static_cast<std::size_t>(row) * sizeof(int32_t));
        vpmulld(product, product, by_src_zero);
        vpsubd(sum, sum, product);
      } else if (dynamic) {
        vpsubd(sum, sum, by_src_zero);
      }
    }
  }
}

/// To fp32, times the multipliers.
void ResultsGenerator::emit_scaling(const ScopedGpr& address, bool tail, const std::optional<ScopedGpr>& masks) {
  const QuantizedSumDesc& quantized = desc_.epilogue.quantized;
  const Xmm multiplier = spare(0), src_scale = spare(1);
  const bool per_row = quantized.src_scale == DynamicValue::kPerRow;
  const bool per_tensor = quantized.src_scale == DynamicValue::kPerTensor;
  const ScopedGpr src_scales = gpr_.take("src_scales");
  if (quantized.src_scale != DynamicValue::kStatic) mov(src_scales, ptr[args_ + offsetof(TileArgs, src_scales)]);
  if (per_tensor) vbroadcastss(src_scale, dword[src_scales]);
  mov(address, ptr[args_ + offsetof(TileArgs, multipliers)]);
  for (int v = 0; v < row_vectors_; ++v) {
    if (quantized.multiplier_per_channel || v == 0) {
      if (quantized.multiplier_per_channel)
        emit_load_column(multiplier, address, is_tail(tail, v), v, masks);
      else
        vbroadcastss(multiplier, dword[address]);
      if (per_tensor) vmulps(multiplier, multiplier, src_scale);
    }
    for (int row = 0; row < rows_; ++row) {
      vcvtdq2ps(acc(row, v), acc(row, v));
      if (per_row) {
        vbroadcastss(src_scale, dword[src_scales + row * static_cast<int>(sizeof(float))]);
        vmulps(src_scale, multiplier, src_scale);
        vmulps(acc(row, v), acc(row, v), src_scale);
      } else {
        vmulps(acc(row, v), acc(row, v), multiplier);
      }
    }
  }
}

// ---- post-ops

void ResultsGenerator::emit_chain(const ScopedGpr& address, const ScopedGpr& row_bytes, bool tail,
                                  const std::optional<ScopedGpr>& masks) {
  const PostOpChain& chain = desc_.epilogue.post_ops;
  std::vector<int> slots(chain.size(), -1);
  int operands = 0;
  for (std::size_t i = 0; i < chain.size(); ++i)
    if (chain[i].operand != OperandKind::kNone) slots[i] = operands++;

  std::vector<int> sums;
  PostOpResources resources;
  for (int i = 0; i <= last_register(); ++i) (i < accumulators() ? sums : resources.vectors).push_back(i);
  for (int mask = 2; mask < 2 + kFreeMasks; ++mask) resources.masks.push_back(mask);
  resources.spill_base = rsp;
  resources.spill_offset = spill_offset_;
  resources.spill_bytes = spill_bytes_;

  const auto load_operand = [&](int post_op, int accumulator, int to) {
    const auto slot = static_cast<std::size_t>(slots[static_cast<std::size_t>(post_op)]);
    const std::size_t operand = offsetof(TileArgs, operands) + slot * sizeof(TileOperand);
    const int row = accumulator / row_vectors_, v = accumulator % row_vectors_;
    const PostOpDesc& desc = chain[static_cast<std::size_t>(post_op)];
    mov(address, ptr[args_ + operand + offsetof(TileOperand, data)]);
    if (desc.operand == OperandKind::kScalar) return emit_load_scalar(vector(to), address, desc.operand_dtype, operand);
    if (desc.operand == OperandKind::kTensor && row > 0) {
      imul(row_bytes, ptr[args_ + operand + offsetof(TileOperand, row_bytes)], row);
      add(address, row_bytes);
    }
    emit_load_operand(vector(to), address, desc.operand_dtype, operand, is_tail(tail, v), v, masks);
  };
  emit_post_ops(*this, isa_, chain, sums, resources, load_operand);
}

void ResultsGenerator::emit_load_scalar(const Xmm& to, const Reg64& address, DType dtype, std::size_t operand) {
  if (dtype == DType::kF32) return vbroadcastss(to, dword[address]);
  const auto value = address.cvt32();
  if (dtype == DType::kBF16)
    movzx(value, word[address]);
  else
    dtype == DType::kS8 ? movsx(value, byte[address]) : movzx(value, byte[address]);
  vmovd(Xmm(to.getIdx()), value);
  vpbroadcastd(to, Xmm(to.getIdx()));
  emit_dequantize(to, dtype, operand);
}

void ResultsGenerator::emit_load_operand(const Xmm& to, const Reg64& address, DType dtype, std::size_t operand,
                                         bool tail, int v, const std::optional<ScopedGpr>& masks) {
  if (dtype == DType::kF32) return emit_load_column(to, address, tail, v, masks);
  const int element_bytes = static_cast<int>(size_of(dtype));
  RegExp from = RegExp(address) + v * jit::lanes_of(isa_) * element_bytes;
  if (tail && !wide()) {
    emit_copy_tail(from, true, element_bytes, v);
    from = rsp + staging_offset();
  }
  const auto load = [&](const Xmm& masked) {
    if (dtype == DType::kBF16) return vpmovzxwd(masked, ptr[from]);
    dtype == DType::kS8 ? vpmovsxbd(masked, ptr[from]) : vpmovzxbd(masked, ptr[from]);
  };
  load(tail && wide() ? to | last_panel_mask() | T_z : to);
  emit_dequantize(to, dtype, operand);
}

/// From widened integers (or bits) to what they stand for.
void ResultsGenerator::emit_dequantize(const Xmm& value, DType dtype, std::size_t operand) {
  if (dtype == DType::kBF16) return vpslld(value, value, 16);
  const auto constant_of = [&](std::size_t field) {
    const RegExp at = args_ + operand + field;
    return wide() ? ptr_b[at] : ptr[at];
  };
  vcvtdq2ps(value, value);
  vsubps(value, value, constant_of(offsetof(TileOperand, zero_point)));
  vmulps(value, value, constant_of(offsetof(TileOperand, scale)));
}

/// Four bytes per column, from column 0 of the tile at `address` on.
void ResultsGenerator::emit_load_column(const Xmm& to, const Reg64& address, bool tail, int v,
                                        const std::optional<ScopedGpr>& masks) {
  const RegExp from = RegExp(address) + v * jit::vector_bytes(isa_);
  if (!tail) return vmovups(to, ptr[from]);
  if (wide()) return vmovups(to | last_panel_mask() | T_z, ptr[from]);
  const Ymm ymm(to.getIdx());
  vmovups(ymm, ptr[*masks + tail_mask_offset(v)]);
  vmaskmovps(ymm, ymm, ptr[from]);
}

// ---- results

/// Makes of the sums what emit_store takes: integers in 32-bit lanes, words of bf16 as Bf16Rounding leaves them. fp32
/// stays as it is.
///
/// saturate(round(x) + z) is round(clamp(x, low - z, high - z)) + z: the bounds are integers, so that clamping commutes
/// with rounding, and the conversion, which rounds, sees no NaN and nothing that overflows. Where stores saturate, they
/// clamp to the high bound: what is not below the low one is an unsigned number then, 2^31 where the conversion
/// overflows.
void ResultsGenerator::emit_convert() {
  if (is_byte(desc_.types.dst)) {
    const Xmm scale = spare(0), zero_point = spare(1), low = spare(2), high = spare(3);
    const math::QuantizedRange range = math::range_of(desc_.types.dst);
    if (desc_.epilogue.quantized.dst_scale) vbroadcastss(scale, dword[args_ + offsetof(TileArgs, dst_scale_inverse)]);
    vbroadcastss(zero_point, dword[args_ + offsetof(TileArgs, dst_zero_point)]);
    vbroadcastss(low, constant_dword(isa_, std::bit_cast<uint32_t>(range.low)));
    vbroadcastss(high, constant_dword(isa_, std::bit_cast<uint32_t>(range.high)));
    vsubps(low, low, zero_point);
    vsubps(high, high, zero_point);
    vcvtps2dq(zero_point, zero_point);
    for (int i = 0; i < accumulators(); ++i) {
      const Xmm x = vector(i);
      if (desc_.epilogue.quantized.dst_scale) vmulps(x, x, scale);
      vmaxps(x, x, low);  // NaN: the second one
      if (!stores_saturate()) vminps(x, x, high);
      vcvtps2dq(x, x);
      vpaddd(x, x, zero_point);
    }
  } else if (desc_.types.dst == DType::kBF16) {
    std::vector<int> registers;
    for (int i = 0; i < jit::Bf16Rounding::registers(isa_, rounds_to_bf16()); ++i)
      registers.push_back(last_register() - i);
    const jit::Bf16Rounding rounding(*this, isa_, rounds_to_bf16(), std::move(registers), k2);
    rounding.emit_constants();
    for (int i = 0; i < accumulators(); ++i) rounding.emit_round(i);
  }
}

/// Both vectors of a whole panel's row, words in lanes of 32 bits.
void ResultsGenerator::emit_store_panel_row(const RegExp& to, const Xmm& low, const Xmm& high) {
  constexpr uint8_t kQuartersInOrder = 0xd8;
  const Ymm words(low.getIdx());
  vpackusdw(words, words, Ymm(high.getIdx()));
  vpermq(words, words, kQuartersInOrder);
  vmovups(ptr[to], words);
}

void ResultsGenerator::emit_store(const RegExp& to, const Xmm& x, int v, bool tail,
                                  const std::optional<ScopedGpr>& masks) {
  const DType dst = desc_.types.dst;
  const bool narrow = size_of(dst) < sizeof(float);
  if (!narrow && !tail) return vmovups(ptr[to], x);
  if (!narrow && wide()) return vmovups(ptr[to] | last_panel_mask(), x);
  if (!narrow) {
    const Ymm mask(last_register());
    vmovups(mask, ptr[*masks + tail_mask_offset(v)]);
    return vmaskmovps(ptr[to], mask, Ymm(x.getIdx()));
  }
  if (wide()) {
    const Xmm bytes(x.getIdx());
    const Ymm words(x.getIdx());
    if (is_byte(dst)) {
      stores_saturate() ? vpmovusdb(bytes, x) : vpmovdb(bytes, x);
      tail ? vmovdqu8(ptr[to] | last_panel_mask(), bytes) : vmovups(ptr[to], bytes);
    } else {
      tail ? vmovdqu16(ptr[to] | last_panel_mask(), words) : vmovups(ptr[to], words);
    }
    return;
  }
  const Xmm low(x.getIdx()), high(last_register());
  vextracti128(high, Ymm(x.getIdx()), 1);
  if (dst == DType::kBF16) {
    vpackusdw(low, low, high);
  } else {
    vpackssdw(low, low, high);
    dst == DType::kS8 ? vpacksswb(low, low, low) : vpackuswb(low, low, low);
  }
  if (tail) {
    vmovups(ptr[rsp + staging_offset()], low);
    emit_copy_tail(to, false, static_cast<int>(size_of(dst)), v);
  } else {
    is_byte(dst) ? vmovq(ptr[to], low) : vmovups(ptr[to], low);
  }
}

// ---- AVX2: tails

// Sixteen lanes of -1, sixteen of 0; `masks` points where the first last_columns lanes read from it are -1.
void ResultsGenerator::emit_tail_masks(const ScopedGpr& masks) {
  std::vector<uint32_t> lanes(static_cast<std::size_t>(2 * kPanelColumns), 0);
  std::fill_n(lanes.begin(), kPanelColumns, ~uint32_t{0});
  const ScopedGpr columns = gpr_.take("columns");
  constexpr int kLaneBytes = sizeof(uint32_t);
  movsxd(columns, dword[args_ + offsetof(TileArgs, last_columns)]);
  neg(columns);
  lea(masks, table(lanes));
  lea(masks, ptr[masks + columns * kLaneBytes + static_cast<int>(kPanelColumns) * kLaneBytes]);
}

/// The elements of vector v of the last panel that exist, between `elements` and the staging place, one byte at a time.
void ResultsGenerator::emit_copy_tail(const RegExp& elements, bool load, int element_bytes, int v) {
  const ScopedGpr count = gpr_.take("count"), at = gpr_.take("at"), value = gpr_.take("value");
  const ScopedGpr base = gpr_.take("base");
  const RegExp staged = rsp + at + staging_offset();
  const int lanes = jit::lanes_of(isa_);
  Xbyak::Label next, done;
  movsxd(count, dword[args_ + offsetof(TileArgs, last_columns)]);
  sub(count, v % vectors_per_panel() * lanes);
  jle(done, T_NEAR);
  mov(at.cvt32(), lanes);
  cmp(count, at);
  cmovg(count, at);
  if (element_bytes == 2) add(count, count);
  lea(base, ptr[elements]);
  xor_(at.cvt32(), at.cvt32());
  L(next);
  movzx(value.cvt32(), byte[load ? base + at : staged]);
  mov(byte[load ? staged : base + at], value.cvt8());
  inc(at);
  cmp(at, count);
  jl(next);
  L(done);
}

// ---- rows at a stride that only the call knows

void ResultsGenerator::take_bases(Bases& bases, const char* purpose) {
  bases.stride.emplace(&gpr_, gpr_.take_index(purpose));
  for (int i = 0; i * kRowsPerBase < rows_; ++i) bases.registers[i].emplace(&gpr_, gpr_.take_index(purpose));
}

/// From registers[0] and the stride.
void ResultsGenerator::place_other_bases(const Bases& bases) {
  for (int i = 1; i * kRowsPerBase < rows_; ++i) {
    lea(*bases.registers[i], ptr[*bases.registers[i - 1] + *bases.stride * 2]);
    add(*bases.registers[i], *bases.stride);
  }
}

RegExp ResultsGenerator::row_address(const Bases& bases, int row) const {
  const Xbyak::Reg64& base = *bases.registers[row / kRowsPerBase];
  if (row % kRowsPerBase == 0) return RegExp(base);
  return base + *bases.stride * (row % kRowsPerBase);
}

}  // namespace tegula::kernels
