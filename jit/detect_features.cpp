#include "jit/cpu_answers.h"
#include "jit/cpu_features.h"

namespace tegula::jit {

// Alone in its file, so that a test program can put another machine in its place (tests/support/emulated_machine.cpp).
CpuFeatures CpuFeatures::detect() {
  static const CpuFeatures features = features_from(ask_machine());
  return features;
}

}  // namespace tegula::jit
