#pragma once

namespace tegula::test {

using TwoPointerFunction = void (*)(const void*, const void*);

/// Calls function(a, b) and returns whether the registers that a callee must preserve (rbx, rbp, r12 to r15, rsp) came
/// back as they were.
bool preserves_registers(TwoPointerFunction function, const void* a, const void* b);

}  // namespace tegula::test
