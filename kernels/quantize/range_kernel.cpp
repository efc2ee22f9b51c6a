#include "kernels/quantize/range_kernel.h"

#include <cstddef>

#include "jit/generator.h"
#include "jit/vector/emit.h"
#include "kernels/float16.h"

namespace tegula::kernels {
namespace {

using Xbyak::Xmm;
using Xbyak::Ymm;

/// Vectors: 0..3 numbers, 4..7 minima, 8..11 maxima. The order of comparisons does not matter: NaN never wins, and a
/// zero never replaces the one that the range starts with.
class RangeGenerator final : public RangeCode, private jit::Generator {
 public:
  explicit RangeGenerator(const RangeCodeDesc& desc) : RangeCode(desc), Generator(desc.name()) {
    enter();
    const jit::ScopedGpr src = gpr_.take("src"), left = gpr_.take("left"), range = gpr_.take("range");
    mov(src, ptr[args_ + offsetof(RangeCall, src)]);
    mov(left, ptr[args_ + offsetof(RangeCall, vectors)]);
    mov(range, ptr[args_ + offsetof(RangeCall, range)]);
    for (int i = 0; i < kUnrolled; ++i) {
      vbroadcastss(minimum(i), dword[range + offsetof(ValueRange, min)]);
      vbroadcastss(maximum(i), dword[range + offsetof(ValueRange, max)]);
    }
    emit_loop(src, left, kUnrolled);
    emit_loop(src, left, 1);
    for (int i = 1; i < kUnrolled; ++i) {
      vminps(minimum(0), minimum(0), minimum(i));
      vmaxps(maximum(0), maximum(0), maximum(i));
    }
    emit_join(minimum(0).getIdx(), true);
    emit_join(maximum(0).getIdx(), false);
    vmovss(dword[range + offsetof(ValueRange, min)], Xmm(minimum(0).getIdx()));
    vmovss(dword[range + offsetof(ValueRange, max)], Xmm(maximum(0).getIdx()));
    leave();
    function_ = finish<void (*)(const RangeCall*)>();
  }

 private:
  static constexpr int kUnrolled = 4;

  Xmm number(int i) const { return jit::vector_register(desc_.isa, i); }
  Xmm minimum(int i) const { return jit::vector_register(desc_.isa, kUnrolled + i); }
  Xmm maximum(int i) const { return jit::vector_register(desc_.isa, 2 * kUnrolled + i); }

  void emit_loop(const Xbyak::Reg64& src, const Xbyak::Reg64& left, int vectors) {
    const int bytes = jit::lanes_of(desc_.isa) * static_cast<int>(size_of(desc_.src));
    Xbyak::Label next, done;
    L(next);
    cmp(left, vectors);
    jl(done, T_NEAR);
    for (int i = 0; i < vectors; ++i) {
      if (desc_.src == DType::kBF16) {
        vpmovzxwd(number(i), ptr[src + i * bytes]);
        vpslld(number(i), number(i), 16);
      } else {
        vmovups(number(i), ptr[src + i * bytes]);
      }
      vminps(minimum(i), number(i), minimum(i));
      vmaxps(maximum(i), number(i), maximum(i));
    }
    add(src, vectors * bytes);
    sub(left, vectors);
    jmp(next, T_NEAR);
    L(done);
  }

  /// The lanes of register `index` into its lowest.
  void emit_join(int index, bool is_minimum) {
    const auto join = [&](const Xmm& a, const Xmm& b) { is_minimum ? vminps(a, a, b) : vmaxps(a, a, b); };
    if (desc_.isa == jit::VectorIsa::kAvx512) {
      vextractf64x4(Ymm(0), Xbyak::Zmm(index), 1);
      join(Ymm(index), Ymm(0));
    }
    vextractf128(Xmm(0), Ymm(index), 1);
    join(Xmm(index), Xmm(0));
    vpermilps(Xmm(0), Xmm(index), 0x4e);
    join(Xmm(index), Xmm(0));
    vpermilps(Xmm(0), Xmm(index), 0xb1);
    join(Xmm(index), Xmm(0));
  }
};

}  // namespace

std::string RangeCodeDesc::name() const {
  return concat("range_", name_of(src), "_", jit::name_of(isa));
}

void RangeCode::operator()(const std::byte* src, int64_t n, ValueRange& range) const {
  const int64_t vectors = n / jit::lanes_of(desc_.isa);
  if (vectors > 0) {
    const RangeCall call{src, vectors, &range};
    function_(&call);
  }
  for (int64_t i = vectors * jit::lanes_of(desc_.isa); i < n; ++i) {
    if (desc_.src == DType::kBF16) {
      range.include(f32_from_bf16(reinterpret_cast<const uint16_t*>(src)[i]));
    } else {
      range.include(reinterpret_cast<const float*>(src)[i]);
    }
  }
}

Result<RangeCodePtr> build_range(const RangeCodeDesc& desc) {
  try {
    return RangeCodePtr(std::make_shared<RangeGenerator>(desc));
  } catch (const std::exception& e) {  // Xbyak and RegisterPool throw; nothing above this does
    return Error{ErrorCode::kInternal, desc.name() + ": " + e.what()};
  }
}

}  // namespace tegula::kernels
