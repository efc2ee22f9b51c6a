#include "tests/kernels/gemm/typed_tiles.h"

#include <optional>

#include "tests/support/amx_emulator.h"

namespace tegula::kernels::test {
namespace {

/// Of the whole program: its end reports what the architecture would have faulted on.
class EmulatedTiles : public testing::Environment {
 public:
  void SetUp() override { emulator_.emplace(); }
  void TearDown() override { emulator_.reset(); }

  const jit::CpuFeatures& features() const { return features_; }

 private:
  std::optional<tegula::test::AmxEmulator> emulator_;
  jit::CpuFeatures features_ = tegula::test::AmxEmulator().features();
};

const auto* const environment = static_cast<const EmulatedTiles*>(testing::AddGlobalTestEnvironment(new EmulatedTiles));

}  // namespace

const jit::CpuFeatures& features() {
  return environment->features();
}

}  // namespace tegula::kernels::test
