#include "tests/support/register_check.h"

// Returns 0 when all survived. A wrong rsp makes the pops fault or the comparison fail.
asm(R"(
.text
.globl tegula_test_call_with_known_registers
.type tegula_test_call_with_known_registers, @function
tegula_test_call_with_known_registers:
  pushq %rbx
  pushq %rbp
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  subq $8, %rsp
  movq %rsp, (%rsp)
  movq %rdi, %rax
  movq %rsi, %rdi
  movq %rdx, %rsi
  movq $0x11223344, %rbx
  movq $0x22334455, %rbp
  movq $0x33445566, %r12
  movq $0x44556677, %r13
  movq $0x55667788, %r14
  movq $0x66778899, %r15
  call *%rax
  movl $1, %eax
  cmpq %rsp, (%rsp)
  jne 1f
  cmpq $0x11223344, %rbx
  jne 1f
  cmpq $0x22334455, %rbp
  jne 1f
  cmpq $0x33445566, %r12
  jne 1f
  cmpq $0x44556677, %r13
  jne 1f
  cmpq $0x55667788, %r14
  jne 1f
  cmpq $0x66778899, %r15
  jne 1f
  xorl %eax, %eax
1:
  addq $8, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbp
  popq %rbx
  ret
.size tegula_test_call_with_known_registers, .-tegula_test_call_with_known_registers
)");

extern "C" int tegula_test_call_with_known_registers(tegula::test::TwoPointerFunction function, const void* a,
                                                     const void* b);

namespace tegula::test {

bool preserves_registers(TwoPointerFunction function, const void* a, const void* b) {
  return tegula_test_call_with_known_registers(function, a, b) == 0;
}

}  // namespace tegula::test
