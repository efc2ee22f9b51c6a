#include "jit/vector/allocate.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace tegula::jit {
namespace {

constexpr int kNever = std::numeric_limits<int>::max();

bool is_commutative(VectorOp op) {
  switch (op) {
    case VectorOp::kAdd:
    case VectorOp::kMul:
    case VectorOp::kAnd:
    case VectorOp::kOr:
    case VectorOp::kXor:
    case VectorOp::kIntAdd:
    case VectorOp::kIntMul:
    case VectorOp::kIntMin:
    case VectorOp::kIntMax:
    case VectorOp::kIntEqual: return true;
    default: return false;
  }
}

/// Which operand the instruction can read from memory, when that operand is a constant; -1: none.
/// kFma and kFnma read any one of their three.
int memory_operand(VectorOp op) {
  switch (op) {
    case VectorOp::kAdd:
    case VectorOp::kSub:
    case VectorOp::kMul:
    case VectorOp::kDiv:
    case VectorOp::kMin:
    case VectorOp::kMax:
    case VectorOp::kScale:
    case VectorOp::kAnd:
    case VectorOp::kOr:
    case VectorOp::kXor:
    case VectorOp::kAndNot:
    case VectorOp::kIntAdd:
    case VectorOp::kIntSub:
    case VectorOp::kIntMul:
    case VectorOp::kIntMin:
    case VectorOp::kIntMax:
    case VectorOp::kCompare:
    case VectorOp::kIntEqual:
    case VectorOp::kIntGreater:
    case VectorOp::kSelect: return 1;
    default: return -1;
  }
}

bool is_fma(VectorOp op) {
  return op == VectorOp::kFma || op == VectorOp::kFnma;
}

/// The registers of one class, and which value each holds.
class RegisterFile {
 public:
  explicit RegisterFile(std::vector<int> free) : free_(std::move(free)) { std::reverse(free_.begin(), free_.end()); }

  int in_use() const { return static_cast<int>(held_.size()); }
  bool empty() const { return free_.empty(); }
  int take(std::optional<int> wanted) {
    if (wanted) {
      const auto at = std::find(free_.begin(), free_.end(), *wanted);
      if (at != free_.end()) {
        free_.erase(at);
        return *wanted;
      }
    }
    const int reg = free_.back();
    free_.pop_back();
    return reg;
  }
  void give(int reg) { free_.push_back(reg); }
  void hold(int value) { held_.push_back(value); }
  void release(int value) { held_.erase(std::find(held_.begin(), held_.end(), value)); }
  const std::vector<int>& held() const { return held_; }

 private:
  std::vector<int> free_;
  std::vector<int> held_;  // values
};

class Allocator {
 public:
  Allocator(const VectorProgram& program, VectorIsa isa, const VectorBindings& bindings)
      : program_(program),
        isa_(isa),
        bindings_(bindings),
        values_(program.instructions.size()),
        vectors_(bindings.vectors),
        masks_(bindings.masks) {}

  std::optional<Allocation> run() {
    collect_uses();
    bind_inputs();
    for (now_ = 0; now_ < count(); ++now_) {
      const VectorOp op = instruction(now_).op;
      if (op == VectorOp::kInput || op == VectorOp::kConstant) continue;  // loaded when they are needed
      if (!compute()) return std::nullopt;
    }
    if (!place_outputs()) return std::nullopt;
    return std::move(out_);
  }

 private:
  struct Value {
    int reg = -1;
    int slot = -1;
    bool borrowed = false;  // in a register that is not ours to give away
    std::vector<int> uses;  // instructions that read it, ascending; outputs are read at count()
    std::size_t next = 0;   // first entry of `uses` that has not been reached
  };

  int count() const { return static_cast<int>(program_.instructions.size()); }
  const VectorInstruction& instruction(int value) const {
    return program_.instructions[static_cast<std::size_t>(value)];
  }
  Value& value(int id) { return values_[static_cast<std::size_t>(id)]; }
  bool in_mask_register(int id) const { return isa_ == VectorIsa::kAvx512 && instruction(id).is_mask; }
  RegisterFile& file_of(int id) { return in_mask_register(id) ? masks_ : vectors_; }
  bool can_load_again(int id) const {
    const VectorOp op = instruction(id).op;
    return op == VectorOp::kConstant || (op == VectorOp::kInput && bindings_.inputs[instruction(id).immediate].reg < 0);
  }
  bool is_constant(int id) const { return instruction(id).op == VectorOp::kConstant; }

  void collect_uses() {
    for (int i = 0; i < count(); ++i)
      for (int k = 0; k < arity_of(instruction(i).op); ++k) value(instruction(i).operand[k]).uses.push_back(i);
    for (const ValueId output : program_.outputs) value(output).uses.push_back(count());
  }

  void bind_inputs() {
    for (int id = 0; id < count(); ++id) {
      const VectorInstruction& in = instruction(id);
      if (in.op == VectorOp::kConstant) {
        for (const VectorBindings::ResidentConstant& constant : bindings_.constants) {
          if (constant.bits != in.immediate) continue;
          value(id).reg = constant.reg;
          value(id).borrowed = true;
        }
      }
      if (in.op != VectorOp::kInput) continue;
      const VectorBindings::Input& bound = bindings_.inputs[in.immediate];
      if (bound.reg < 0) continue;
      value(id).reg = bound.reg;
      value(id).borrowed = !bound.overwrite;
      if (bound.overwrite) file_of(id).hold(id);
    }
    lent_ = vectors_.in_use();
  }

  int next_use(int id) {
    Value& v = value(id);
    while (v.next < v.uses.size() && v.uses[v.next] < now_) ++v.next;
    return v.next < v.uses.size() ? v.uses[v.next] : kNever;
  }
  /// Nothing after the current instruction reads it.
  bool dies_here(int id) {
    Value& v = value(id);
    return v.uses.empty() || v.uses.back() <= now_;
  }

  bool is_locked(int id) const { return std::find(locked_.begin(), locked_.end(), id) != locked_.end(); }

  void emit(const MachineStep& step) { out_.steps.push_back(step); }

  bool evict_from(RegisterFile& file) {
    int victim = -1, farthest = -1;
    for (const int id : file.held()) {
      if (is_locked(id)) continue;
      // A value that can be loaded again is the cheaper of two equals.
      const int distance = next_use(id);
      if (distance > farthest || (distance == farthest && can_load_again(id))) {
        victim = id;
        farthest = distance;
      }
    }
    if (victim < 0) return false;
    Value& v = value(victim);
    if (!can_load_again(victim) && v.slot < 0) {
      v.slot = out_.spill_slots++;
      MachineStep spill;
      spill.kind = MachineStep::Kind::kSpill;
      spill.mask_register = in_mask_register(victim);
      spill.dst = v.reg;
      spill.immediate = static_cast<uint32_t>(v.slot);
      emit(spill);
    }
    release(victim);
    return true;
  }

  void release(int id) {
    RegisterFile& file = file_of(id);
    file.release(id);
    file.give(value(id).reg);
    value(id).reg = -1;
  }

  bool acquire(int id, std::optional<int> wanted = std::nullopt) {
    RegisterFile& file = file_of(id);
    if (file.empty() && !evict_from(file)) return false;
    value(id).reg = file.take(wanted);
    file.hold(id);
    note_peaks();
    return true;
  }

  void note_peaks() {
    out_.peak_vectors = std::max(out_.peak_vectors, vectors_.in_use() - lent_);
    out_.peak_masks = std::max(out_.peak_masks, masks_.in_use());
  }

  bool bring_into_register(int id) {
    if (value(id).reg < 0) {
      if (!acquire(id)) return false;
      MachineStep load;
      load.mask_register = in_mask_register(id);
      load.dst = value(id).reg;
      load.immediate = instruction(id).immediate;
      if (is_constant(id)) {
        load.kind = MachineStep::Kind::kLoadConstant;
      } else if (instruction(id).op == VectorOp::kInput && value(id).slot < 0) {
        load.kind = MachineStep::Kind::kLoadInput;
      } else {
        load.kind = MachineStep::Kind::kReload;
        load.immediate = static_cast<uint32_t>(value(id).slot);
      }
      emit(load);
    }
    locked_.push_back(id);
    return true;
  }

  /// The operand that stays a constant in memory, or -1; swaps operands where that helps.
  int choose_memory_operand(VectorInstruction& in) const {
    const int arity = arity_of(in.op);
    const auto free_constant = [&](int k) { return is_constant(in.operand[k]) && values_[in.operand[k]].reg < 0; };
    if (is_fma(in.op)) {
      for (int k = arity - 1; k >= 0; --k)  // the addend first: polynomials
        if (free_constant(k)) return k;
      return -1;
    }
    const int k = memory_operand(in.op);
    if (k < 0) return -1;
    if (free_constant(k)) return k;
    if (is_commutative(in.op) && free_constant(0)) {
      std::swap(in.operand[0], in.operand[1]);
      return 1;
    }
    // A select between something and zero masks to zero.
    if (in.op == VectorOp::kSelect && free_constant(2) && instruction(in.operand[2]).immediate == 0) return 2;
    return -1;
  }

  bool compute() {
    VectorInstruction in = instruction(now_);
    const int arity = arity_of(in.op);
    const int in_memory = choose_memory_operand(in);
    MachineStep step;
    step.op = in.op;
    step.immediate = in.immediate;
    step.mask_register = in_mask_register(now_);
    locked_.clear();
    for (int k = 0; k < arity; ++k) {
      if (k == in_memory) {
        step.source[k] = {.is_constant = true, .bits = instruction(in.operand[k]).immediate};
        continue;
      }
      if (!bring_into_register(in.operand[k])) return false;
      step.source[k] = {.mask_register = in_mask_register(in.operand[k]), .reg = value(in.operand[k]).reg};
    }
    if (is_fma(in.op)) return compute_fma(in, in_memory, step);
    release_dead_operands(in, in_memory);
    if (!acquire(now_, wanted_for(now_))) return false;
    step.dst = value(now_).reg;
    emit(step);
    drop_if_unused();
    return true;
  }

  void release_dead_operands(const VectorInstruction& in, int in_memory) {
    for (int k = 0; k < arity_of(in.op); ++k) {
      const int id = in.operand[k];
      if (k == in_memory || value(id).borrowed || value(id).reg < 0 || !dies_here(id)) continue;
      release(id);
    }
  }

  std::optional<int> wanted_for(int id) const {
    if (bindings_.output && !program_.outputs.empty() && program_.outputs[0] == id) return bindings_.output;
    return std::nullopt;
  }

  /// The result takes the register of one of its operands.
  bool compute_fma(const VectorInstruction& in, int in_memory, MachineStep& step) {
    int tied = -1;
    for (int k = 2; k >= 0; --k) {  // prefer to overwrite a factor (k = 0): the common polynomial step
      const int id = in.operand[k];
      if (k != in_memory && !value(id).borrowed && dies_here(id)) tied = k;
    }
    if (tied < 0) {
      for (int k = 2; k >= 0; --k)
        if (k != in_memory) tied = k;
      if (!acquire(now_, wanted_for(now_))) return false;
      MachineStep move;
      move.kind = MachineStep::Kind::kMove;
      move.dst = value(now_).reg;
      move.source[0].reg = value(in.operand[tied]).reg;
      emit(move);
      step.source[tied].reg = value(now_).reg;
      release_dead_operands(in, in_memory);
    } else {
      const int heir = in.operand[tied];
      const int reg = value(heir).reg;
      release_dead_operands(in, in_memory);
      // Releasing put the register back on top or below; take exactly that one again.
      value(now_).reg = file_of(now_).take(reg);
      file_of(now_).hold(now_);
      note_peaks();
    }
    step.tied = tied;
    step.dst = value(now_).reg;
    emit(step);
    drop_if_unused();
    return true;
  }

  void drop_if_unused() {
    if (value(now_).uses.empty()) release(now_);
  }

  bool place_outputs() {
    locked_.clear();
    for (const ValueId output : program_.outputs) {
      if (!bring_into_register(output)) return false;
    }
    for (const ValueId output : program_.outputs) {
      const int reg = value(output).reg;
      if (bindings_.output && reg != *bindings_.output) {
        MachineStep move;
        move.kind = MachineStep::Kind::kMove;
        move.mask_register = in_mask_register(output);
        move.dst = *bindings_.output;
        move.source[0] = {.mask_register = move.mask_register, .reg = reg};
        emit(move);
        out_.outputs.push_back(*bindings_.output);
      } else {
        out_.outputs.push_back(reg);
      }
    }
    return true;
  }

  const VectorProgram& program_;
  const VectorIsa isa_;
  const VectorBindings& bindings_;
  std::vector<Value> values_;
  RegisterFile vectors_, masks_;
  std::vector<int> locked_;
  Allocation out_;
  int lent_ = 0;  // bound inputs that may be overwritten; not counted among the free registers
  int now_ = 0;
};

}  // namespace

VectorProgram lower(const VectorProgram& program, VectorIsa isa) {
  if (isa == VectorIsa::kAvx512) return program;
  VectorProgram lowered;
  std::vector<ValueId> new_id(program.instructions.size());
  const auto constant = [&](uint32_t bits) { return lowered.add({.op = VectorOp::kConstant, .immediate = bits}); };
  const auto op1 = [&](VectorOp op, ValueId a, uint32_t immediate = 0) {
    return lowered.add({.op = op, .operand = {a}, .immediate = immediate});
  };
  const auto op2 = [&](VectorOp op, ValueId a, ValueId b) { return lowered.add({.op = op, .operand = {a, b}}); };
  const auto power_of_two = [&](ValueId n) {
    return op1(VectorOp::kShiftLeft, op2(VectorOp::kIntAdd, n, constant(127)), 23);
  };
  for (std::size_t i = 0; i < program.instructions.size(); ++i) {
    VectorInstruction in = program.instructions[i];
    for (int k = 0; k < arity_of(in.op); ++k) in.operand[k] = new_id[in.operand[k]];
    if (in.op != VectorOp::kScale) {
      new_id[i] = lowered.add(in);
      continue;
    }
    // Two factors of half the exponent each: the first product is exact, the second rounds once.
    const ValueId n = op1(VectorOp::kToInt, in.operand[1]);
    const ValueId half = op1(VectorOp::kShiftRightSigned, n, 1);
    const ValueId rest = op2(VectorOp::kIntSub, n, half);
    new_id[i] = op2(VectorOp::kMul, op2(VectorOp::kMul, in.operand[0], power_of_two(half)), power_of_two(rest));
  }
  for (const ValueId output : program.outputs) lowered.outputs.push_back(new_id[output]);
  return lowered;
}

std::optional<Allocation> allocate(const VectorProgram& program, VectorIsa isa, const VectorBindings& bindings) {
  return Allocator(program, isa, bindings).run();
}

void rename_vector(Allocation& allocation, int from, int to) {
  for (MachineStep& step : allocation.steps) {
    if (!step.mask_register && step.dst == from) step.dst = to;
    for (MachineOperand& source : step.source)
      if (!source.is_constant && !source.mask_register && source.reg == from) source.reg = to;
  }
  std::replace(allocation.outputs.begin(), allocation.outputs.end(), from, to);
}

}  // namespace tegula::jit
