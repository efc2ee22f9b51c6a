#include <algorithm>
#include <cstddef>
#include <deque>
#include <exception>
#include <numeric>
#include <optional>
#include <vector>

#include "jit/emit/bf16_rounding.h"
#include "jit/emit/narrow_lanes.h"
#include "jit/generator.h"
#include "kernels/depthwise/bf16_depthwise.h"
#include "kernels/gemm/packed_size.h"
#include "kernels/post_ops/emit_post_ops.h"

namespace tegula::kernels {

using jit::ScopedGpr;
using jit::VectorIsa;
using Xbyak::Label;
using Xbyak::Reg64;
using Xbyak::Xmm;

namespace {

constexpr int64_t kMostRows = 5;     // of a filter: their addresses stay in registers
constexpr int kWeightRowBytes = 64;  // of a tap
constexpr int kSrcBytes = 2, kDstBytes = 2;
constexpr int kFreeMasks = 5;                    // k3 to k7; k1 is the tail's, k2 the rounding's
alignas(64) constexpr uint16_t kZeros[32] = {};  // a row in the padding

}  // namespace

/// One row of dst, for all channels. Read by generated code: fields stay where they are.
struct Bf16DepthwiseCall {
  struct Row {
    const void* at = nullptr;  ///< pixel first_column, which need not exist; zeros where the row does not
    int64_t step = 0;          ///< bytes to the next pixel
    int64_t channels = 0;      ///< all ones where channels lie one after another, 0: the same zeros for all
  };
  Row rows[kMostRows];
  int64_t first_column = 0;  ///< of the source; those outside [0, columns) are padding
  int64_t columns = 0;
  const float* weights = nullptr;
  const float* bias = nullptr;
  void* dst = nullptr;
  int64_t dst_step = 0;
  int64_t pixels = 0;
  int64_t full_vectors = 0;
  int64_t tail_lanes = 0;  ///< channels of the last vector, 0: none
};

namespace {

/// Results are finished so many pixels behind their sums, registers permitting: chains of multiply-adds take long, and
/// what waits for them would fill the CPU's queues.
constexpr int kFurthestBehind = 2;

/// Vector registers: the sums, in turns; the window, a column of it per pixel of the source modulo the filter's width;
/// what rounding and post-ops need; the weights where all of them fit, else they are operands in memory.
struct Registers {
  int behind = 0;
  int first_window = 0;
  int rounding = 0, first_rounding = 0;
  bool weights = false;
  int first_weight = 0;
  std::vector<int> post_ops;
  int spill_bytes = 0;
};

std::optional<Registers> registers_for(const Bf16DepthwiseDesc& desc, int behind) {
  const bool wide = desc.isa == VectorIsa::kAvx512;
  const int total = jit::vector_registers(desc.isa), taps = static_cast<int>(desc.taps());
  Registers registers;
  registers.behind = behind;
  registers.first_window = behind + 1;
  registers.rounding = jit::Bf16Rounding::registers(desc.isa, desc.instructions);
  registers.first_rounding = registers.first_window + taps;
  // Only AVX-512 keeps constants for rounding; AVX2 rounds with registers that post-ops have done with.
  const int first_free = registers.first_rounding + (wide ? registers.rounding : 0);
  const int free = total - first_free;
  const auto needs = [&](int vectors) {
    return post_op_needs(desc.epilogue.post_ops, desc.isa, vectors, wide ? kFreeMasks : 0);
  };
  if (free < (wide ? 0 : registers.rounding) || free < needs(std::max(free, 0)).min_vectors) return std::nullopt;
  registers.weights = free - taps >= needs(total).vectors && wide;
  registers.first_weight = first_free;
  const int first_post_op = first_free + (registers.weights ? taps : 0);
  for (int i = first_post_op; i < total; ++i) registers.post_ops.push_back(i);
  registers.spill_bytes = needs(total - first_post_op).spill_bytes;
  return registers;
}

std::optional<Registers> choose_registers(const Bf16DepthwiseDesc& desc) {
  for (int behind = kFurthestBehind; behind >= 0; --behind)
    if (auto registers = registers_for(desc, behind)) return registers;
  return std::nullopt;
}

}  // namespace

class Bf16DepthwiseKernel::Code final : public jit::Generator {
 public:
  explicit Code(const Bf16DepthwiseDesc& desc)
      : Generator(desc.name()),
        desc_(desc),
        registers_(*choose_registers(desc)),
        kh_(static_cast<int>(desc.kernel[0])),
        kw_(static_cast<int>(desc.kernel[1])),
        stride_(static_cast<int>(desc.strides[1])),
        rounding_(*this, desc.isa, desc.instructions, rounding_registers(), k2) {
    emit();
    function_ = finish<Function>();
  }

  void operator()(const Bf16DepthwiseCall& call) const { function_(&call); }

 private:
  using Function = void (*)(const Bf16DepthwiseCall*);

  /// The registers of one walk along a row.
  struct Walk {
    const Reg64& channel;  // of the vector, from the first one on, elements
    const Reg64& weights;
    std::deque<ScopedGpr> rows;
    std::optional<ScopedGpr> column;  // of the source, the next one to be loaded
    std::optional<ScopedGpr> bias, dst;
    std::optional<ScopedGpr> left;    // sums to come
    std::optional<ScopedGpr> before;  // sums to come before the next result
    bool masked = false;
  };
  /// A column of the source that turns out to be padding.
  struct Padding {
    Label zero, loaded;
    int slot = 0;
  };

  bool wide() const { return desc_.isa == VectorIsa::kAvx512; }
  Xmm vector(int index) const { return wide() ? Xmm(Xbyak::Zmm(index)) : Xmm(Xbyak::Ymm(index)); }
  int sums() const { return registers_.behind + 1; }  // registers 0, 1, ...
  int window(int row, int slot) const { return registers_.first_window + row * kw_ + slot; }
  std::vector<int> rounding_registers() const {
    std::vector<int> numbers;
    for (int i = 0; i < registers_.rounding; ++i) numbers.push_back(registers_.first_rounding + i);
    return numbers;
  }
  Xbyak::Address field(std::size_t offset) const { return qword[args_ + static_cast<int>(offset)]; }
  Xbyak::Address row_field(int row, std::size_t offset) const {
    return field(offsetof(Bf16DepthwiseCall, rows) + static_cast<std::size_t>(row) * sizeof(Bf16DepthwiseCall::Row) +
                 offset);
  }

  void emit() {
    enter(registers_.spill_bytes);
    const ScopedGpr channel = gpr_.take("channel"), weights = gpr_.take("weights"), left = gpr_.take("vectors");
    xor_(channel.cvt32(), channel.cvt32());
    mov(weights, field(offsetof(Bf16DepthwiseCall, weights)));
    mov(left, field(offsetof(Bf16DepthwiseCall, full_vectors)));
    if (wide()) rounding_.emit_constants();
    Label next_vector, tail, done;
    test(left, left);
    jz(tail, T_NEAR);
    L(next_vector);
    emit_walk(channel, weights, false);
    emit_next_channels(channel, weights);
    dec(left);
    jnz(next_vector, T_NEAR);
    L(tail);
    if (wide()) {
      mov(left, field(offsetof(Bf16DepthwiseCall, tail_lanes)));
      test(left, left);
      jz(done, T_NEAR);
      {
        const ScopedGpr lanes = gpr_.take("lanes");
        mov(lanes.cvt32(), 0xffff);
        bzhi(lanes.cvt32(), lanes.cvt32(), left.cvt32());
        kmovw(k1, lanes.cvt32());
      }
      emit_walk(channel, weights, true);
    }
    L(done);
    leave();
  }

  /// A panel of weights holds 16 channels per tap: one zmm, or two ymm.
  void emit_next_channels(const Reg64& channel, const Reg64& weights) {
    const int panel_bytes = static_cast<int>(desc_.taps()) * kWeightRowBytes;
    add(channel, jit::lanes_of(desc_.isa));
    if (wide()) return add(weights, panel_bytes);
    Label second_half, done;
    test(channel.cvt32(), static_cast<uint32_t>(kPanelColumns - 1));
    jnz(second_half);
    add(weights, panel_bytes - kWeightRowBytes / 2);
    jmp(done);
    L(second_half);
    add(weights, kWeightRowBytes / 2);
    L(done);
  }

  void emit_walk(const Reg64& channel, const Reg64& weights, bool masked) {
    Walk walk{channel, weights, {}, {}, {}, {}, {}, {}, masked};
    begin(walk);
    std::deque<Padding> paddings;
    for (int slot = 0; slot < kw_ - stride_; ++slot) emit_column(walk, slot, paddings.emplace_back());

    // Sums and columns take turns of different lengths.
    const int turns = std::lcm(kw_ / std::gcd(kw_, stride_), sums());
    Label next_pixels, done;
    std::deque<Label> ends;
    L(next_pixels);
    for (int turn = 0; turn < turns; ++turn) {
      const int first = turn * stride_;  // column of the window
      for (int column = kw_ - stride_; column < kw_; ++column)
        emit_column(walk, (first + column) % kw_, paddings.emplace_back());
      emit_sum(walk, first, turn % sums());
      Label not_yet;
      dec(*walk.before);
      jns(not_yet, T_NEAR);
      emit_result(walk, (turn + sums() - registers_.behind) % sums());
      L(not_yet);
      dec(*walk.left);
      turn + 1 < turns ? jz(ends.emplace_back(), T_NEAR) : jnz(next_pixels, T_NEAR);
    }
    for (int turn = turns - 1; turn >= 0; --turn) {
      if (turn + 1 < turns) L(ends[static_cast<std::size_t>(turn)]);
      emit_last_results(walk, turn % sums());
      jmp(done, T_NEAR);
    }
    for (Padding& padding : paddings) {
      L(padding.zero);
      for (int row = 0; row < kh_; ++row) zero(window(row, padding.slot));
      jmp(padding.loaded, T_NEAR);
    }
    L(done);
  }

  void begin(Walk& walk) {
    for (int row = 0; row < kh_; ++row) {
      const Reg64& at = walk.rows.emplace_back(&gpr_, gpr_.take_index("row"));
      mov(at, walk.channel);
      and_(at, row_field(row, offsetof(Bf16DepthwiseCall::Row, channels)));
      add(at, at);  // bytes
      add(at, row_field(row, offsetof(Bf16DepthwiseCall::Row, at)));
    }
    walk.column.emplace(&gpr_, gpr_.take_index("column"));
    mov(*walk.column, field(offsetof(Bf16DepthwiseCall, first_column)));
    if (desc_.epilogue.bias) {
      walk.bias.emplace(&gpr_, gpr_.take_index("bias"));
      mov(*walk.bias, field(offsetof(Bf16DepthwiseCall, bias)));
      lea(*walk.bias, ptr[*walk.bias + walk.channel * static_cast<int>(sizeof(float))]);
    }
    walk.dst.emplace(&gpr_, gpr_.take_index("dst"));
    mov(*walk.dst, field(offsetof(Bf16DepthwiseCall, dst)));
    lea(*walk.dst, ptr[*walk.dst + walk.channel * kDstBytes]);
    walk.left.emplace(&gpr_, gpr_.take_index("pixels"));
    mov(*walk.left, field(offsetof(Bf16DepthwiseCall, pixels)));
    walk.before.emplace(&gpr_, gpr_.take_index("before"));
    mov(walk.before->cvt32(), registers_.behind);
    if (registers_.weights)
      for (int tap = 0; tap < kh_ * kw_; ++tap)
        vmovups(vector(registers_.first_weight + tap), ptr[walk.weights + tap * kWeightRowBytes]);
  }

  /// The next column of the source into the window. What lies before the first one is beyond the last one, too, as an
  /// unsigned number.
  void emit_column(Walk& walk, int slot, Padding& padding) {
    padding.slot = slot;
    cmp(*walk.column, field(offsetof(Bf16DepthwiseCall, columns)));
    jae(padding.zero, T_NEAR);
    const auto mask = walk.masked ? std::optional(k1) : std::nullopt;
    for (int row = 0; row < kh_; ++row)
      jit::emit_load_lanes(*this, desc_.isa, DType::kBF16, window(row, slot),
                           ptr[walk.rows[static_cast<std::size_t>(row)]], mask);
    L(padding.loaded);
    for (int row = 0; row < kh_; ++row)
      add(walk.rows[static_cast<std::size_t>(row)], row_field(row, offsetof(Bf16DepthwiseCall::Row, step)));
    inc(*walk.column);
  }

  /// `first`: the column of the window, modulo its width, that the filter's first one meets.
  void emit_sum(Walk& walk, int first, int sum) {
    zero(sum);
    for (int row = 0; row < kh_; ++row)
      for (int column = 0; column < kw_; ++column) {
        const int tap = row * kw_ + column;
        const Xmm source = vector(window(row, (first + column) % kw_));
        if (registers_.weights)
          vfmadd231ps(vector(sum), source, vector(registers_.first_weight + tap));
        else
          vfmadd231ps(vector(sum), source, ptr[walk.weights + tap * kWeightRowBytes]);
      }
  }

  /// Those that are registers_.behind, up to that of the last sum; fewer in a row of fewer pixels.
  void emit_last_results(Walk& walk, int last) {
    for (int i = 0; i < registers_.behind; ++i) {
      Label none;
      cmp(*walk.before, i);  // counts down to below 0 where all exist
      jg(none, T_NEAR);
      emit_result(walk, (last + 1 + sums() - registers_.behind + i) % sums());
      L(none);
    }
  }

  void emit_result(Walk& walk, int x) {
    if (walk.bias) vaddps(walk.masked ? vector(x) | k1 : vector(x), vector(x), ptr[*walk.bias]);
    PostOpResources resources;
    resources.vectors = registers_.post_ops;
    for (int i = 0; wide() && i < kFreeMasks; ++i) resources.masks.push_back(3 + i);
    resources.spill_bytes = registers_.spill_bytes;
    const int accumulators[] = {x};
    emit_post_ops(*this, desc_.isa, desc_.epilogue.post_ops, accumulators, resources, [](int, int, int) {});
    if (!wide()) rounding_.emit_constants();
    rounding_.emit_round(x);
    emit_store(walk, x);
    add(*walk.dst, field(offsetof(Bf16DepthwiseCall, dst_step)));
  }

  void emit_store(Walk& walk, int x) {
    if (walk.masked) return vmovdqu16(ptr[*walk.dst] | k1, Xbyak::Ymm(x));
    if (wide()) return vmovups(ptr[*walk.dst], Xbyak::Ymm(x));
    const Xmm low(x), high(registers_.first_rounding);
    vextracti128(high, Xbyak::Ymm(x), 1);
    vpackusdw(low, low, high);
    vmovups(ptr[*walk.dst], low);
  }

  void zero(int index) {
    // The upper part becomes zero, too, and no register beyond 15 needs another encoding then.
    wide() ? vpxord(vector(index), vector(index), vector(index)) : vpxor(vector(index), vector(index), vector(index));
  }

  const Bf16DepthwiseDesc desc_;
  const Registers registers_;
  const int kh_, kw_, stride_;
  const jit::Bf16Rounding rounding_;
  Function function_ = nullptr;
};

std::string Bf16DepthwiseDesc::name() const {
  return concat("depthwise_bf16_", instructions ? "avx512_bf16" : name_of(isa), "_", kernel[0], "x", kernel[1], "s",
                strides[0], "x", strides[1], "_", epilogue.name());
}

std::optional<std::string> bf16_depthwise_refusal(const Bf16DepthwiseDesc& desc, int64_t channels) {
  if (desc.kernel[0] > kMostRows) return concat("a filter of more than ", kMostRows, " rows");
  if (desc.strides[1] > desc.kernel[1]) return "columns that no filter reads";
  if (desc.isa == VectorIsa::kAvx2 && channels % jit::lanes_of(desc.isa) != 0)
    return concat("channels in no multiple of ", jit::lanes_of(desc.isa));
  for (const PostOpDesc& post_op : desc.epilogue.post_ops)
    if (post_op.operand != OperandKind::kNone) return "a post-op with an operand";
  const EpilogueDesc plain{.bias = desc.epilogue.bias, .post_ops = desc.epilogue.post_ops};
  if (desc.epilogue != plain) return "more than a bias and post-ops behind the sums";
  if (desc.taps() > jit::vector_registers(desc.isa) || !choose_registers(desc))
    return "too few registers for the filter's window";
  return std::nullopt;
}

Bf16DepthwiseKernel::Bf16DepthwiseKernel(const Bf16DepthwiseDesc& desc)
    : desc_(desc), code_(std::make_unique<Code>(desc_)) {}

Bf16DepthwiseKernel::~Bf16DepthwiseKernel() = default;

void Bf16DepthwiseKernel::run(const Bf16DepthwiseArgs& args, int64_t begin, int64_t end) const {
  if (args.out[1] == 0 || args.channels == 0) return;
  const int64_t lanes = jit::lanes_of(desc_.isa), src_step = args.src_pixel_stride * kSrcBytes;
  Bf16DepthwiseCall call;
  call.first_column = -args.pads[1];
  call.columns = args.in[1];
  call.weights = args.weights;
  call.bias = args.bias;
  call.dst_step = args.dst_pixel_stride * kDstBytes;
  call.pixels = args.out[1];
  call.full_vectors = args.channels / lanes;
  call.tail_lanes = args.channels % lanes;
  for (int64_t row = begin; row < end; ++row) {
    const int64_t image = row / args.out[0], first = row % args.out[0] * desc_.strides[0] - args.pads[0];
    for (int64_t kh = 0; kh < desc_.kernel[0]; ++kh) {
      const int64_t h = first + kh;
      Bf16DepthwiseCall::Row& source = call.rows[kh];
      source = {kZeros, 0, 0};
      if (h < 0 || h >= args.in[0]) continue;
      const int64_t pixel = (image * args.in[0] + h) * args.in[1] - args.pads[1];
      // As a number: the address may be one before the source, which nobody reads from.
      const auto at = reinterpret_cast<uintptr_t>(args.src) + static_cast<uintptr_t>(pixel * src_step);
      source = {reinterpret_cast<const void*>(at), src_step, -1};
    }
    call.dst = args.dst + row * args.out[1] * args.dst_pixel_stride;
    (*code_)(call);
  }
}

Result<Bf16DepthwiseKernelPtr> build_bf16_depthwise(const Bf16DepthwiseDesc& desc) {
  TEGULA_RETURN_IF_ERROR(check_epilogue(desc.epilogue));
  if (const auto refusal = bf16_depthwise_refusal(desc, kPanelColumns))
    return Error{ErrorCode::kUnsupported, concat(desc.name(), ": ", *refusal)};
  try {
    return Bf16DepthwiseKernelPtr(std::make_shared<Bf16DepthwiseKernel>(desc));
  } catch (const std::exception& e) {  // Xbyak and RegisterPool throw; nothing above this does
    return Error{ErrorCode::kInternal, concat(desc.name(), ": ", e.what())};
  }
}

}  // namespace tegula::kernels
