#include <algorithm>
#include <bit>
#include <cstddef>
#include <limits>
#include <optional>

#include "jit/emit/narrow_lanes.h"
#include "jit/generator.h"
#include "jit/vector/emit.h"
#include "kernels/math/recorded.h"
#include "kernels/pool/narrow_pool_kernel.h"
#include "kernels/pool/window_taps.h"
// The templates find recorded.h's operations by the types of their arguments.
#include "kernels/math/quantized.h"

namespace tegula::kernels {
namespace {

using jit::ScopedGpr;
using jit::VectorIsa;
using math::RecordedFloat;
using math::RecordedInt;
using Xbyak::Reg64;
using Xbyak::Xmm;

constexpr int kUnrolled = 4;  // vectors of channels side by side, so that their chains overlap

/// Channels are the outer loop, kUnrolled vectors at a time, then one, then on AVX-512 the rest under a mask; taps the
/// inner one.
///
/// Vectors   0..3 best or sum; 4 what is loaded; 5..10 zero_sum, count, inverse, scales and zero point; the others are
///           for the result's arithmetic
class NarrowPoolGenerator final : public NarrowPoolCode, private jit::Generator {
 public:
  explicit NarrowPoolGenerator(const NarrowPoolCodeDesc& desc) : NarrowPoolCode(desc), Generator(desc.name()) {
    if (!bytes()) record_result();
    enter(std::max(64, allocation_spill_bytes()));
    emit();
    function_ = finish<void (*)(const NarrowPoolCall*)>();
  }

 private:
  static constexpr int kLoaded = 4, kParameters = 5, kFree = 11;

  /// One value for all channels each, in this order from kParameters on, and as inputs 1 to 6 of the result's program.
  static constexpr std::size_t kParameterFields[] = {
      offsetof(NarrowPoolCall, zero_sum),          offsetof(NarrowPoolCall, count),
      offsetof(NarrowPoolCall, inverse),           offsetof(NarrowPoolCall, src_scale),
      offsetof(NarrowPoolCall, dst_scale_inverse), offsetof(NarrowPoolCall, dst_zero_point)};

  bool avx512() const { return desc_.isa == VectorIsa::kAvx512; }
  bool bytes() const { return desc_.kind == PoolKind::kMax && is_quantized(desc_.src); }
  Xmm vector(int index) const { return jit::vector_register(desc_.isa, index); }
  int lanes() const { return static_cast<int>(desc_.lanes()); }
  std::optional<Xbyak::Opmask> mask(bool masked) const { return masked ? std::optional(k1) : std::nullopt; }
  bool converts_to_bf16() const { return desc_.bf16_instructions && avx512(); }

  // ------------------------------------------------------------------ the result's arithmetic

  /// From the best or the sum (input 0) to what is stored.
  void record_result() {
    jit::VectorProgram program;
    const auto input = [&]<typename Value>(int number, Value) {
      return math::recorded<Value>(program, {.op = jit::VectorOp::kInput, .immediate = static_cast<uint32_t>(number)});
    };
    const RecordedFloat accumulated = input(0, RecordedFloat()), count = input(2, RecordedFloat()),
                        inverse = input(3, RecordedFloat()), src_scale = input(4, RecordedFloat()),
                        dst_scale = input(5, RecordedFloat()), zero_point = input(6, RecordedFloat());
    RecordedFloat real = accumulated;
    if (is_quantized(desc_.src)) {
      real = to_float(bits_of(accumulated) - input(1, RecordedInt())) * inverse * src_scale;
    } else if (desc_.kind == PoolKind::kAverage) {
      real = accumulated / count;
    }
    math::RecordedValue result = real;
    if (is_quantized(desc_.dst)) {
      result = requantized(real, dst_scale, zero_point, math::range_of(desc_.dst));
    } else if (desc_.dst == DType::kBF16 && !converts_to_bf16()) {
      result = rounded_to_bf16(real);
    }
    program.outputs = {result.id};
    const jit::VectorProgram lowered = jit::lower(program.without_dead_code(), desc_.isa);
    for (int i = 0; i < kUnrolled; ++i) {
      jit::VectorBindings bindings;
      bindings.inputs.push_back({.reg = i, .overwrite = true});
      for (int p = 0; p < static_cast<int>(std::size(kParameterFields)); ++p)
        bindings.inputs.push_back({.reg = kParameters + p, .overwrite = false});
      bindings.vectors.push_back(kLoaded);
      for (int r = kFree; r < jit::vector_registers(desc_.isa); ++r) bindings.vectors.push_back(r);
      bindings.masks = {2, 3, 4, 5, 6, 7};
      bindings.output = i;
      auto allocation = jit::allocate(lowered, desc_.isa, bindings);
      if (!allocation) throw std::logic_error(desc_.name() + ": too few registers");
      allocations_.push_back(*std::move(allocation));
    }
  }

  int allocation_spill_bytes() const {
    int slots = 0;
    for (const jit::Allocation& allocation : allocations_) slots = std::max(slots, allocation.spill_slots);
    return slots * jit::vector_bytes(desc_.isa);
  }

  // ------------------------------------------------------------------ loops

  void emit() {
    const ScopedGpr channel = gpr_.take("channel"), left = gpr_.take("left");
    mov(channel, ptr[args_ + offsetof(NarrowPoolCall, first_channel)]);
    mov(left, ptr[args_ + offsetof(NarrowPoolCall, channels)]);
    sub(left, channel);
    if (!bytes())
      for (std::size_t p = 0; p < std::size(kParameterFields); ++p)
        vbroadcastss(vector(kParameters + static_cast<int>(p)), dword[args_ + kParameterFields[p]]);
    emit_whole_vectors(channel, left, kUnrolled);
    emit_whole_vectors(channel, left, 1);
    if (avx512()) {
      Xbyak::Label done;
      test(left, left);
      jz(done, T_NEAR);
      const ScopedGpr bits = gpr_.take("bits");
      mov(bits, -1);
      bzhi(bits, bits, left);
      kmovq(k1, bits);
      emit_vectors(channel, 1, true);
      L(done);
    }
    leave();
  }

  void emit_whole_vectors(const Reg64& channel, const Reg64& left, int vectors) {
    Xbyak::Label next, done;
    L(next);
    cmp(left, vectors * lanes());
    jl(done, T_NEAR);
    emit_vectors(channel, vectors, false);
    add(channel, vectors * lanes());
    sub(left, vectors * lanes());
    jmp(next, T_NEAR);
    L(done);
  }

  static Xbyak::Address element(const Reg64& base, const Reg64& channel, DType type, int ahead) {
    const int size = static_cast<int>(size_of(type));
    return Xbyak::util::ptr[base + channel * size + ahead * size];
  }

  void emit_vectors(const Reg64& channel, int vectors, bool masked) {
    for (int i = 0; i < vectors; ++i) emit_start(i);
    {
      const ScopedGpr taps = gpr_.take("taps"), left = gpr_.take("taps_left"), source = gpr_.take("source");
      mov(taps, ptr[args_ + offsetof(NarrowPoolCall, taps)]);
      mov(left, ptr[args_ + offsetof(NarrowPoolCall, tap_count)]);
      Xbyak::Label next, end;
      test(left, left);
      jz(end, T_NEAR);
      L(next);
      mov(source, ptr[taps]);
      for (int i = 0; i < vectors; ++i) emit_tap(i, element(source, channel, desc_.src, i * lanes()), masked);
      add(taps, 8);
      dec(left);
      jnz(next, T_NEAR);
      L(end);
    }
    const ScopedGpr dst = gpr_.take("dst");
    mov(dst, ptr[args_ + offsetof(NarrowPoolCall, dst)]);
    for (int i = 0; i < vectors; ++i) emit_result(i, element(dst, channel, desc_.dst, i * lanes()), masked);
  }

  void emit_start(int index) {
    uint32_t bits = 0;
    if (desc_.kind == PoolKind::kMax && desc_.src == DType::kBF16)
      bits = std::bit_cast<uint32_t>(-std::numeric_limits<float>::infinity());
    if (desc_.kind == PoolKind::kMax && desc_.src == DType::kS8) bits = 0x80808080U;
    jit::emit_load_constant(*this, desc_.isa, index, bits);
  }

  void emit_tap(int index, const Xbyak::Address& from, bool masked) {
    const Xmm to = vector(index), loaded = vector(kLoaded);
    if (bytes()) {
      masked ? vmovdqu8(loaded | k1 | T_z, from) : vmovups(loaded, from);
      return desc_.src == DType::kU8 ? vpmaxub(to, to, loaded) : vpmaxsb(to, to, loaded);
    }
    jit::emit_load_lanes(*this, desc_.isa, desc_.src, kLoaded, from, mask(masked));
    if (is_quantized(desc_.src)) return vpaddd(to, to, loaded);
    if (desc_.kind == PoolKind::kAverage) return vaddps(to, to, loaded);
    vmaxps(to, loaded, to);  // keeps the best when what is loaded is NaN
  }

  void emit_result(int index, const Xbyak::Address& to, bool masked) {
    if (bytes()) return masked ? vmovdqu8(to | k1, vector(index)) : vmovups(to, vector(index));
    jit::emit_vector_program(
        *this, desc_.isa, allocations_[static_cast<std::size_t>(index)],
        [](int, int) { throw std::logic_error("every input has a register"); }, rsp, 0);
    jit::emit_store_lanes(*this, desc_.isa, desc_.dst, to, index, {kLoaded, kFree}, mask(masked), converts_to_bf16());
  }

  std::vector<jit::Allocation> allocations_;  // of the result's program, by register of the sum
};

}  // namespace

std::string NarrowPoolCodeDesc::name() const {
  return concat("pool_", kind == PoolKind::kMax ? "max_" : "average_", name_of(src), name_of(dst), "_",
                jit::name_of(isa), bf16_instructions ? "_bf16" : "");
}

int64_t NarrowPoolCodeDesc::lanes() const {
  return kind == PoolKind::kMax && is_quantized(src) ? jit::vector_bytes(isa) : jit::lanes_of(isa);
}

void NarrowPoolCode::operator()(const NarrowPoolDesc& desc, NarrowPoolCall& call) const {
  const int64_t channels = call.channels, lanes = desc_.lanes();
  call.first_channel = 0;
  if (desc_.isa == VectorIsa::kAvx512 || channels % lanes == 0) return function_(&call);
  // AVX2 has no masks for narrow elements: the last vector is computed once more from its end, or all by plain loops.
  if (channels < lanes) {
    const NarrowPoolPixel pixel{desc_.src, desc_.dst, call.taps, call.tap_count, static_cast<int64_t>(call.count),
                                call.dst,  1,         1};
    return pool_pixel(desc, pixel, 0, channels);
  }
  function_(&call);
  call.first_channel = channels - lanes;
  function_(&call);
}

Result<NarrowPoolCodePtr> build_narrow_pool(const NarrowPoolCodeDesc& desc) {
  if (desc.kind == PoolKind::kLp) return Error{ErrorCode::kUnsupported, "pool: lp has plain loops only"};
  try {
    return NarrowPoolCodePtr(std::make_shared<NarrowPoolGenerator>(desc));
  } catch (const std::exception& e) {  // Xbyak and RegisterPool throw; nothing above this does
    return Error{ErrorCode::kInternal, desc.name() + ": " + e.what()};
  }
}

void run_narrow_pool(const NarrowPoolDesc& desc, const NarrowPoolCode* code, const TensorView& src,
                     const TensorView& dst, int64_t begin, int64_t end, const std::byte** taps) {
  if (code == nullptr) return narrow_pool_pixels(desc, src, dst, begin, end, taps);
  NarrowPoolCall call;
  call.taps = taps;
  call.channels = src.dims[desc.window.rank + 1];
  call.src_scale = desc.src.scale;
  call.dst_scale_inverse = desc.dst.scale_inverse;
  call.dst_zero_point = static_cast<float>(desc.dst.zero_point);
  for_each_window(desc.window, src, dst, begin, end, taps, [&](int64_t tap_count, int64_t counted, std::byte* to) {
    call.tap_count = tap_count;
    call.dst = to;
    call.zero_sum = static_cast<int32_t>(static_cast<uint32_t>(tap_count) * static_cast<uint32_t>(desc.src.zero_point));
    call.count = static_cast<float>(counted);
    call.inverse = 1.0f / call.count;
    (*code)(desc, call);
  });
}

}  // namespace tegula::kernels
