#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>

#include "jit/emit/narrow_lanes.h"
#include "jit/emit/vector_tail.h"
#include "jit/generator.h"
#include "jit/vector/emit.h"
#include "kernels/eltwise/eltwise_kernel.h"
#include "kernels/eltwise/generated_table.h"
#include "kernels/eltwise/record_program.h"

namespace tegula::kernels {
namespace {

using jit::VectorIsa;
using Xbyak::Address;
using Xbyak::Opmask;
using Xbyak::Reg64;
using Xbyak::Xmm;
using Xbyak::Ymm;

/// for each row: for each vector of it: load operands where the chain wants them, compute, store.
///
/// Vectors   the chain's values; rows' repeated elements and constants stay in registers as far as these go
///           AVX-512  k1 the tail's lanes, k7 those of a gather; zmm31 narrow elements on their way from and to memory
///           AVX2     ymm15 the tail's lanes; ymm13, ymm14 narrow elements on their way to memory; one for the lanes of
///           a gather
/// General   addresses of dst and of as many inputs as there are registers; the others' are read from the call
class EltwiseGenerator final : public EltwiseCode, private jit::Generator {
 public:
  EltwiseGenerator(const EltwiseCodeDesc& desc, const jit::VectorProgram& program)
      : Generator(desc.name()),
        desc_(desc),
        program_(jit::lower(program, desc.isa)),
        tail_(*this, desc.isa, kTailOpmask, kTailMask) {
    choose_registers();
    enter(std::max(1, allocation_.spill_slots) * jit::vector_bytes(desc_.isa));
    take_general_registers();
    emit_rows();
    leave();
    function_ = finish<void (*)(EltwiseCall*)>();
  }

 private:
  /// How many elements a load or store touches: a vector, the lanes of the tail's mask, or one.
  enum class Extent { kVector, kTail, kOne };

  static constexpr int kByteVector = 31, kTailMask = 15, kPackLow = 14, kPackHigh = 13;
  static constexpr int kTailOpmask = 1, kGatherOpmask = 7;

  bool avx512() const { return desc_.isa == VectorIsa::kAvx512; }
  int lanes() const { return jit::lanes_of(desc_.isa); }
  Xmm vector(int index) const { return jit::vector_register(desc_.isa, index); }
  int input_count() const { return static_cast<int>(desc_.inputs.size()); }
  const EltwiseCodeDesc::Input& input(int i) const { return desc_.inputs[static_cast<std::size_t>(i)]; }
  bool is_repeated(int i) const { return input(i).pattern == EltwisePattern::kBroadcast; }
  bool is_strided(int i) const { return input(i).pattern == EltwisePattern::kStrided; }
  static bool is_narrow(DType type) { return size_of(type) < 4; }

  /// AVX2 has masked moves of 32 bits only: rows with narrower elements end one element at a time.
  bool ends_one_by_one() const {
    const bool reads_narrow = std::any_of(desc_.inputs.begin(), desc_.inputs.end(), [](const auto& in) {
      return is_narrow(in.dtype) && in.pattern == EltwisePattern::kVector;
    });
    return !avx512() && (reads_narrow || is_narrow(desc_.output));
  }

  // ------------------------------------------------------------------ registers

  void choose_registers() {
    bindings_.inputs.resize(desc_.inputs.size());
    const int reserved = avx512() ? 1 : 3;
    for (int r = 0; r < jit::vector_registers(desc_.isa) - reserved; ++r) bindings_.vectors.push_back(r);
    if (avx512()) bindings_.masks = {2, 3, 4, 5, 6};
    lane_places_.assign(desc_.inputs.size(), -1);
    for (int i = 0; i < input_count(); ++i) {
      if (!is_strided(i)) continue;
      lane_places_[static_cast<std::size_t>(i)] = take_vector();
      if (!avx512() && gather_lanes_ < 0) gather_lanes_ = take_vector();
    }
    allocation_ = allocate();
    int spare = static_cast<int>(bindings_.vectors.size()) - allocation_.peak_vectors;
    for (int i = 0; i < input_count() && spare > 0; ++i) {
      if (!is_repeated(i) || input(i).dtype == DType::kBool) continue;
      bindings_.inputs[static_cast<std::size_t>(i)] = {.reg = take_vector(), .overwrite = false};
      --spare;
    }
    for (const uint32_t bits : constants_by_use()) {
      if (spare-- <= 0) break;
      bindings_.constants.push_back({bits, take_vector()});
    }
    allocation_ = allocate();
  }

  int take_vector() {
    const int reg = bindings_.vectors.back();
    bindings_.vectors.pop_back();
    return reg;
  }

  jit::Allocation allocate() const {
    std::optional<jit::Allocation> allocation = jit::allocate(program_, desc_.isa, bindings_);
    if (!allocation) throw std::logic_error("one instruction needs more registers than there are");
    return *std::move(allocation);
  }

  std::vector<uint32_t> constants_by_use() const {
    std::map<uint32_t, int> uses;
    for (const jit::MachineStep& step : allocation_.steps) {
      if (step.kind == jit::MachineStep::Kind::kLoadConstant) uses[step.immediate] += 2;  // an instruction of its own
      for (const jit::MachineOperand& source : step.source)
        if (source.is_constant) ++uses[source.bits];
    }
    std::vector<std::pair<int, uint32_t>> ranked;
    for (const auto& [bits, count] : uses) ranked.emplace_back(-count, bits);
    std::sort(ranked.begin(), ranked.end());
    std::vector<uint32_t> constants;
    for (const auto& [count, bits] : ranked) constants.push_back(bits);
    return constants;
  }

  void take_general_registers() {
    at_.emplace(&gpr_, "at");
    left_.emplace(&gpr_, "left");
    dst_.emplace(&gpr_, "dst");
    scratch_.emplace(&gpr_, "scratch");
    for (int i = 0; i < input_count() && gpr_.free_count() > 0; ++i) {
      addresses_.push_back(std::make_unique<const Held>(&gpr_, "input"));
    }
  }

  // ------------------------------------------------------------------ loops

  void emit_rows() {
    for (const auto& constant : bindings_.constants) emit_load_constant(*this, desc_.isa, constant.reg, constant.bits);
    for (std::size_t i = 0; i < addresses_.size(); ++i) mov(addresses_[i]->reg, ptr[args_ + input_field(i)]);
    mov(dst(), ptr[args_ + offsetof(EltwiseCall, dst)]);
    Xbyak::Label next_row;
    L(next_row);
    emit_row();
    emit_advance_to_next_row();
    dec(qword[args_ + offsetof(EltwiseCall, rows)]);
    jnz(next_row, T_NEAR);
  }

  void emit_row() {
    for (int i = 0; i < input_count(); ++i) {
      const int reg = bindings_.inputs[static_cast<std::size_t>(i)].reg;
      if (reg >= 0) emit_load(i, reg, 0, Extent::kVector);
      if (is_strided(i)) emit_lane_places(i);
    }
    xor_(at().cvt32(), at().cvt32());
    mov(left(), ptr[args_ + offsetof(EltwiseCall, n)]);
    if (const int unrolled = vectors_per_round(); unrolled > 1) emit_full_vectors(unrolled);
    emit_full_vectors(1);
    emit_tail();
  }

  /// Short chains wait for memory or for each other's results: several vectors a round keep the loop out of the way.
  int vectors_per_round() const {
    const std::size_t steps = allocation_.steps.size();
    return steps <= 8 ? 4 : steps <= 30 ? 2 : 1;
  }

  void emit_full_vectors(int vectors) {
    Xbyak::Label next, done;
    L(next);
    cmp(left(), vectors * lanes());
    jl(done, T_NEAR);
    for (int v = 0; v < vectors; ++v) emit_chain(v * lanes(), Extent::kVector);
    add(at(), vectors * lanes());
    sub(left(), vectors * lanes());
    jmp(next, T_NEAR);
    L(done);
  }

  void emit_tail() {
    Xbyak::Label next, done;
    if (ends_one_by_one()) {
      L(next);
      test(left(), left());
      jz(done, T_NEAR);
      emit_chain(0, Extent::kOne);
      inc(at());
      dec(left());
      jmp(next, T_NEAR);
    } else {
      test(left(), left());
      jz(done, T_NEAR);
      tail_.mark(left(), scratch());
      emit_chain(0, Extent::kTail);
    }
    L(done);
  }

  void emit_advance_to_next_row() {
    for (int i = 0; i < input_count(); ++i) {
      const std::size_t index = static_cast<std::size_t>(i);
      const auto step = offsetof(EltwiseCall, input_row_bytes) + index * sizeof(int64_t);
      if (index < addresses_.size()) {
        add(addresses_[index]->reg, ptr[args_ + step]);
      } else {
        mov(scratch(), ptr[args_ + step]);
        add(ptr[args_ + input_field(index)], scratch());
      }
    }
    add(dst(), ptr[args_ + offsetof(EltwiseCall, dst_row_bytes)]);
  }

  /// The chain on the elements from `at` + `ahead` on.
  void emit_chain(int ahead, Extent extent) {
    jit::emit_vector_program(
        *this, desc_.isa, allocation_, [&](int i, int reg) { emit_load(i, reg, ahead, extent); }, rsp, 0);
    emit_store(allocation_.outputs[0], ahead, extent);
  }

  // ------------------------------------------------------------------ loads and stores

  static std::size_t element_bytes_field(std::size_t i) {
    return offsetof(EltwiseCall, input_element_bytes) + i * sizeof(int64_t);
  }
  static std::size_t input_field(std::size_t i) { return offsetof(EltwiseCall, inputs) + i * sizeof(const std::byte*); }

  Reg64 address_of(int i) {
    if (static_cast<std::size_t>(i) < addresses_.size()) return addresses_[static_cast<std::size_t>(i)]->reg;
    mov(scratch(), ptr[args_ + input_field(static_cast<std::size_t>(i))]);
    return scratch();
  }

  /// Xbyak tells the size of memory from its other operand where it must.
  Address element(const Reg64& base, DType type, int ahead) const {
    const int bytes = static_cast<int>(size_of(type));
    return ptr[base + at() * bytes + ahead * bytes];
  }

  void emit_load(int i, int reg, int ahead, Extent extent) {
    if (is_strided(i)) return emit_gather(i, reg, ahead, extent);
    const DType type = input(i).dtype;
    const Reg64 base = address_of(i);
    if (is_repeated(i)) return emit_load_repeated(type, reg, base);
    const Address from = element(base, type, ahead);
    if (type == DType::kBool) return emit_load_bool(reg, base, ahead, extent);
    if (!is_narrow(type)) {
      if (extent == Extent::kOne) return vmovss(Xmm(reg), from);
      if (extent == Extent::kVector) return vmovups(vector(reg), from);
      return tail_.load(reg, from);
    }
    if (extent == Extent::kOne) {
      emit_load_narrow(base, ahead, type);
      return vmovd(Xmm(reg), scratch().cvt32());
    }
    const auto mask = extent == Extent::kTail ? std::optional(tail_.opmask()) : std::nullopt;
    jit::emit_load_lanes(*this, desc_.isa, type, reg, from, mask);
  }

  /// Bytes from the first lane's element to each lane's.
  void emit_lane_places(int i) {
    static constexpr uint32_t kLaneNumbers[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const Xmm places = vector(lane_places_[static_cast<std::size_t>(i)]);
    vpbroadcastd(places, dword[args_ + element_bytes_field(static_cast<std::size_t>(i))]);
    vpmulld(places, places, table(std::span(kLaneNumbers).first(static_cast<std::size_t>(lanes()))));
  }

  void emit_gather(int i, int reg, int ahead, Extent extent) {
    const std::size_t index = static_cast<std::size_t>(i);
    lea(scratch(), ptr[at() + ahead]);
    imul(scratch(), qword[args_ + element_bytes_field(index)]);
    if (index < addresses_.size()) {
      add(scratch(), addresses_[index]->reg);
    } else {
      add(scratch(), ptr[args_ + input_field(index)]);
    }
    if (extent == Extent::kOne) return vmovss(Xmm(reg), dword[scratch()]);
    const Xmm to = vector(reg), places = vector(lane_places_[index]);
    vxorps(Xmm(reg), Xmm(reg), Xmm(reg));  // a gather keeps the lanes that it leaves out, and waits for them
    if (avx512()) {
      const Opmask lanes_left(kGatherOpmask);  // the gather clears it
      extent == Extent::kTail ? kmovw(lanes_left, tail_.opmask()) : kxnorw(lanes_left, lanes_left, lanes_left);
      return vgatherdps(to | lanes_left, ptr[scratch() + places]);
    }
    const Xmm lanes_left = vector(gather_lanes_);
    extent == Extent::kTail ? vmovaps(lanes_left, vector(kTailMask)) : vpcmpeqd(lanes_left, lanes_left, lanes_left);
    vgatherdps(to, ptr[scratch() + places], lanes_left);
  }

  /// scratch = the element at `at` + `ahead`, widened.
  void emit_load_narrow(const Reg64& base, int ahead, DType type) {
    if (type == DType::kBF16) return emit_widen(type, word[base + at() * 2 + 2 * ahead]);
    emit_widen(type, byte[base + at() + ahead]);
  }
  void emit_widen(DType type, const Address& from) {
    type == DType::kS8 ? movsx(scratch().cvt32(), from) : movzx(scratch().cvt32(), from);
    if (type == DType::kBF16) shl(scratch().cvt32(), 16);
  }

  void emit_load_bool(int reg, const Reg64& base, int ahead, Extent extent) {
    const Address from = element(base, DType::kBool, ahead);
    if (avx512()) {
      const Xmm bytes(kByteVector);
      vmovdqu8(extent == Extent::kTail ? bytes | tail_.opmask() | T_z : bytes, from);
      return vptestmb(Opmask(reg), bytes, bytes);
    }
    if (extent == Extent::kOne) {
      emit_load_narrow(base, ahead, DType::kBool);
      vmovd(Xmm(reg), scratch().cvt32());
    } else {
      vpmovzxbd(Ymm(reg), from);
    }
    vpcmpgtd(Ymm(reg), Ymm(reg), constant(desc_.isa, 0));
  }

  void emit_load_repeated(DType type, int reg, const Reg64& base) {
    if (!is_narrow(type)) return vbroadcastss(vector(reg), dword[base]);
    emit_widen(type, type == DType::kBF16 ? word[base] : byte[base]);
    const bool is_mask = type == DType::kBool;
    const int wide = is_mask && avx512() ? kByteVector : reg;
    vmovd(Xmm(wide), scratch().cvt32());
    vpbroadcastd(vector(wide), Xmm(wide));
    if (!is_mask) return;
    if (avx512()) return vptestmd(Opmask(reg), vector(wide), vector(wide));
    vpcmpgtd(Ymm(reg), Ymm(reg), constant(desc_.isa, 0));
  }

  void emit_store(int reg, int ahead, Extent extent) {
    const Address to = element(dst(), desc_.output, ahead);
    if (desc_.output == DType::kBool) return emit_store_bool(reg, to, ahead, extent);
    if (desc_.output == DType::kBF16) return emit_store_bf16(reg, to, ahead, extent);
    if (is_narrow(desc_.output)) return emit_store_byte(reg, to, ahead, extent);
    if (extent == Extent::kOne) return vmovss(to, Xmm(reg));
    if (extent == Extent::kVector) return vmovups(to, vector(reg));
    tail_.store(to, reg);
  }

  void emit_store_bool(int reg, const Address& to, int ahead, Extent extent) {
    if (avx512()) {
      const Xmm bytes(kByteVector);
      vpmovm2b(bytes, Opmask(reg));
      vpabsb(bytes, bytes);  // -1 to 1
      return vmovdqu8(extent == Extent::kTail ? to | tail_.opmask() : to, bytes);
    }
    if (extent == Extent::kOne) {
      vmovd(scratch().cvt32(), Xmm(reg));
      and_(scratch().cvt32(), 1);
      return mov(byte[dst() + at() + ahead], scratch().cvt8());
    }
    vpsrld(Ymm(kPackLow), Ymm(reg), 31);
    vextracti128(Xmm(kPackHigh), Ymm(kPackLow), 1);
    vpackssdw(Xmm(kPackLow), Xmm(kPackLow), Xmm(kPackHigh));
    vpackuswb(Xmm(kPackLow), Xmm(kPackLow), Xmm(kPackLow));
    vmovq(to, Xmm(kPackLow));
  }

  /// Lanes hold integers within the range of the type.
  void emit_store_byte(int reg, const Address& to, int ahead, Extent extent) {
    if (extent == Extent::kOne) {
      vmovd(scratch().cvt32(), Xmm(reg));
      return mov(byte[dst() + at() + ahead], scratch().cvt8());
    }
    emit_store_vector(reg, to, extent);
  }

  /// Lanes hold bf16 values as f32, or with desc_.converts_to_bf16 any f32.
  void emit_store_bf16(int reg, const Address& to, int ahead, Extent extent) {
    if (extent == Extent::kOne) {
      vmovd(scratch().cvt32(), Xmm(reg));
      shr(scratch().cvt32(), 16);
      return mov(word[dst() + at() * 2 + 2 * ahead], scratch().cvt16());
    }
    emit_store_vector(reg, to, extent);
  }

  void emit_store_vector(int reg, const Address& to, Extent extent) {
    const auto mask = extent == Extent::kTail ? std::optional(tail_.opmask()) : std::nullopt;
    const int scratch = avx512() ? kByteVector : kPackLow;
    jit::emit_store_lanes(*this, desc_.isa, desc_.output, to, reg, {scratch, kPackHigh}, mask, desc_.converts_to_bf16);
  }

  const Reg64& at() const { return at_->reg; }
  const Reg64& left() const { return left_->reg; }
  const Reg64& dst() const { return dst_->reg; }
  const Reg64& scratch() const { return scratch_->reg; }

  /// A register for as long as the generator lives.
  struct Held {
    Held(jit::RegisterPool* pool, const char* purpose) : reg(pool->take(purpose)) {}
    const jit::ScopedGpr reg;
  };

  const EltwiseCodeDesc desc_;
  const jit::VectorProgram program_;
  jit::VectorBindings bindings_;
  jit::Allocation allocation_;
  jit::VectorTail tail_;
  std::vector<int> lane_places_;  // of strided inputs: the register
  int gather_lanes_ = -1;
  std::optional<Held> at_, left_, dst_, scratch_;
  std::vector<std::unique_ptr<const Held>> addresses_;
};

}  // namespace

Result<EltwiseCodePtr> build_eltwise(const EltwiseCodeDesc& desc) {
  std::vector<DType> types;
  for (const EltwiseCodeDesc::Input& input : desc.inputs) types.push_back(input.dtype);
  TEGULA_ASSIGN_OR_RETURN(const jit::VectorProgram program,
                          record_program(desc.program(), types, desc.converts_to_bf16));
  if (is_better_as_table(desc, program)) return build_eltwise_table(desc);
  try {
    return EltwiseCodePtr(std::make_shared<EltwiseGenerator>(desc, program));
  } catch (const std::exception& e) {  // Xbyak and RegisterPool throw; nothing above this does
    return Error{ErrorCode::kInternal, desc.name() + ": " + e.what()};
  }
}

}  // namespace tegula::kernels
