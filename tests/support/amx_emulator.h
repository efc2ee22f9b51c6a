#pragma once
#include <string>

#include "jit/cpu_features.h"

namespace tegula::test {

/// Lets code with AMX tile instructions run on any CPU with AVX-512 VNNI: while one of these lives, an instruction that
/// the CPU refuses is executed on emulated tiles (amx_tiles.h), each thread having its own. On a CPU with AMX nothing
/// is emulated and everything runs as it is. What the architecture would fault on is recorded, the instruction skipped,
/// and the test that owns the emulator fails; so do tiles left in use.
///
/// One at a time in a process. Other SIGILLs go to whoever handled them before.
class AmxEmulator {
 public:
  AmxEmulator();
  ~AmxEmulator();
  AmxEmulator(const AmxEmulator&) = delete;
  AmxEmulator& operator=(const AmxEmulator&) = delete;

  /// Whether tiles are emulated rather than the machine's own. Recorded with the test as the property "amx".
  bool emulates() const { return emulates_; }
  /// What this machine can run now: its own features and AMX. Without the vector instructions that AMX
  /// comes with, its own only.
  jit::CpuFeatures features() const { return features_; }

  /// The first fault of any thread since the last call; "" when there was none.
  std::string take_fault();
  /// Whether the calling thread has a palette loaded.
  static bool tiles_in_use();
  /// How many instructions were emulated so far.
  static long instructions();

 private:
  bool emulates_ = false;
  jit::CpuFeatures features_;
};

}  // namespace tegula::test
