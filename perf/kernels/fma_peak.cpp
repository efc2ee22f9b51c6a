#include "perf/kernels/fma_peak.h"

#include <algorithm>
#include <chrono>

#include "jit/generator.h"

namespace tegula::perf {
namespace {

constexpr int kChains = 12;  // more than latency times throughput asks for
constexpr int kTurns = 20000;

class FmaLoop : public jit::Generator {
 public:
  using Function = void (*)();

  explicit FmaLoop(jit::VectorIsa isa) : Generator("fma_peak") {
    const auto vector = [&](int i) {
      return isa == jit::VectorIsa::kAvx512 ? Xbyak::Xmm(Xbyak::Zmm(i)) : Xbyak::Xmm(Xbyak::Ymm(i));
    };
    for (int i = 0; i < kChains + 2; ++i) vxorps(Xbyak::Ymm(i), Xbyak::Ymm(i), Xbyak::Ymm(i));
    mov(eax, kTurns);
    Xbyak::Label turn;
    align(32);
    L(turn);
    for (int i = 0; i < kChains; ++i) vfmadd231ps(vector(i), vector(kChains), vector(kChains + 1));
    dec(eax);
    jnz(turn);
    leave();
    function_ = finish<Function>();
  }
  void run() const { function_(); }

 private:
  Function function_ = nullptr;
};

}  // namespace

double fma_peak(jit::VectorIsa isa) {
  const FmaLoop loop(isa);
  double best = 0;
  for (int i = 0; i < 200; ++i) {
    const auto start = std::chrono::steady_clock::now();
    loop.run();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = std::max(best, 2.0 * jit::lanes_of(isa) * kChains * kTurns / seconds / 1e9);
  }
  return best;
}

}  // namespace tegula::perf
