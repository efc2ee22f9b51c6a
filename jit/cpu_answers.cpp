#include "jit/cpu_answers.h"

#include <cpuid.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "jit/generator.h"
#include "jit/tile_palette.h"

namespace tegula::jit {
namespace {

CpuidLeaf cpuid(uint32_t leaf, uint32_t subleaf) {
  CpuidLeaf out;
  if (__get_cpuid_count(leaf, subleaf, &out.eax, &out.ebx, &out.ecx, &out.edx) == 0) return {};
  return out;
}

/// Register state that the operating system saves: XCR0, or 0 without XGETBV.
uint64_t saved_state() {
  constexpr uint32_t kSavesState = 1U << 27;  // OSXSAVE
  if ((cpuid(1, 0).ecx & kSavesState) == 0) return 0;
  uint32_t low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
}

/// Asks the kernel for tile state. One request serves every thread of the process.
bool request_tile_permission() {
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

/// Loads a palette, zeroes and multiplies tiles, releases them.
class TileProbe final : public Generator {
 public:
  explicit TileProbe(bool bf16) : Generator(bf16 ? "amx_bf16_probe" : "amx_probe", 4096) {
    ldtilecfg(ptr[args_]);
    tilezero(tmm0);
    tilezero(tmm1);
    tilezero(tmm2);
    if (bf16)
      tdpbf16ps(tmm0, tmm1, tmm2);
    else
      tdpbusd(tmm0, tmm1, tmm2);
    tilerelease();
    ret();
    run_ = finish<void (*)(const TilePalette*)>();
  }

  void run(const TilePalette& palette) const { run_(&palette); }

 private:
  void (*run_)(const TilePalette*) = nullptr;
};

thread_local sigjmp_buf probe_return;
thread_local bool probing = false;
struct sigaction previous_sigill;

void on_sigill(int signal_number, siginfo_t* info, void* context) {
  if (probing) siglongjmp(probe_return, 1);
  // Another thread's own SIGILL: hand it to whoever was there before.
  if ((previous_sigill.sa_flags & SA_SIGINFO) != 0) {
    previous_sigill.sa_sigaction(signal_number, info, context);
  } else if (previous_sigill.sa_handler != SIG_DFL && previous_sigill.sa_handler != SIG_IGN) {
    previous_sigill.sa_handler(signal_number);
  } else {
    signal(SIGILL, SIG_DFL);  // the instruction runs again and ends the process
  }
}

/// Whether tile instructions really execute. Some virtual machines advertise AMX without it.
bool tiles_execute(bool bf16) {
  try {
    const TileProbe probe(bf16);
    TilePalette palette;
    for (int tile = 0; tile < 3; ++tile) {
      palette.rows[tile] = 16;
      palette.row_bytes[tile] = 64;
    }
    struct sigaction guard = {};
    guard.sa_sigaction = on_sigill;
    guard.sa_flags = SA_SIGINFO;
    sigemptyset(&guard.sa_mask);
    if (sigaction(SIGILL, &guard, &previous_sigill) != 0) return false;
    volatile bool works = false;
    if (sigsetjmp(probe_return, 1) == 0) {
      probing = true;
      probe.run(palette);
      works = true;
    }
    probing = false;
    sigaction(SIGILL, &previous_sigill, nullptr);
    return works;
  } catch (const std::exception&) {  // no executable memory: no generated code of any kind
    return false;
  }
}

}  // namespace

CpuAnswers ask_machine() {
  return {.leaf1 = cpuid(1, 0),
          .leaf7 = cpuid(7, 0),
          .leaf7_1 = cpuid(7, 1),
          .leaf1d = cpuid(0x1D, 0),
          .leaf1d_1 = cpuid(0x1D, 1),
          .xcr0 = saved_state(),
          .grants_tiles = &request_tile_permission,
          .executes_tiles = &tiles_execute};
}

}  // namespace tegula::jit
