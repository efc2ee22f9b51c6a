#include "kernels/gemm/generated_tiles.h"

#include <xbyak/xbyak.h>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <optional>

#include "jit/generator.h"
#include "kernels/gemm/pack.h"
#include "kernels/post_ops/emit_post_ops.h"

namespace tegula::kernels {
namespace {

using jit::ScopedGpr;
using jit::VectorIsa;
using Xbyak::RegExp;
using Xbyak::Xmm;

constexpr int kElementBytes = 4;
constexpr int kUnroll = 4;       // k per turn of the main loop
constexpr int kRowsPerBase = 3;  // rows that one base register reaches: base, base + stride, base + 2 * stride

/// Writes the code of all tiles of one epilogue.
///
/// Registers of a tile of R rows and P panels, where a row takes V vectors (AVX-512: P, AVX2: 2 P):
///   accumulators   R * V, from register 0 on; row by row
///   others         more rows than vectors: V vectors of B stay while the rows' elements of A pass through them,
///                  otherwise R broadcast elements of A stay while the vectors of B pass
///   in the epilogue all but the accumulators belong to the post-ops
class TileGenerator : public jit::Generator {
 public:
  TileGenerator(const TileSetDesc& desc, VectorIsa isa)
      : Generator(desc.name(), kCodeBytes), desc_(desc), isa_(isa), heights_(fitting_heights()) {
    for (const int panels : {1, 2, 4}) {
      for (int rows = 1; rows <= heights_.of(panels); ++rows)
        spill_bytes_ = std::max(spill_bytes_, needs_of(rows, panels).spill_bytes);
    }
    for (const int panels : {1, 2, 4}) {
      for (int rows = 1; rows <= heights_.of(panels); ++rows) {
        align(32);
        offsets_[static_cast<std::size_t>(panels / 2)][static_cast<std::size_t>(rows)] = getSize();
        emit_tile(rows, panels);
      }
    }
    start_ = finish<const uint8_t*>();
  }

  const TileHeights& heights() const { return heights_; }
  TileFunction function(int rows, int panels) const {
    const uint8_t* const entry =
        start_ + offsets_[static_cast<std::size_t>(panels / 2)][static_cast<std::size_t>(rows)];
    return reinterpret_cast<TileFunction>(reinterpret_cast<uintptr_t>(entry));
  }

 private:
  static constexpr std::size_t kCodeBytes = std::size_t{1} << 20;

  // ---- which registers hold what; numbers of vector registers appear here only

  bool wide() const { return isa_ == VectorIsa::kAvx512; }
  int vectors_per_panel() const { return wide() ? 1 : 2; }
  int last_register() const { return jit::vector_registers(isa_) - 1; }
  Xmm vector(int index) const { return wide() ? Xmm(Xbyak::Zmm(index)) : Xmm(Xbyak::Ymm(index)); }
  Xmm acc(int row, int v) const { return vector(row * row_vectors_ + v); }
  Xmm b_vector(int v) const { return vector(last_register() - v); }
  Xmm a_element(int i) const { return vector(last_register() - row_vectors_ - i); }  // with B staying: two take turns
  Xmm a_row(int row) const { return vector(last_register() - row); }                 // with A staying
  Xmm passing_b() const { return vector(last_register() - rows_); }
  const Xbyak::Opmask& last_panel_mask() const { return k1; }

  PostOpNeeds needs_of(int rows, int panels) const {
    const int free = jit::vector_registers(isa_) - rows * panels * vectors_per_panel();
    return post_op_needs(desc_.epilogue.post_ops, isa_, free, kFreeMasks);
  }

  /// Full height needs few registers beside the accumulators. A chain that wants more gets lower tiles where registers
  /// are scarce, down to the eight accumulators that hide the latency of an FMA.
  TileHeights fitting_heights() const {
    if (wide()) return {7, 7, 2};
    int rows = 6;
    while (rows > 4 && needs_of(rows, 1).spill_bytes > 0) --rows;
    return {rows, rows / 2, 1};
  }

  // ---- one tile

  struct Bases {
    std::optional<ScopedGpr> registers[3];
    std::optional<ScopedGpr> stride;
  };

  void emit_tile(int rows, int panels) {
    rows_ = rows;
    panels_ = panels;
    row_vectors_ = panels * vectors_per_panel();
    enter(spill_bytes_);
    emit_first_sums();
    emit_sum();
    Xbyak::Label store_partial, end;
    cmp(dword[args_ + offsetof(TileArgs, last_chunk)], 0);
    je(store_partial, T_NEAR);
    emit_epilogue();
    leave();
    L(store_partial);
    emit_store_partial();
    leave();
  }

  void emit_first_sums() {
    Xbyak::Label zero, done;
    cmp(dword[args_ + offsetof(TileArgs, first_chunk)], 0);
    jne(zero, T_NEAR);
    {
      const ScopedGpr partial = gpr_.take("partial");
      mov(partial, ptr[args_ + offsetof(TileArgs, partial)]);
      for (int i = 0; i < rows_ * row_vectors_; ++i) vmovups(vector(i), ptr[partial + i * jit::vector_bytes(isa_)]);
    }
    jmp(done, T_NEAR);
    L(zero);
    for (int i = 0; i < rows_ * row_vectors_; ++i) {
      if (wide())
        vpxord(vector(i), vector(i), vector(i));
      else
        vxorps(vector(i), vector(i), vector(i));
    }
    L(done);
  }

  void emit_store_partial() {
    const ScopedGpr partial = gpr_.take("partial");
    mov(partial, ptr[args_ + offsetof(TileArgs, partial)]);
    for (int i = 0; i < rows_ * row_vectors_; ++i) vmovups(ptr[partial + i * jit::vector_bytes(isa_)], vector(i));
  }

  /// Adds all taps and all k to the accumulators.
  void emit_sum() {
    Bases a;
    take_bases(a, "a");
    const ScopedGpr b = gpr_.take("b"), panel_bytes = gpr_.take("panel_bytes"), k = gpr_.take("k");
    const ScopedGpr tap = gpr_.take("tap"), taps = gpr_.take("taps"), prefetch = gpr_.take("prefetch");
    std::optional<ScopedGpr> third_panel;
    if (panels_ == 4) third_panel.emplace(&gpr_, gpr_.take_index("third_panel"));

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

    const auto b_address = [&](int v, int step) {
      const int panel = v / vectors_per_panel();
      const int disp = step * static_cast<int>(kPanelRowBytes) + v % vectors_per_panel() * jit::vector_bytes(isa_);
      if (panel == 0) return RegExp(b) + disp;
      if (panel == 1) return b + panel_bytes + disp;
      if (panel == 2) return b + panel_bytes * 2 + disp;
      return RegExp(b) + *third_panel + disp;
    };
    const auto advance = [&](int steps) {
      for (auto& base : a.registers)
        if (base) add(*base, steps * kElementBytes);
      add(b, steps * static_cast<int>(kPanelRowBytes));
    };

    L(next_tap);
    mov(*a.registers[0], ptr[tap]);
    add(tap, static_cast<int>(sizeof(int64_t)));
    add(*a.registers[0], ptr[args_ + offsetof(TileArgs, a)]);
    place_other_bases(a);
    mov(k, ptr[args_ + offsetof(TileArgs, k)]);
    sub(k, kUnroll);
    jl(remainder, T_NEAR);
    align(32);
    L(main_loop);
    for (int step = 0; step < kUnroll; ++step) emit_step(a, b_address, step);
    emit_prefetch(prefetch);
    advance(kUnroll);
    sub(k, kUnroll);
    jge(main_loop, T_NEAR);
    L(remainder);
    add(k, kUnroll);
    jz(tap_done, T_NEAR);
    L(remainder_loop);
    emit_step(a, b_address, 0);
    advance(1);
    dec(k);
    jnz(remainder_loop, T_NEAR);
    L(tap_done);
    dec(taps);
    jnz(next_tap, T_NEAR);
    L(done);
  }

  /// Two lines, four or eight; the branches always go the same way within a call.
  void emit_prefetch(const ScopedGpr& prefetch) {
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

  /// One k: every row's element of A times the row of every panel.
  template <typename BAddress>
  void emit_step(const Bases& a, const BAddress& b_address, int step) {
    const int disp = step * kElementBytes;
    if (rows_ > row_vectors_) {
      for (int v = 0; v < row_vectors_; ++v) vmovups(b_vector(v), ptr[b_address(v, step)]);
      for (int row = 0; row < rows_; ++row) {
        const RegExp element = row_address(a, row) + disp;
        // Zen 4 broadcasts within the FMA for free; cores with two loads for two FMAs per cycle need some of the rows
        // to load their element once for all panels.
        const bool embedded = wide() && (row_vectors_ == 1 || row % 2 == 0);
        if (!embedded) vbroadcastss(a_element(row / 2 % 2), ptr[element]);
        for (int v = 0; v < row_vectors_; ++v) {
          if (embedded)
            vfmadd231ps(acc(row, v), b_vector(v), ptr_b[element]);
          else
            vfmadd231ps(acc(row, v), b_vector(v), a_element(row / 2 % 2));
        }
      }
      return;
    }
    for (int row = 0; row < rows_; ++row) vbroadcastss(a_row(row), ptr[row_address(a, row) + disp]);
    for (int v = 0; v < row_vectors_; ++v) {
      if (rows_ == 1) {
        vfmadd231ps(acc(0, v), a_row(0), ptr[b_address(v, step)]);
        continue;
      }
      vmovups(passing_b(), ptr[b_address(v, step)]);
      for (int row = 0; row < rows_; ++row) vfmadd231ps(acc(row, v), a_row(row), passing_b());
    }
  }

  // ---- rows at a stride that only the call knows

  void take_bases(Bases& bases, const char* purpose) {
    bases.stride.emplace(&gpr_, gpr_.take_index(purpose));
    for (int i = 0; i * kRowsPerBase < rows_; ++i) bases.registers[i].emplace(&gpr_, gpr_.take_index(purpose));
  }

  /// From registers[0] and the stride.
  void place_other_bases(const Bases& bases) {
    for (int i = 1; i * kRowsPerBase < rows_; ++i) {
      lea(*bases.registers[i], ptr[*bases.registers[i - 1] + *bases.stride * 2]);
      add(*bases.registers[i], *bases.stride);
    }
  }

  RegExp row_address(const Bases& bases, int row) const {
    const Xbyak::Reg64& base = *bases.registers[row / kRowsPerBase];
    if (row % kRowsPerBase == 0) return RegExp(base);
    return base + *bases.stride * (row % kRowsPerBase);
  }

  // ---- the epilogue

  static constexpr int kFreeMasks = 6;  // k2 to k7

  void emit_epilogue() {
    if (wide()) {
      // k1 = the columns of the last panel that exist.
      mov(ecx, dword[args_ + offsetof(TileArgs, last_columns)]);
      mov(eax, -1);
      shl(eax, cl);
      not_(eax);
      kmovw(last_panel_mask(), eax);
      emit_epilogue_code(true);
      return;
    }
    Xbyak::Label tail;
    cmp(dword[args_ + offsetof(TileArgs, last_columns)], static_cast<int>(kPanelColumns));
    jne(tail, T_NEAR);
    emit_epilogue_code(false);
    leave();
    L(tail);
    emit_epilogue_code(true);
  }

  /// `tail`: the last panel may have fewer than 16 columns, and nothing beyond them is touched.
  void emit_epilogue_code(bool tail) {
    const EpilogueDesc& epilogue = desc_.epilogue;
    const int accumulators = rows_ * row_vectors_;
    const ScopedGpr address = gpr_.take("address"), row_bytes = gpr_.take("row_bytes");
    std::optional<ScopedGpr> masks;
    if (!wide() && tail) {
      masks.emplace(&gpr_, gpr_.take_index("masks"));
      emit_tail_masks(*masks);
    }
    const auto is_tail = [&](int v) { return tail && v / vectors_per_panel() == panels_ - 1; };

    if (epilogue.alpha) {
      const Xmm alpha = vector(last_register());
      vbroadcastss(alpha, dword[args_ + offsetof(TileArgs, alpha)]);
      for (int i = 0; i < accumulators; ++i) vmulps(vector(i), alpha, vector(i));
    }
    if (epilogue.bias) {
      mov(address, ptr[args_ + offsetof(TileArgs, bias)]);
      for (int v = 0; v < row_vectors_; ++v) {
        const Xmm bias = vector(last_register() - v % 2);
        emit_load(bias, RegExp(address) + v * jit::vector_bytes(isa_), is_tail(v), v, masks);
        for (int row = 0; row < rows_; ++row) vaddps(acc(row, v), acc(row, v), bias);
      }
    }
    if (!epilogue.post_ops.empty()) emit_chain(address, row_bytes, is_tail, masks);

    Bases c;
    take_bases(c, "c");
    mov(*c.stride, ptr[args_ + offsetof(TileArgs, ldc_bytes)]);
    mov(*c.registers[0], ptr[args_ + offsetof(TileArgs, c)]);
    place_other_bases(c);
    for (int row = 0; row < rows_; ++row) {
      for (int v = 0; v < row_vectors_; ++v) {
        const RegExp to = row_address(c, row) + v * jit::vector_bytes(isa_);
        if (!is_tail(v)) {
          vmovups(ptr[to], acc(row, v));
        } else if (wide()) {
          vmovups(ptr[to] | last_panel_mask(), acc(row, v));
        } else {
          const Xmm mask = vector(last_register());
          vmovups(mask, ptr[*masks + tail_mask_offset(v)]);
          vmaskmovps(ptr[to], Xbyak::Ymm(mask.getIdx()), Xbyak::Ymm(acc(row, v).getIdx()));
        }
      }
    }
  }

  template <typename IsTail>
  void emit_chain(const ScopedGpr& address, const ScopedGpr& row_bytes, const IsTail& is_tail,
                  const std::optional<ScopedGpr>& masks) {
    const PostOpChain& chain = desc_.epilogue.post_ops;
    std::vector<int> slots(chain.size(), -1);
    int operands = 0;
    for (std::size_t i = 0; i < chain.size(); ++i)
      if (chain[i].operand != OperandKind::kNone) slots[i] = operands++;

    std::vector<int> accumulators;
    PostOpResources resources;
    for (int i = 0; i <= last_register(); ++i)
      (i < rows_ * row_vectors_ ? accumulators : resources.vectors).push_back(i);
    for (int mask = 2; mask < 2 + kFreeMasks; ++mask) resources.masks.push_back(mask);
    resources.spill_base = rsp;
    resources.spill_bytes = spill_bytes_;

    const auto load_operand = [&](int post_op, int accumulator, int to) {
      const auto slot = static_cast<std::size_t>(slots[static_cast<std::size_t>(post_op)]);
      const std::size_t operand = offsetof(TileArgs, operands) + slot * sizeof(TileOperand);
      const int row = accumulator / row_vectors_, v = accumulator % row_vectors_;
      mov(address, ptr[args_ + operand + offsetof(TileOperand, data)]);
      const OperandKind kind = chain[static_cast<std::size_t>(post_op)].operand;
      if (kind == OperandKind::kScalar) return vbroadcastss(vector(to), dword[address]);
      if (kind == OperandKind::kTensor && row > 0) {
        imul(row_bytes, ptr[args_ + operand + offsetof(TileOperand, row_bytes)], row);
        add(address, row_bytes);
      }
      emit_load(vector(to), RegExp(address) + v * jit::vector_bytes(isa_), is_tail(v), v, masks);
    };
    emit_post_ops(*this, isa_, chain, accumulators, resources, load_operand);
  }

  void emit_load(const Xmm& to, const RegExp& from, bool tail, int v, const std::optional<ScopedGpr>& masks) {
    if (!tail) return vmovups(to, ptr[from]);
    if (wide()) return vmovups(to | last_panel_mask() | T_z, ptr[from]);
    const Xbyak::Ymm ymm(to.getIdx());
    vmovups(ymm, ptr[*masks + tail_mask_offset(v)]);
    vmaskmovps(ymm, ymm, ptr[from]);
  }

  // AVX2: sixteen lanes of -1, sixteen of 0; `masks` points where the first last_columns lanes read from it are -1.

  void emit_tail_masks(const ScopedGpr& masks) {
    std::vector<uint32_t> lanes(static_cast<std::size_t>(2 * kPanelColumns), 0);
    std::fill_n(lanes.begin(), kPanelColumns, ~uint32_t{0});
    const ScopedGpr columns = gpr_.take("columns");
    movsxd(columns, dword[args_ + offsetof(TileArgs, last_columns)]);
    neg(columns);
    lea(masks, table(lanes));
    lea(masks, ptr[masks + columns * kElementBytes + static_cast<int>(kPanelColumns) * kElementBytes]);
  }

  int tail_mask_offset(int v) const { return v % vectors_per_panel() * jit::vector_bytes(isa_); }

  const TileSetDesc& desc_;
  const VectorIsa isa_;
  int rows_ = 0, panels_ = 0, row_vectors_ = 0;  // of the tile being written
  int spill_bytes_ = 0;
  TileHeights heights_;
  std::array<std::array<std::size_t, TileSet::kMaxRows + 1>, 3> offsets_{};
  const uint8_t* start_ = nullptr;
};

class GeneratedTiles final : public TileSet {
 public:
  GeneratedTiles(const TileSetDesc& desc, VectorIsa isa) : TileSet(desc), code_(desc_, isa) {
    heights_ = code_.heights();
    for (const int panels : {1, 2, 4})
      for (int rows = 1; rows <= heights_.of(panels); ++rows)
        entries_[static_cast<std::size_t>(panels / 2)][static_cast<std::size_t>(rows)] = {code_.function(rows, panels),
                                                                                          nullptr};
  }

 private:
  TileGenerator code_;
};

}  // namespace

Result<TileSetPtr> generate_tiles(const TileSetDesc& desc) {
  TEGULA_RETURN_IF_ERROR(check_epilogue(desc.epilogue));
  TEGULA_CHECK(desc.isa != TileIsa::kPlain, "plain tiles are not generated");
  const VectorIsa isa = desc.isa == TileIsa::kAvx512 ? VectorIsa::kAvx512 : VectorIsa::kAvx2;
  try {
    return TileSetPtr(std::make_shared<GeneratedTiles>(desc, isa));
  } catch (const std::exception& error) {
    return Error{ErrorCode::kInternal, concat(desc.name(), ": ", error.what())};
  }
}

}  // namespace tegula::kernels
