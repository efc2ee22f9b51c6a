#include "jit/generator.h"

#include "jit/code_dump.h"
#include "jit/perf_map.h"

namespace tegula::jit {
namespace {

constexpr int kLineBytes = 64;

}  // namespace

void Generator::enter(int stack_bytes) {
  using Xbyak::Operand;
  for (const Xbyak::Reg64& saved : {rbx, rbp, r12, r13, r14, r15}) push(saved);
  aligned_stack_ = stack_bytes > 0;
  if (!entered_) {
    gpr_.add({Operand::RBX, Operand::R12, Operand::R13, Operand::R14, Operand::R15});
    if (!aligned_stack_) gpr_.add({Operand::RBP});
  }
  entered_ = true;
  if (!aligned_stack_) return;
  mov(rbp, rsp);
  sub(rsp, (stack_bytes + kLineBytes - 1) / kLineBytes * kLineBytes);
  and_(rsp, -kLineBytes);
}

void Generator::leave() {
  vzeroupper();
  if (entered_) {
    if (aligned_stack_) mov(rsp, rbp);
    for (const Xbyak::Reg64& saved : {r15, r14, r13, r12, rbp, rbx}) pop(saved);
  }
  ret();
}

Xbyak::Label& Generator::label_of(const std::vector<uint32_t>& values) {
  const auto [slot, is_new] = data_index_.try_emplace(values, data_.size());
  if (is_new) data_.push_back(Data{values, {}});
  return data_[slot->second].label;
}

Xbyak::Address Generator::constant(VectorIsa isa, uint32_t bits) {
  if (isa == VectorIsa::kAvx512) return ptr_b[rip + label_of({bits})];
  return ptr[rip + label_of(std::vector<uint32_t>(8, bits))];
}

Xbyak::Address Generator::constant_dword(VectorIsa isa, uint32_t bits) {
  const std::size_t copies = isa == VectorIsa::kAvx512 ? 1 : 8;
  return dword[rip + label_of(std::vector<uint32_t>(copies, bits))];
}

Xbyak::Address Generator::table(std::span<const uint32_t> values) {
  return ptr[rip + label_of({values.begin(), values.end()})];
}

void Generator::finish_code() {
  align(kLineBytes);
  for (const bool whole_vectors : {true, false}) {  // vectors first, so that they stay aligned
    for (Data& data : data_) {
      if ((data.values.size() > 1) != whole_vectors) continue;
      if (whole_vectors && data.values.size() > 8) align(kLineBytes);
      L(data.label);
      for (const uint32_t value : data.values) dd(value);
    }
    if (whole_vectors) align(32);
  }
  if (hasUndefinedLabel()) throw std::logic_error("a label was used and never placed");
  setProtectModeRE();
  dump_code(name_, code());
  add_to_perf_map(name_, code());
}

}  // namespace tegula::jit
