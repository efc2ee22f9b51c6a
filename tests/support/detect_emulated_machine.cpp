// Linked into a test program, takes the place of jit/detect_features.cpp: all of it runs on a machine with AMX.
#include "jit/cpu_features.h"
#include "tests/support/emulated_machine.h"

namespace tegula::jit {

CpuFeatures CpuFeatures::detect() {
  return test::emulated_machine();
}

}  // namespace tegula::jit
