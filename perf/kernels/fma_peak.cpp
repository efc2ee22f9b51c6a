#include "perf/kernels/fma_peak.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "jit/generator.h"

namespace tegula::perf {
namespace {

constexpr int kChains = 12;     // more than latency times throughput asks for
constexpr int kTurns = 100000;  // long beside the start of a thread

class FmaLoop : public jit::Generator {
 public:
  using Function = void (*)();

  explicit FmaLoop(jit::VectorIsa isa, DType src = DType::kF32) : Generator("fma_peak") {
    const auto vector = [&](int i) {
      return isa == jit::VectorIsa::kAvx512 ? Xbyak::Xmm(Xbyak::Zmm(i)) : Xbyak::Xmm(Xbyak::Ymm(i));
    };
    for (int i = 0; i < kChains + 2; ++i) vxorps(Xbyak::Ymm(i), Xbyak::Ymm(i), Xbyak::Ymm(i));
    mov(eax, kTurns);
    Xbyak::Label turn;
    align(32);
    L(turn);
    for (int i = 0; i < kChains; ++i) {
      const Xbyak::Xmm sum = vector(i), a = vector(kChains), b = vector(kChains + 1);
      if (src == DType::kU8)
        vpdpbusd(sum, a, b);
      else
        src == DType::kBF16 ? vdpbf16ps(sum, a, b) : vfmadd231ps(sum, a, b);
    }
    dec(eax);
    jnz(turn);
    leave();
    function_ = finish<Function>();
  }
  void run() const { function_(); }

 private:
  Function function_ = nullptr;
};

/// Of `threads` calls of the loop that begin together.
double seconds_of_round(const FmaLoop& loop, int threads) {
  std::atomic<int> missing{threads};
  const auto meet = [&] {
    missing.fetch_sub(1);
    while (missing.load() > 0) std::this_thread::yield();
  };
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i)
    others.emplace_back([&] {
      meet();
      loop.run();
    });
  meet();
  const auto start = std::chrono::steady_clock::now();
  loop.run();
  for (std::thread& other : others) other.join();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double best_rate(const FmaLoop& loop, int products_per_instruction, int threads) {
  double best = 0;
  for (int i = 0; i < 50; ++i)
    best = std::max(
        best, 2.0 * products_per_instruction * kChains * kTurns * threads / seconds_of_round(loop, threads) / 1e9);
  return best;
}

}  // namespace

double fma_peak(jit::VectorIsa isa, int threads) {
  return best_rate(FmaLoop(isa), jit::lanes_of(isa), threads);
}

double product_peak(DType src, const jit::CpuFeatures& cpu, int threads) {
  const int lanes = jit::lanes_of(jit::VectorIsa::kAvx512);
  if (src == DType::kU8 && cpu.avx512_vnni) return best_rate(FmaLoop(jit::VectorIsa::kAvx512, src), 4 * lanes, threads);
  if (src == DType::kBF16 && cpu.avx512_bf16)
    return best_rate(FmaLoop(jit::VectorIsa::kAvx512, src), 2 * lanes, threads);
  return fma_peak(cpu.avx512 ? jit::VectorIsa::kAvx512 : jit::VectorIsa::kAvx2, threads);
}

}  // namespace tegula::perf
