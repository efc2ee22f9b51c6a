#include "tests/support/emulated_machine.h"

#include <gtest/gtest.h>

#include <optional>

#include "tests/support/amx_emulator.h"

namespace tegula::test {
namespace {

class EmulatedMachine : public testing::Environment {
 public:
  void SetUp() override { emulator_.emplace(); }
  void TearDown() override { emulator_.reset(); }

  const jit::CpuFeatures& features() const { return features_; }

 private:
  std::optional<AmxEmulator> emulator_;
  jit::CpuFeatures features_ = AmxEmulator().features();
};

const EmulatedMachine& environment() {
  static const auto* const machine =
      static_cast<const EmulatedMachine*>(testing::AddGlobalTestEnvironment(new EmulatedMachine));
  return *machine;
}

[[maybe_unused]] const EmulatedMachine& registered = environment();  // before the tests run

}  // namespace

const jit::CpuFeatures& emulated_machine() {
  return environment().features();
}

}  // namespace tegula::test
