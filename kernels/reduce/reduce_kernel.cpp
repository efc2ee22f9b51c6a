#include "kernels/reduce/reduce_kernel.h"

#include <algorithm>
#include <cstddef>

#include "jit/emit/vector_tail.h"
#include "jit/generator.h"

namespace tegula::kernels {
namespace {

using jit::ScopedGpr;
using jit::VectorIsa;
using Xbyak::Reg64;
using Xbyak::Xmm;
using Xbyak::Ymm;
using Xbyak::Zmm;

constexpr int kUnrolled = 4;               // columns: vectors side by side, so that their chains overlap
constexpr int64_t kSliceElements = 256;    // of `inner` that one unit takes, a multiple of every vector
constexpr uint32_t kLowest = 0xff800000u;  // -infinity
constexpr uint32_t kHighest = 0x7f800000u;

bool is_generated(ReduceKind kind) {
  return kind <= ReduceKind::kMin || kind == ReduceKind::kL1 || kind == ReduceKind::kL2 ||
         kind == ReduceKind::kSumSquare;
}

class ReduceGenerator final : public ReduceCode, private jit::Generator {
 public:
  explicit ReduceGenerator(const ReduceCodeDesc& desc)
      : Generator(desc.name()), desc_(desc), tail_(*this, desc.isa, 1, kTailMask) {
    if (desc.rows)
      emit_rows();
    else
      emit_columns();
    function_ = finish<void (*)(const ReduceCall*)>();
  }

 private:
  // Accumulators come first; then one register for each other use.
  static constexpr int kLoaded = 8, kNan = 9, kTailMask = 10, kResult = 11;

  bool avx512() const { return desc_.isa == VectorIsa::kAvx512; }
  int lanes() const { return jit::lanes_of(desc_.isa); }
  Xmm vector(int index) const { return jit::vector_register(desc_.isa, index); }
  bool is_extreme() const { return desc_.kind == ReduceKind::kMax || desc_.kind == ReduceKind::kMin; }

  /// All elements of one row, into 16 lanes: one zmm or two ymm.
  void emit_rows() {
    const ScopedGpr source = gpr_.take("source"), left = gpr_.take("left");
    const int vectors = kReduceLanes / lanes();
    for (int i = 0; i < vectors; ++i) emit_start(i);
    mov(source, ptr[args_ + offsetof(ReduceCall, src)]);
    mov(left, ptr[args_ + offsetof(ReduceCall, reduced)]);

    Xbyak::Label next, tail, done;
    L(next);
    cmp(left, kReduceLanes);
    jl(tail, T_NEAR);
    for (int i = 0; i < vectors; ++i) emit_accumulate(i, ptr[source + i * jit::vector_bytes(desc_.isa)], false);
    add(source, kReduceLanes * 4);
    sub(left, kReduceLanes);
    jmp(next, T_NEAR);

    L(tail);
    for (int i = 0; i < vectors; ++i) {
      cmp(left, 0);
      jle(done, T_NEAR);
      tail_.mark(left, gpr_.take("bits"));
      emit_accumulate(i, ptr[source + i * jit::vector_bytes(desc_.isa)], true);
      sub(left, lanes());
    }
    L(done);

    if (avx512()) vextractf64x4(Ymm(1), Zmm(0), 1);
    emit_join(Ymm(0), Ymm(1));
    vextractf128(Xmm(1), Ymm(0), 1);
    emit_join(Xmm(0), Xmm(1));
    vmovhlps(Xmm(1), Xmm(0), Xmm(0));
    emit_join(Xmm(0), Xmm(1));
    vmovshdup(Xmm(1), Xmm(0));
    emit_join(Xmm(0), Xmm(1));
    if (desc_.kind == ReduceKind::kMean) vdivss(Xmm(0), Xmm(0), dword[args_ + offsetof(ReduceCall, count)]);
    if (desc_.kind == ReduceKind::kL2) vsqrtss(Xmm(0), Xmm(0), Xmm(0));
    mov(source, ptr[args_ + offsetof(ReduceCall, dst)]);
    vmovss(dword[source], Xmm(0));
    leave();
  }

  /// `inner` results side by side: columns outside, the reduced dimension inside.
  void emit_columns() {
    const ScopedGpr offset = gpr_.take("offset"), left = gpr_.take("left");
    xor_(offset.cvt32(), offset.cvt32());
    mov(left, ptr[args_ + offsetof(ReduceCall, inner)]);
    Xbyak::Label many, one, tail, done;
    L(many);
    cmp(left, kUnrolled * lanes());
    jl(one, T_NEAR);
    emit_column_vectors(offset, kUnrolled, false);
    add(offset, kUnrolled * lanes() * 4);
    sub(left, kUnrolled * lanes());
    jmp(many, T_NEAR);
    L(one);
    cmp(left, lanes());
    jl(tail, T_NEAR);
    emit_column_vectors(offset, 1, false);
    add(offset, lanes() * 4);
    sub(left, lanes());
    jmp(one, T_NEAR);
    L(tail);
    test(left, left);
    jz(done, T_NEAR);
    tail_.mark(left, gpr_.take("bits"));
    emit_column_vectors(offset, 1, true);
    L(done);
    leave();
  }

  void emit_column_vectors(const Reg64& offset, int vectors, bool masked) {
    const ScopedGpr source = gpr_.take("source"), left = gpr_.take("reduced_left"), step = gpr_.take("step");
    for (int i = 0; i < vectors; ++i) emit_start(i);
    mov(source, ptr[args_ + offsetof(ReduceCall, src)]);
    add(source, offset);
    mov(step, ptr[args_ + offsetof(ReduceCall, reduced_bytes)]);
    mov(left, ptr[args_ + offsetof(ReduceCall, reduced)]);
    Xbyak::Label next, end;
    test(left, left);
    jz(end, T_NEAR);
    L(next);
    for (int i = 0; i < vectors; ++i) emit_accumulate(i, ptr[source + i * jit::vector_bytes(desc_.isa)], masked);
    add(source, step);
    dec(left);
    jnz(next, T_NEAR);
    L(end);
    mov(source, ptr[args_ + offsetof(ReduceCall, dst)]);
    if (desc_.kind == ReduceKind::kMean) vbroadcastss(vector(kLoaded), ptr[args_ + offsetof(ReduceCall, count)]);
    for (int i = 0; i < vectors; ++i) {
      if (desc_.kind == ReduceKind::kMean) vdivps(vector(i), vector(i), vector(kLoaded));
      if (desc_.kind == ReduceKind::kL2) vsqrtps(vector(i), vector(i));
      tail_.store(ptr[source + offset + i * jit::vector_bytes(desc_.isa)], i, masked);
    }
  }

  void emit_start(int index) {
    const uint32_t start = desc_.kind == ReduceKind::kMax ? kLowest : desc_.kind == ReduceKind::kMin ? kHighest : 0;
    jit::emit_load_constant(*this, desc_.isa, index, start);
  }

  /// acc = accumulate(acc, [from]); masked-off lanes keep what they had.
  void emit_accumulate(int acc, const Xbyak::Address& from, bool masked) {
    const Xmm x = vector(kLoaded), result = vector(kResult);
    tail_.load(kLoaded, from, masked);
    if (desc_.kind == ReduceKind::kL1) emit_abs(x);
    if (is_extreme()) {
      emit_extreme(result, vector(acc), x);
    } else if (desc_.kind == ReduceKind::kL2 || desc_.kind == ReduceKind::kSumSquare) {
      vfmadd231ps(vector(acc), x, x);  // the zeros of masked-off lanes add nothing
      return;
    } else {
      vaddps(vector(acc), vector(acc), x);
      return;
    }
    tail_.merge(acc, kResult, masked);
  }

  void emit_abs(const Xmm& x) {
    if (avx512())
      vpandd(x, x, constant(desc_.isa, 0x7fffffffu));
    else
      vandps(x, x, constant(desc_.isa, 0x7fffffffu));
  }

  /// result = a is NaN ? a : b is NaN ? b : the larger (smaller), b when they are equal: max and min return b in the
  /// last two cases. Any width.
  void emit_extreme(const Xmm& result, const Xmm& a, const Xmm& b) {
    constexpr uint8_t kUnordered = 3;
    if (desc_.kind == ReduceKind::kMax)
      vmaxps(result, a, b);
    else
      vminps(result, a, b);
    if (avx512()) {
      vcmpps(k2, a, a, kUnordered);
      vmovaps(result | k2, a);
      return;
    }
    if (a.isYMM()) {
      vcmpps(Ymm(kNan), a, a, kUnordered);
      vblendvps(result, result, a, Ymm(kNan));
    } else {
      vcmpps(Xmm(kNan), a, a, kUnordered);
      vblendvps(result, result, a, Xmm(kNan));
    }
  }

  /// a = join(a, b), any width.
  void emit_join(const Xmm& a, const Xmm& b) {
    if (is_extreme()) {
      if (a.isYMM()) {
        emit_extreme(Ymm(kResult), a, b);
        vmovaps(a, Ymm(kResult));
      } else {
        emit_extreme(Xmm(kResult), a, b);
        vmovaps(a, Xmm(kResult));
      }
      return;
    }
    vaddps(a, a, b);
  }

  const ReduceCodeDesc desc_;
  jit::VectorTail tail_;
};

/// Merges the dimensions of src into [outer, reduced, inner] groups, innermost first; empty groups have size 1.
struct Groups {
  int64_t size[3] = {1, 1, 1};  ///< outer, reduced, inner
  int64_t src_stride[3] = {0, 0, 0}, dst_stride[3] = {0, 0, 0};
};

bool merge(const ReduceDesc& desc, const TensorView& src, const TensorView& dst, Groups& groups) {
  int group = 2;  // inner
  for (int d = src.rank - 1; d >= 0; --d) {
    if (src.dims[d] == 1) continue;
    const bool reduced = desc.reduces(d);
    if (reduced && group == 2) group = 1;
    if (!reduced && group == 1) group = 0;
    if (reduced && group == 0) return false;
    const auto g = static_cast<std::size_t>(group);
    if (groups.size[g] == 1) {
      groups.src_stride[g] = src.strides[d];
      groups.dst_stride[g] = reduced ? 0 : dst.strides[d];
    } else if (src.strides[d] != groups.src_stride[g] * groups.size[g] ||
               (!reduced && dst.strides[d] != groups.dst_stride[g] * groups.size[g])) {
      return false;
    }
    groups.size[g] *= src.dims[d];
  }
  return true;
}

}  // namespace

std::string ReduceCodeDesc::name() const {
  return concat("reduce_", name_of(kind), rows ? "_rows" : "_columns", "_f32_", jit::name_of(isa));
}

Result<ReduceCodePtr> build_reduce(const ReduceCodeDesc& desc) {
  if (!is_generated(desc.kind))
    return Error{ErrorCode::kUnsupported, concat("reduce: ", name_of(desc.kind), " has plain loops only")};
  try {
    return ReduceCodePtr(std::make_shared<ReduceGenerator>(desc));
  } catch (const std::exception& e) {  // Xbyak and RegisterPool throw; nothing above this does
    return Error{ErrorCode::kInternal, desc.name() + ": " + e.what()};
  }
}

int64_t ReducePlan::units() const {
  return rows ? outer : outer * ((inner + kSliceElements - 1) / kSliceElements);
}

std::optional<ReducePlan> plan_reduce(const ReduceDesc& desc, const TensorView& src, const TensorView& dst) {
  if (src.dtype != DType::kF32 || !is_generated(desc.kind)) return std::nullopt;
  const std::optional<TensorView> result = reduced_view(desc, src, dst);
  Groups groups;
  if (!result || src.count() == 0 || !merge(desc, src, *result, groups)) return std::nullopt;
  ReducePlan plan;
  plan.outer = groups.size[0];
  plan.reduced = groups.size[1];
  plan.inner = groups.size[2];
  plan.src_outer_stride = groups.src_stride[0];
  plan.dst_outer_stride = groups.dst_stride[0];
  plan.src_reduced_stride = groups.src_stride[1];
  // Nothing larger than 1 is kept inside: lanes along the reduced dimension, as the definition says.
  plan.rows = plan.inner == 1 && plan.reduced > 1;
  if (plan.rows) return plan.src_reduced_stride == 1 ? std::optional(plan) : std::nullopt;
  if (plan.inner > 1 && (groups.src_stride[2] != 1 || groups.dst_stride[2] != 1)) return std::nullopt;
  return plan;
}

void run_reduce(const ReducePlan& plan, const ReduceCode& code, const float* src, float* dst, int64_t begin,
                int64_t end) {
  ReduceCall call;
  call.reduced = plan.reduced;
  call.reduced_bytes = plan.src_reduced_stride * 4;
  call.count = static_cast<float>(plan.reduced);
  const int64_t slices = plan.rows ? 1 : (plan.inner + kSliceElements - 1) / kSliceElements;
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t outer = unit / slices, first = unit % slices * kSliceElements;
    call.src = src + outer * plan.src_outer_stride + first;
    call.dst = dst + outer * plan.dst_outer_stride + first;
    call.inner = std::min(plan.inner - first, kSliceElements);
    code(call);
  }
}

}  // namespace tegula::kernels
