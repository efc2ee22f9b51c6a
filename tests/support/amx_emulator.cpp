#include "tests/support/amx_emulator.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <ucontext.h>

#include <atomic>
#include <cstddef>

#include "jit/cpu_answers.h"
#include "jit/generator.h"
#include "jit/tile_palette.h"
#include "tests/support/amx_instruction.h"
#include "tests/support/amx_tiles.h"

namespace tegula::test {
namespace {

thread_local AmxTiles tiles;
std::atomic<const char*> first_fault{nullptr};
std::atomic<long> emulated{0};
struct sigaction previous_action;

/// The registers of a signal frame by their number in instructions.
int64_t register_value(const ucontext_t& context, int number) {
  constexpr int kOrder[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                            REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  return context.uc_mcontext.gregs[kOrder[number]];
}

AmxTiles::Fault execute(const AmxInstruction& in, const ucontext_t& context) {
  int64_t address = in.displacement;
  if (in.base == AmxInstruction::kRip)
    address += context.uc_mcontext.gregs[REG_RIP] + in.length;
  else if (in.base != AmxInstruction::kNone)
    address += register_value(context, in.base);
  const int64_t stride = in.index == AmxInstruction::kNone ? 0 : register_value(context, in.index) * in.scale;
  switch (in.op) {
    case AmxOp::kLoadConfig: return tiles.load_config(reinterpret_cast<const void*>(address + stride));
    case AmxOp::kStoreConfig: return tiles.store_config(reinterpret_cast<void*>(address + stride));
    case AmxOp::kRelease: tiles.release(); return nullptr;
    case AmxOp::kZero: return tiles.zero(in.tile);
    case AmxOp::kLoad: return tiles.load(in.tile, reinterpret_cast<const std::byte*>(address), stride);
    case AmxOp::kStore: return tiles.store(in.tile, reinterpret_cast<std::byte*>(address), stride);
    case AmxOp::kDotSS: return tiles.dot_bytes(in.tile, in.left, in.right, true, true);
    case AmxOp::kDotSU: return tiles.dot_bytes(in.tile, in.left, in.right, true, false);
    case AmxOp::kDotUS: return tiles.dot_bytes(in.tile, in.left, in.right, false, true);
    case AmxOp::kDotUU: return tiles.dot_bytes(in.tile, in.left, in.right, false, false);
    case AmxOp::kDotBf16: return tiles.dot_bf16(in.tile, in.left, in.right);
  }
  return "no such instruction";
}

void on_sigill(int signal_number, siginfo_t* info, void* frame) {
  ucontext_t& context = *static_cast<ucontext_t*>(frame);
  const auto instruction = decode_amx(reinterpret_cast<const uint8_t*>(context.uc_mcontext.gregs[REG_RIP]));
  if (instruction) {
    if (const AmxTiles::Fault fault = execute(*instruction, context)) {
      const char* none = nullptr;
      first_fault.compare_exchange_strong(none, fault);
    }
    emulated.fetch_add(1, std::memory_order_relaxed);
    context.uc_mcontext.gregs[REG_RIP] += instruction->length;
  } else if ((previous_action.sa_flags & SA_SIGINFO) != 0) {
    previous_action.sa_sigaction(signal_number, info, frame);
  } else if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
    previous_action.sa_handler(signal_number);
  } else {
    signal(SIGILL, SIG_DFL);  // the instruction runs again and ends the process
  }
}

/// STTILECFG, on whatever executes it.
class StoreConfig final : public jit::Generator {
 public:
  StoreConfig() : Generator("store_tile_config", 4096) {
    sttilecfg(ptr[args_]);
    ret();
    call = finish<void (*)(jit::TilePalette*)>();
  }
  void (*call)(jit::TilePalette*) = nullptr;
};

}  // namespace

AmxEmulator::AmxEmulator() : features_(jit::features_from(jit::ask_machine())) {
  emulates_ = !features_.amx_int8;
  if (emulates_ && features_.avx512_vnni) {
    features_.amx_int8 = true;
    features_.amx_bf16 = features_.avx512_bf16;
  }
  first_fault = nullptr;
  tiles.release();
  testing::Test::RecordProperty("amx", emulates_ ? "emulated" : "native");
  if (!emulates_) return;
  struct sigaction action = {};
  action.sa_sigaction = on_sigill;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  sigaction(SIGILL, &action, &previous_action);
}

AmxEmulator::~AmxEmulator() {
  if (features_.amx_int8) {
    EXPECT_FALSE(tiles_in_use()) << "tiles are left in use";
  }
  EXPECT_EQ(take_fault(), "") << "the architecture does not allow what generated code did";
  if (emulates_) sigaction(SIGILL, &previous_action, nullptr);
}

std::string AmxEmulator::take_fault() {
  const char* const fault = first_fault.exchange(nullptr);
  return fault == nullptr ? "" : fault;
}

bool AmxEmulator::tiles_in_use() {
  static const StoreConfig store;
  jit::TilePalette palette;
  store.call(&palette);
  return palette.palette_id != 0;
}

long AmxEmulator::instructions() {
  return emulated.load();
}

}  // namespace tegula::test
