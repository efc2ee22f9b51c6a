#pragma once
#include "jit/cpu_features.h"

namespace tegula::test {

/// This machine's features and AMX, which is emulated where it is missing (AmxEmulator) from the beginning of the first
/// test to the end of the last one; that end reports what the architecture would have faulted on.
const jit::CpuFeatures& emulated_machine();

}  // namespace tegula::test
