#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <vector>

#include "jit/generator.h"
#include "jit/vector_isa.h"
#include "kernels/depthwise/depthwise.h"
#include "kernels/depthwise/output_row.h"
#include "kernels/gemm/packed_size.h"
#include "kernels/gemm/tile.h"
#include "kernels/post_ops/emit_post_ops.h"

namespace tegula::kernels {
namespace {

using jit::ScopedGpr;
using jit::VectorIsa;
using Xbyak::Reg64;
using Xbyak::Xmm;

constexpr int64_t kMaxRegisterRows = 5;     // kernel rows whose addresses stay in registers
constexpr int64_t kMaxRegisterColumns = 5;  // [row + {0,1,2,3,4} * step]

/// One call of generated code: a run of pixels of one output row, for all channels. Read by generated code: fields stay
/// where they are.
struct DepthwiseCall {
  const float* rows[kMaxRegisterRows] = {};  ///< walk: first tap of each kernel row, for the first pixel
  const float* const* taps = nullptr;        ///< pixel: one address per tap
  const float* weights = nullptr;
  float* dst = nullptr;
  const float* bias = nullptr;
  int64_t pixels = 0;       ///< walk only
  int64_t tap_bytes = 0;    ///< from one tap of a kernel row to the next
  int64_t pixel_bytes = 0;  ///< from the source of one output pixel to that of the next
  int64_t dst_bytes = 0;
  int64_t full_vectors = 0;   ///< whole vectors of channels
  int64_t tail_lanes = 0;     ///< channels of the last vector, 0: none
  int32_t tail_mask[8] = {};  ///< AVX2: all ones in the lanes that exist
  TileOperand operands[kMaxEpilogueOperands];
};

using CallFunction = void (*)(const DepthwiseCall*);

enum class Form {
  kWalk,   ///< pixels side by side whose taps all exist: addresses advance, weights stay in registers
  kPixel,  ///< one pixel with an address for each tap: borders, large kernels, dilated ones
};

/// Vector registers of the walk: acc, bias, x (a masked source), then the weights as far as they fit, then what
/// post-ops may use. In both forms channels are the outer loop, one vector at a time.
class DepthwiseGenerator final : public jit::Generator {
 public:
  DepthwiseGenerator(const DepthwiseDesc& desc, VectorIsa isa, Form form)
      : Generator(desc.name() + (form == Form::kWalk ? "_walk" : "_pixel")), desc_(desc), isa_(isa), form_(form) {
    for (const PostOpDesc& post_op : desc.epilogue.post_ops)
      operand_index_.push_back(post_op.operand == OperandKind::kNone ? -1 : operand_count_++);
    choose_registers();
    emit();
    function_ = finish<CallFunction>();
  }

  CallFunction function() const { return function_; }

 private:
  static constexpr int kAcc = 0, kBias = 1, kSource = 2, kFirstWeight = 3;

  Xmm vector(int index) const {
    if (isa_ == VectorIsa::kAvx512) return Xbyak::Zmm(index);
    return Xbyak::Ymm(index);
  }
  int taps() const { return static_cast<int>(desc_.taps()); }
  int kernel_rows() const { return static_cast<int>(desc_.kernel[0] * desc_.kernel[1]); }

  void choose_registers() {
    const int total = jit::vector_registers(isa_);
    const int free_masks = isa_ == VectorIsa::kAvx512 ? 6 : 0;
    const auto needs = [&](int free) { return post_op_needs(desc_.epilogue.post_ops, isa_, free, free_masks); };
    const int free_with_weights = total - kFirstWeight - taps();
    weights_in_registers_ = form_ == Form::kWalk && free_with_weights >= 0 &&
                            free_with_weights >= std::min(needs(total).vectors, needs(free_with_weights).min_vectors);
    const int first_free = kFirstWeight + (weights_in_registers_ ? taps() : 0);
    for (int i = first_free; i < total; ++i) resources_.vectors.push_back(i);
    for (int i = 0; i < free_masks; ++i) resources_.masks.push_back(2 + i);  // k1 is the tail's
    resources_.spill_bytes = needs(total - first_free).spill_bytes;
    resources_.spill_offset = operand_count_ * 8;
    resources_.spill_offset = (resources_.spill_offset + 63) / 64 * 64;
  }

  void emit() {
    enter(std::max(64, resources_.spill_offset + resources_.spill_bytes));
    const ScopedGpr scratch = gpr_.take("scratch");
    scratch_ = Reg64(scratch.getIdx());
    const ScopedGpr channel_bytes = gpr_.take("channel_bytes"), weights = gpr_.take("weights"),
                    left = gpr_.take("left");
    xor_(channel_bytes.cvt32(), channel_bytes.cvt32());
    mov(weights, ptr[args_ + offsetof(DepthwiseCall, weights)]);
    mov(left, ptr[args_ + offsetof(DepthwiseCall, full_vectors)]);

    Xbyak::Label next_vector, tail, done;
    test(left, left);
    jz(tail, T_NEAR);
    L(next_vector);
    emit_vector(channel_bytes, weights, false);
    emit_next_channels(channel_bytes, weights);
    dec(left);
    jnz(next_vector, T_NEAR);

    L(tail);
    cmp(qword[args_ + offsetof(DepthwiseCall, tail_lanes)], 0);
    je(done, T_NEAR);
    if (isa_ == VectorIsa::kAvx512) {
      mov(left, ptr[args_ + offsetof(DepthwiseCall, tail_lanes)]);
      mov(scratch_.cvt32(), 0xffff);
      bzhi(scratch_.cvt32(), scratch_.cvt32(), left.cvt32());
      kmovw(k1, scratch_.cvt32());
    }
    emit_vector(channel_bytes, weights, true);
    L(done);
    leave();
  }

  /// A panel of weights holds 16 channels per tap: one zmm, or two ymm that lie 32 bytes apart.
  void emit_next_channels(const Reg64& channel_bytes, const Reg64& weights) {
    add(channel_bytes, jit::vector_bytes(isa_));
    const int panel_bytes = taps() * 64;
    if (isa_ == VectorIsa::kAvx512) {
      add(weights, panel_bytes);
      return;
    }
    Xbyak::Label second_half, done;
    test(channel_bytes.cvt32(), 63);
    jnz(second_half);
    add(weights, panel_bytes - 32);
    jmp(done);
    L(second_half);
    add(weights, 32);
    L(done);
  }

  void emit_vector(const Reg64& channel_bytes, const Reg64& weights, bool masked) {
    if (desc_.epilogue.bias) {
      mov(scratch_, ptr[args_ + offsetof(DepthwiseCall, bias)]);
      load(kBias, ptr[scratch_ + channel_bytes], masked);
    }
    for (int i = 0; i < operand_count_; ++i) {
      mov(scratch_, ptr[args_ + operand_offset(i) + offsetof(TileOperand, data)]);
      add(scratch_, channel_bytes);
      mov(ptr[rsp + i * 8], scratch_);
    }
    if (form_ == Form::kWalk)
      emit_walk(channel_bytes, weights, masked);
    else
      emit_pixel(channel_bytes, weights, masked);
  }

  void emit_walk(const Reg64& channel_bytes, const Reg64& weights, bool masked) {
    if (weights_in_registers_)
      for (int tap = 0; tap < taps(); ++tap) vmovups(vector(kFirstWeight + tap), ptr[weights + tap * 64]);
    std::vector<std::unique_ptr<ScopedGpr>> rows;
    for (int row = 0; row < kernel_rows(); ++row) {
      rows.emplace_back(new ScopedGpr(gpr_.take("row")));
      mov(*rows.back(), ptr[args_ + offsetof(DepthwiseCall, rows) + static_cast<std::size_t>(row) * 8]);
      add(*rows.back(), channel_bytes);
    }
    const ScopedGpr step = gpr_.take("step"), step3 = gpr_.take("step3"), dst = gpr_.take("dst"),
                    left = gpr_.take("pixels");
    mov(step, ptr[args_ + offsetof(DepthwiseCall, tap_bytes)]);
    if (desc_.kernel[2] > 3) lea(step3, ptr[step + step * 2]);
    mov(dst, ptr[args_ + offsetof(DepthwiseCall, dst)]);
    add(dst, channel_bytes);
    mov(left, ptr[args_ + offsetof(DepthwiseCall, pixels)]);

    Xbyak::Label next_pixel;
    L(next_pixel);
    zero(kAcc);
    for (int tap = 0; tap < taps(); ++tap) {
      const Reg64& row = *rows[static_cast<std::size_t>(tap / desc_.kernel[2])];
      const auto column = static_cast<int>(tap % desc_.kernel[2]);
      emit_tap(column == 0   ? ptr[row]
               : column == 3 ? ptr[row + step3]
                             : ptr[row + step * column],
               weights, tap, masked);
    }
    emit_epilogue(dst, masked);
    for (const auto& row : rows) add(*row, ptr[args_ + offsetof(DepthwiseCall, pixel_bytes)]);
    add(dst, ptr[args_ + offsetof(DepthwiseCall, dst_bytes)]);
    for (int i = 0; i < operand_count_; ++i) {
      mov(scratch_, ptr[args_ + operand_offset(i) + offsetof(TileOperand, row_bytes)]);
      add(ptr[rsp + i * 8], scratch_);
    }
    dec(left);
    jnz(next_pixel, T_NEAR);
  }

  void emit_pixel(const Reg64& channel_bytes, const Reg64& weights, bool masked) {
    const ScopedGpr table = gpr_.take("taps"), dst = gpr_.take("dst");
    mov(table, ptr[args_ + offsetof(DepthwiseCall, taps)]);
    mov(dst, ptr[args_ + offsetof(DepthwiseCall, dst)]);
    add(dst, channel_bytes);
    zero(kAcc);
    for (int tap = 0; tap < taps(); ++tap) {
      mov(scratch_, ptr[table + tap * 8]);
      emit_tap(ptr[scratch_ + channel_bytes], weights, tap, masked);
    }
    emit_epilogue(dst, masked);
  }

  void emit_tap(const Xbyak::Address& source, const Reg64& weights, int tap, bool masked) {
    if (weights_in_registers_ && !masked) {
      vfmadd231ps(vector(kAcc), vector(kFirstWeight + tap), source);
      return;
    }
    load(kSource, source, masked);
    if (weights_in_registers_)
      vfmadd231ps(vector(kAcc), vector(kFirstWeight + tap), vector(kSource));
    else
      vfmadd231ps(vector(kAcc), vector(kSource), ptr[weights + tap * 64]);
  }

  void emit_epilogue(const Reg64& dst, bool masked) {
    if (desc_.epilogue.bias) vaddps(vector(kAcc), vector(kAcc), vector(kBias));
    const int accumulators[] = {kAcc};
    emit_post_ops(*this, isa_, desc_.epilogue.post_ops, accumulators, resources_, [&](int post_op, int, int to) {
      const auto index = static_cast<std::size_t>(post_op);
      const int operand = operand_index_[index];
      if (desc_.epilogue.post_ops[index].operand == OperandKind::kScalar) {
        mov(scratch_, ptr[args_ + operand_offset(operand) + offsetof(TileOperand, data)]);
        vbroadcastss(vector(to), ptr[scratch_]);
      } else {
        mov(scratch_, ptr[rsp + operand * 8]);
        load(to, ptr[scratch_], masked);
      }
    });
    if (!masked) {
      vmovups(ptr[dst], vector(kAcc));
    } else if (isa_ == VectorIsa::kAvx512) {
      vmovups(ptr[dst] | k1, Xbyak::Zmm(kAcc));
    } else {
      vmovups(vector(kSource), ptr[args_ + offsetof(DepthwiseCall, tail_mask)]);
      vmaskmovps(ptr[dst], Xbyak::Ymm(kSource), Xbyak::Ymm(kAcc));
    }
  }

  void load(int to, const Xbyak::Address& from, bool masked) {
    if (!masked) {
      vmovups(vector(to), from);
    } else if (isa_ == VectorIsa::kAvx512) {
      vmovups(Xbyak::Zmm(to) | k1 | T_z, from);
    } else {  // the mask passes through the register that takes the value
      vmovups(vector(to), ptr[args_ + offsetof(DepthwiseCall, tail_mask)]);
      vmaskmovps(Xbyak::Ymm(to), Xbyak::Ymm(to), from);
    }
  }

  void zero(int index) {
    if (isa_ == VectorIsa::kAvx512)
      vpxord(Xbyak::Zmm(index), Xbyak::Zmm(index), Xbyak::Zmm(index));
    else
      vxorps(vector(index), vector(index), vector(index));
  }

  static std::size_t operand_offset(int operand) {
    return offsetof(DepthwiseCall, operands) + static_cast<std::size_t>(operand) * sizeof(TileOperand);
  }

  const DepthwiseDesc desc_;
  const VectorIsa isa_;
  const Form form_;
  int operand_count_ = 0;
  std::vector<int> operand_index_;  // by post-op; -1: has none
  bool weights_in_registers_ = false;
  PostOpResources resources_;
  Reg64 scratch_;  ///< for addresses of operands; lives through the whole function
  CallFunction function_ = nullptr;
};

class GeneratedDepthwise final : public DepthwiseKernel {
 public:
  GeneratedDepthwise(const DepthwiseDesc& desc, VectorIsa isa)
      : DepthwiseKernel(desc), lanes_(jit::lanes_of(isa)), pixel_(desc, isa, Form::kPixel) {
    if (desc.kernel[0] * desc.kernel[1] <= kMaxRegisterRows && desc.kernel[2] <= kMaxRegisterColumns)
      walk_ = std::make_unique<DepthwiseGenerator>(desc, isa, Form::kWalk);
  }

 private:
  void run_row(const DepthwiseArgs& args, int64_t image, int64_t od, int64_t oh, std::byte* scratch) const override {
    DepthwiseCall call;
    call.weights = args.weights;
    call.bias = args.epilogue.bias;
    call.tap_bytes = desc_.dilations[2] * args.src_pixel_stride * 4;
    call.pixel_bytes = desc_.strides[2] * args.src_pixel_stride * 4;
    call.dst_bytes = args.dst_pixel_stride * 4;
    call.full_vectors = args.channels / lanes_;
    call.tail_lanes = args.channels % lanes_;
    for (int64_t i = 0; i < std::min<int64_t>(call.tail_lanes, 8); ++i) call.tail_mask[i] = -1;

    const DepthwiseRow row = depthwise_row(desc_, args, image, od, oh);
    const int64_t begin = row.begin, end = walk_ == nullptr ? begin : row.end;
    for (int64_t ow = 0; ow < begin; ++ow) run_pixel(args, call, row, ow, scratch);
    if (end > begin) {
      for (std::size_t i = 0; i < row.rows; ++i)
        call.rows[i] = args.src + (row.pixels[i] + begin * desc_.strides[2] - args.pads[2]) * args.src_pixel_stride;
      call.pixels = end - begin;
      set_destination(args, call, row.first_pixel + begin);
      walk_->function()(&call);
    }
    for (int64_t ow = end; ow < args.out[2]; ++ow) run_pixel(args, call, row, ow, scratch);
  }

  /// Taps in the padding read the zeros of `scratch`.
  void run_pixel(const DepthwiseArgs& args, DepthwiseCall& call, const DepthwiseRow& row, int64_t ow,
                 const std::byte* scratch) const {
    std::array<const float*, kMaxDepthwiseTaps> taps;
    place_taps(desc_, args, row, ow, reinterpret_cast<const float*>(scratch), taps.data());
    call.taps = taps.data();
    set_destination(args, call, row.first_pixel + ow);
    pixel_.function()(&call);
  }

  void set_destination(const DepthwiseArgs& args, DepthwiseCall& call, int64_t pixel) const {
    call.dst = args.dst + pixel * args.dst_pixel_stride;
    std::size_t next = 0;
    for (const PostOpDesc& post_op : desc_.epilogue.post_ops) {
      if (post_op.operand == OperandKind::kNone) continue;
      const EpilogueOperand& operand = args.epilogue.operands[next];
      const int64_t row_stride = post_op.operand == OperandKind::kTensor ? operand.row_stride : 0;
      call.operands[next++] = {static_cast<const float*>(operand.data) + pixel * row_stride, row_stride * 4};
    }
  }

  const int64_t lanes_;
  const DepthwiseGenerator pixel_;
  std::unique_ptr<DepthwiseGenerator> walk_;  // nullptr: the kernel is too large for addresses in registers
};

}  // namespace

Result<DepthwiseKernelPtr> build_depthwise_generated(const DepthwiseDesc& desc) {
  try {
    return DepthwiseKernelPtr(std::make_shared<GeneratedDepthwise>(
        desc, desc.isa == TileIsa::kAvx512 ? VectorIsa::kAvx512 : VectorIsa::kAvx2));
  } catch (const std::exception& e) {  // Xbyak and RegisterPool throw; nothing above this does
    return Error{ErrorCode::kInternal, desc.name() + ": " + e.what()};
  }
}

}  // namespace tegula::kernels
