#include <emmintrin.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "jit/generator.h"
#include "jit/vector/emit.h"
#include "kernels/depthwise/output_row.h"
#include "kernels/depthwise/quantized_depthwise.h"
#include "kernels/gemm/packed_size.h"
#include "kernels/post_ops/emit_post_ops.h"

namespace tegula::kernels {
namespace {

using jit::ScopedGpr;
using jit::VectorIsa;
using Xbyak::Address;
using Xbyak::Reg64;
using Xbyak::Xmm;

constexpr int64_t kMaxRegisterRows = 5;     // kernel rows whose addresses stay in registers
constexpr int64_t kMaxRegisterColumns = 5;  // [row + {0,1,2,3,4} * step]

using Isa = QuantizedDepthwiseIsa;

VectorIsa vector_isa(Isa isa) {
  return isa == Isa::kAvx2 ? VectorIsa::kAvx2 : VectorIsa::kAvx512;
}

/// Taps whose products one 32-bit lane adds up: up to four positions of the kernel, -1 where there is none.
using TapGroup = std::array<int, 4>;

/// With kernels of 2 to 4 rows, each column is a group: neighbouring outputs then share interleaved sources.
bool groups_are_columns(const QuantizedDepthwiseDesc& desc) {
  return desc.kernel[0] == 1 && desc.kernel[1] >= 2 && desc.kernel[1] <= 4;
}

std::vector<TapGroup> tap_groups(const QuantizedDepthwiseDesc& desc) {
  std::vector<TapGroup> groups;
  const int taps = static_cast<int>(desc.taps()), columns = static_cast<int>(desc.kernel[2]);
  if (groups_are_columns(desc)) {
    for (int kw = 0; kw < columns; ++kw) {
      TapGroup group{-1, -1, -1, -1};
      for (int kh = 0; kh < desc.kernel[1]; ++kh) group[static_cast<std::size_t>(kh)] = kh * columns + kw;
      groups.push_back(group);
    }
    return groups;
  }
  for (int first = 0; first < taps; first += 4) {
    TapGroup group;
    for (int i = 0; i < 4; ++i) group[static_cast<std::size_t>(i)] = first + i < taps ? first + i : -1;
    groups.push_back(group);
  }
  return groups;
}

/// What a call keeps in scratch for each block of `block_channels` channels (a whole vector of bytes), in rows of
/// vectors in the order in which interleaving leaves the lanes: dword i of 128-bit lane l of row j is channel
/// 16 l + 4 j + i.
///   4 rows of biases, 4 of multipliers, 4 of real biases where there are any, then for each group of taps 4 of
///   weights: four bytes a lane, or without VNNI two words of the even taps, and 4 rows more of the odd ones
/// After the blocks: a pixel of the source's zero point.
struct PreparedLayout {
  int64_t block_channels, groups, rows_per_group, constant_rows;

  PreparedLayout(const QuantizedDepthwiseDesc& desc)
      : block_channels(jit::vector_bytes(vector_isa(desc.isa))),
        groups(static_cast<int64_t>(tap_groups(desc).size())),
        rows_per_group(desc.isa == Isa::kAvx512Vnni ? 4 : 8),
        constant_rows(desc.has_real_bias() ? 12 : 8) {}

  int64_t row_bytes() const { return block_channels; }
  int64_t multipliers() const { return 4 * row_bytes(); }
  int64_t real_biases() const { return 8 * row_bytes(); }
  int64_t weights() const { return constant_rows * row_bytes(); }
  int64_t block_bytes() const { return (constant_rows + groups * rows_per_group) * row_bytes(); }
  int64_t blocks(int64_t channels) const { return (channels + block_channels - 1) / block_channels; }
  int64_t padding(int64_t channels) const { return blocks(channels) * block_bytes(); }
  int64_t bytes(int64_t channels) const { return padding(channels) + blocks(channels) * block_channels; }
};

/// One call of generated code: a run of pixels of one output row, for all channels. Read by generated code: fields stay
/// where they are.
struct DepthwiseCall {
  const uint8_t* rows[kMaxRegisterRows] = {};  ///< walk: first tap of each kernel row, for the first pixel
  const uint8_t* const* taps = nullptr;        ///< pixel: one address per tap
  const std::byte* prepared = nullptr;
  std::byte* dst = nullptr;
  int64_t channels = 0;
  int64_t pixels = 0;       ///< walk only
  int64_t tap_bytes = 0;    ///< from one tap of a kernel row to the next
  int64_t pixel_bytes = 0;  ///< from the source of one output pixel to that of the next
  int64_t dst_bytes = 0;
  float dst_scale_inverse = 1;
  int32_t dst_zero_point = 0;
};

using CallFunction = void (*)(const DepthwiseCall*);

enum class Form {
  kWalk,   ///< pixels side by side whose taps all exist: addresses advance
  kPixel,  ///< one pixel with an address for each tap: borders, large kernels
};

/// For each block of channels (a vector of bytes; the last ones as many 16s as are left), for each pixel: interleave
/// the sources of up to four taps to four vectors of dwords, multiply and add; then all four to real numbers and back
/// to bytes, which packing brings back into the order of channels.
///
/// Vectors   0..3 accumulators; 4..9 sources being interleaved; 10 zero, 11 zero point, 12 scale, 13 upper bound;
///           16..27 (AVX-512) the ring: interleaved columns that the next pixels use again
class QuantizedDepthwiseGenerator final : public jit::Generator {
 public:
  QuantizedDepthwiseGenerator(const QuantizedDepthwiseDesc& desc, Form form)
      : Generator(desc.name() + (form == Form::kWalk ? "_walk" : "_pixel")),
        desc_(desc),
        isa_(vector_isa(desc.isa)),
        form_(form),
        layout_(desc),
        groups_(tap_groups(desc)),
        chain_(desc.post_ops.begin() + (desc.has_real_bias() ? 1 : 0), desc.post_ops.end()) {
    const bool overlapping = desc.strides[2] < desc.kernel[2] && desc.kernel[2] <= 3 && desc.dilations[2] == 1;
    ring_ = form == Form::kWalk && avx512() && groups_are_columns(desc) && overlapping;
    for (int i = kFirstSource; i < kZero; ++i) resources_.vectors.push_back(i);
    for (int i = kBound + 1; i < jit::vector_registers(isa_); ++i)
      if (!ring_ || i < kRing || i >= kRing + 12) resources_.vectors.push_back(i);
    if (avx512()) resources_.masks = {2, 3, 4, 5, 6, 7};  // k1 is the tail's
    const auto needs = post_op_needs(chain_, isa_, static_cast<int>(resources_.vectors.size()),
                                     static_cast<int>(resources_.masks.size()));
    resources_.spill_bytes = needs.spill_bytes;
    emit();
    function_ = finish<CallFunction>();
  }

  CallFunction function() const { return function_; }

 private:
  static constexpr int kAcc = 0, kFirstSource = 4, kZero = 10, kZeroPoint = 11, kScale = 12, kBound = 13, kRing = 16;

  bool avx512() const { return isa_ == VectorIsa::kAvx512; }
  bool vnni() const { return desc_.isa == Isa::kAvx512Vnni; }
  int kernel_rows() const { return static_cast<int>(desc_.kernel[0] * desc_.kernel[1]); }
  int dst_size() const { return static_cast<int>(size_of(desc_.dst)); }
  /// A register with as many bytes as the segment has channels.
  Xmm reg(int index) const {
    if (segment_ == 64) return Xbyak::Zmm(index);
    if (segment_ == 32) return Xbyak::Ymm(index);
    return Xmm(index);
  }

  void emit() {
    enter(std::max(64, resources_.spill_bytes));
    const ScopedGpr scratch = gpr_.take("scratch");
    scratch_ = Reg64(scratch.getIdx());
    const ScopedGpr channel = gpr_.take("channel"), prepared = gpr_.take("prepared"), left = gpr_.take("left");
    emit_constants();
    xor_(channel.cvt32(), channel.cvt32());
    mov(prepared, ptr[args_ + offsetof(DepthwiseCall, prepared)]);
    mov(left, ptr[args_ + offsetof(DepthwiseCall, channels)]);

    const int whole = static_cast<int>(layout_.block_channels);
    Xbyak::Label next, tail, done;
    L(next);
    cmp(left, whole);
    jl(tail, T_NEAR);
    emit_segment(whole, false, channel, prepared);
    add(channel, whole);
    add(prepared, static_cast<int>(layout_.block_bytes()));
    sub(left, whole);
    jmp(next, T_NEAR);
    L(tail);
    if (avx512()) {
      test(left, left);
      jz(done, T_NEAR);
      mov(scratch_, -1);
      bzhi(scratch_, scratch_, left);
      kmovq(k1, scratch_);
      for (const int size : {64, 32, 16}) {
        Xbyak::Label smaller;
        if (size > 16) {
          cmp(left, size / 2);
          jle(smaller, T_NEAR);
        }
        emit_segment(size, true, channel, prepared);
        if (size > 16) jmp(done, T_NEAR);
        L(smaller);
      }
    } else {
      cmp(left, 16);
      jl(done, T_NEAR);
      emit_segment(16, false, channel, prepared);
    }
    L(done);
    leave();
  }

  void emit_constants() {
    segment_ = jit::vector_bytes(isa_);
    vpxor(Xmm(kZero), Xmm(kZero), Xmm(kZero));
    vpbroadcastw(reg(kZeroPoint), word[args_ + offsetof(DepthwiseCall, dst_zero_point)]);
    if (desc_.scales_result) vbroadcastss(reg(kScale), dword[args_ + offsetof(DepthwiseCall, dst_scale_inverse)]);
    jit::emit_load_constant(*this, isa_, kBound, std::bit_cast<uint32_t>(32767.0f));
  }

  /// All pixels of the call for the channels from `channel` on, `size` of them or with `masked` what k1 has.
  void emit_segment(int size, bool masked, const Reg64& channel, const Reg64& prepared) {
    segment_ = size;
    masked_ = masked;
    form_ == Form::kWalk ? emit_walk(channel, prepared) : emit_pixel(channel, prepared);
  }

  void emit_walk(const Reg64& channel, const Reg64& prepared) {
    std::vector<std::unique_ptr<ScopedGpr>> rows;
    for (int row = 0; row < kernel_rows(); ++row) {
      rows.emplace_back(new ScopedGpr(gpr_.take("row")));
      mov(*rows.back(), ptr[args_ + offsetof(DepthwiseCall, rows) + static_cast<std::size_t>(row) * 8]);
      add(*rows.back(), channel);
    }
    const ScopedGpr step = gpr_.take("step"), step3 = gpr_.take("step3"), dst = gpr_.take("dst"),
                    left = gpr_.take("pixels");
    mov(step, ptr[args_ + offsetof(DepthwiseCall, tap_bytes)]);
    lea(step3, ptr[step + step * 2]);
    mov(dst, ptr[args_ + offsetof(DepthwiseCall, dst)]);
    lea(dst, ptr[dst + channel * dst_size()]);
    mov(left, ptr[args_ + offsetof(DepthwiseCall, pixels)]);
    if (ring_) return emit_ring_walk(rows, step, dst, left, prepared);

    Xbyak::Label next_pixel;
    L(next_pixel);
    load_bias(prepared);
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      const auto source = [&](int tap) {
        const Reg64& row = *rows[static_cast<std::size_t>(tap / desc_.kernel[2])];
        const auto column = static_cast<int>(tap % desc_.kernel[2]);
        return column == 0 ? ptr[row] : column == 3 ? ptr[row + step3] : ptr[row + step * column];
      };
      emit_dot(static_cast<int>(g), interleave(groups_[g], source, -1), prepared);
    }
    emit_result(dst, prepared);
    for (const auto& row : rows) add(*row, ptr[args_ + offsetof(DepthwiseCall, pixel_bytes)]);
    add(dst, ptr[args_ + offsetof(DepthwiseCall, dst_bytes)]);
    dec(left);
    jnz(next_pixel, T_NEAR);
  }

  /// Each column of the source is interleaved once. Column c lies in place c mod kw of the ring; after kw pixels the
  /// places are where they were.
  void emit_ring_walk(const std::vector<std::unique_ptr<ScopedGpr>>& rows, const Reg64& step, const Reg64& dst,
                      const Reg64& left, const Reg64& prepared) {
    const int columns = static_cast<int>(desc_.kernel[2]), stride = static_cast<int>(desc_.strides[2]);
    const auto load_column = [&](int column) {
      interleave(
          groups_[0], [&](int tap) { return ptr[*rows[static_cast<std::size_t>(tap / columns)]]; },
          kRing + column % columns * 4);
      for (const auto& row : rows) add(*row, step);
    };
    for (int column = 0; column < columns - stride; ++column) load_column(column);
    Xbyak::Label next_round, done;
    L(next_round);
    for (int pixel = 0; pixel < columns; ++pixel) {
      load_bias(prepared);
      const int first = pixel * stride;
      for (int column = first + columns - stride; column < first + columns; ++column) load_column(column);
      for (int kw = 0; kw < columns; ++kw) {
        const int place = kRing + (first + kw) % columns * 4;
        emit_dot(kw, {place, place + 1, place + 2, place + 3}, prepared);
      }
      emit_result(dst, prepared);
      add(dst, ptr[args_ + offsetof(DepthwiseCall, dst_bytes)]);
      dec(left);
      jz(done, T_NEAR);
    }
    jmp(next_round, T_NEAR);
    L(done);
  }

  void emit_pixel(const Reg64& channel, const Reg64& prepared) {
    const ScopedGpr table = gpr_.take("taps"), dst = gpr_.take("dst");
    mov(table, ptr[args_ + offsetof(DepthwiseCall, taps)]);
    mov(dst, ptr[args_ + offsetof(DepthwiseCall, dst)]);
    lea(dst, ptr[dst + channel * dst_size()]);
    load_bias(prepared);
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      const auto source = [&](int tap) {
        mov(scratch_, ptr[table + tap * 8]);
        return ptr[scratch_ + channel];
      };
      emit_dot(static_cast<int>(g), interleave(groups_[g], source, -1), prepared);
    }
    emit_result(dst, prepared);
  }

  Address prepared_row(const Reg64& prepared, int64_t at, int64_t row) {
    return ptr[prepared + static_cast<int>(at + row * layout_.row_bytes())];
  }

  void load_bias(const Reg64& prepared) {
    for (int j = 0; j < 4; ++j) vmovups(reg(kAcc + j), prepared_row(prepared, 0, j));
  }

  /// The sources of a group, byte by byte side by side, in four registers from `to` on, or with -1 wherever.
  template <typename Source>
  std::array<int, 4> interleave(const TapGroup& group, const Source& source, int to) {
    std::array<int, 4> taps{};
    for (int i = 0; i < 4; ++i) {
      const int tap = group[static_cast<std::size_t>(i)];
      taps[static_cast<std::size_t>(i)] = tap < 0 ? kZero : kFirstSource + i;
      if (tap < 0) continue;
      const Address from = source(tap);
      masked_ ? vmovdqu8(reg(kFirstSource + i) | k1 | T_z, from) : vmovups(reg(kFirstSource + i), from);
    }
    constexpr int kPair = kFirstSource, kSecondPair = kFirstSource + 2, kHigh = kFirstSource + 4,
                  kSecondHigh = kFirstSource + 5;
    vpunpckhbw(reg(kHigh), reg(taps[0]), reg(taps[1]));
    vpunpcklbw(reg(kPair), reg(taps[0]), reg(taps[1]));
    const bool second_pair = group[2] >= 0;
    if (second_pair) {
      vpunpckhbw(reg(kSecondHigh), reg(taps[2]), reg(taps[3]));
      vpunpcklbw(reg(kSecondPair), reg(taps[2]), reg(taps[3]));
    }
    const int low = second_pair ? kSecondPair : kZero, high = second_pair ? kSecondHigh : kZero;
    const std::array<int, 4> places = to >= 0 ? std::array<int, 4>{to, to + 1, to + 2, to + 3}
                                              : std::array<int, 4>{kFirstSource + 1, kPair, kFirstSource + 3, kHigh};
    vpunpcklwd(reg(places[0]), reg(kPair), reg(low));
    vpunpckhwd(reg(places[1]), reg(kPair), reg(low));
    vpunpcklwd(reg(places[2]), reg(kHigh), reg(high));
    vpunpckhwd(reg(places[3]), reg(kHigh), reg(high));
    return places;
  }

  /// Adds the products of a group to the accumulators; without VNNI in words, whose sums of two never overflow.
  void emit_dot(int group, const std::array<int, 4>& sources, const Reg64& prepared) {
    const int64_t weights = layout_.weights() + group * layout_.rows_per_group * layout_.row_bytes();
    constexpr int kEven = kFirstSource + 5, kOdd = kFirstSource + 2;
    for (int j = 0; j < 4; ++j) {
      const Xmm acc = reg(kAcc + j), x = reg(sources[static_cast<std::size_t>(j)]);
      if (vnni()) {
        vpdpbusd(acc, x, prepared_row(prepared, weights, j));
        continue;
      }
      const Address low_bytes = constant(isa_, 0x00ff00ffU);
      avx512() ? vpandd(reg(kEven), x, low_bytes) : vpand(reg(kEven), x, low_bytes);
      vpsrlw(reg(kOdd), x, 8);
      vpmaddwd(reg(kEven), reg(kEven), prepared_row(prepared, weights, j));
      vpmaddwd(reg(kOdd), reg(kOdd), prepared_row(prepared, weights, 4 + j));
      vpaddd(acc, acc, reg(kEven));
      vpaddd(acc, acc, reg(kOdd));
    }
  }

  /// Real numbers, post-ops, rounding, and saturation on the way through words. The bound keeps large numbers within
  /// 32 bits; NaN passes it and becomes the lowest integer.
  void emit_result(const Reg64& dst, const Reg64& prepared) {
    for (int j = 0; j < 4; ++j) {
      vcvtdq2ps(reg(kAcc + j), reg(kAcc + j));
      vmulps(reg(kAcc + j), reg(kAcc + j), prepared_row(prepared, layout_.multipliers(), j));
      if (desc_.has_real_bias()) vaddps(reg(kAcc + j), reg(kAcc + j), prepared_row(prepared, layout_.real_biases(), j));
    }
    const int accumulators[] = {kAcc, kAcc + 1, kAcc + 2, kAcc + 3};
    emit_post_ops(*this, isa_, chain_, accumulators, resources_,
                  [](int, int, int) { throw std::logic_error("post-ops with operands run on plain loops"); });
    if (desc_.dst == DType::kF32) return store_real(dst);
    for (int j = 0; j < 4; ++j) {
      const Xmm acc = reg(kAcc + j);
      if (desc_.scales_result) vmulps(acc, acc, reg(kScale));
      vminps(acc, reg(kBound), acc);
      vcvtps2dq(acc, acc);
    }
    for (const int pair : {kAcc, kAcc + 2}) {
      vpackssdw(reg(pair), reg(pair), reg(pair + 1));
      vpaddsw(reg(pair), reg(pair), reg(kZeroPoint));
    }
    desc_.dst == DType::kS8 ? vpacksswb(reg(kAcc), reg(kAcc), reg(kAcc + 2))
                            : vpackuswb(reg(kAcc), reg(kAcc), reg(kAcc + 2));
    masked_ ? vmovdqu8(ptr[dst] | k1, reg(kAcc)) : vmovups(ptr[dst], reg(kAcc));
  }

  /// Stores the four accumulators as they are, in the order of channels: lane l of all four are 16 channels.
  void store_real(const Reg64& dst) {
    constexpr int kFirst = kFirstSource, kSecond = kFirstSource + 1, kThird = kFirstSource + 2,
                  kFourth = kFirstSource + 3;
    const auto out = [&](int i, int from, int bytes) {  // i-th register of the result
      const int channels = bytes / static_cast<int>(sizeof(float));
      const Address to = ptr[dst + i * bytes];
      if (!masked_) return vmovups(to, reg(from));
      kshiftrq(k2, k1, static_cast<uint8_t>(i * channels));
      vmovups(to | k2, reg(from));
    };
    if (segment_ == 16) {
      for (int j = 0; j < 4; ++j) out(j, kAcc + j, 16);
    } else if (segment_ == 32) {
      for (int lane = 0; lane < 2; ++lane) {
        for (const int pair : {0, 2}) {
          vperm2f128(Xbyak::Ymm(kFirst), Xbyak::Ymm(kAcc + pair), Xbyak::Ymm(kAcc + pair + 1), lane == 0 ? 0x20 : 0x31);
          out(lane * 2 + pair / 2, kFirst, 32);
        }
      }
    } else {
      constexpr uint8_t kLow = 0x44, kHigh = 0xee, kEven = 0x88, kOdd = 0xdd;
      using Xbyak::Zmm;
      vshuff32x4(Zmm(kFirst), Zmm(kAcc), Zmm(kAcc + 1), kLow);
      vshuff32x4(Zmm(kSecond), Zmm(kAcc), Zmm(kAcc + 1), kHigh);
      vshuff32x4(Zmm(kThird), Zmm(kAcc + 2), Zmm(kAcc + 3), kLow);
      vshuff32x4(Zmm(kFourth), Zmm(kAcc + 2), Zmm(kAcc + 3), kHigh);
      vshuff32x4(Zmm(kAcc), Zmm(kFirst), Zmm(kThird), kEven);
      vshuff32x4(Zmm(kAcc + 1), Zmm(kFirst), Zmm(kThird), kOdd);
      vshuff32x4(Zmm(kAcc + 2), Zmm(kSecond), Zmm(kFourth), kEven);
      vshuff32x4(Zmm(kAcc + 3), Zmm(kSecond), Zmm(kFourth), kOdd);
      for (int i = 0; i < 4; ++i) out(i, kAcc + i, 64);
    }
  }

  const QuantizedDepthwiseDesc desc_;
  const VectorIsa isa_;
  const Form form_;
  const PreparedLayout layout_;
  const std::vector<TapGroup> groups_;
  const PostOpChain chain_;  // behind the real bias
  bool ring_ = false;
  int segment_ = 16;
  bool masked_ = false;
  PostOpResources resources_;
  Reg64 scratch_;
  CallFunction function_ = nullptr;
};

class GeneratedQuantizedDepthwise final : public QuantizedDepthwiseKernel {
 public:
  explicit GeneratedQuantizedDepthwise(const QuantizedDepthwiseDesc& desc)
      : QuantizedDepthwiseKernel(desc), layout_(desc), groups_(tap_groups(desc)), pixel_(desc, Form::kPixel) {
    if (desc.kernel[0] * desc.kernel[1] <= kMaxRegisterRows && desc.kernel[2] <= kMaxRegisterColumns)
      walk_ = std::make_unique<QuantizedDepthwiseGenerator>(desc, Form::kWalk);
  }

  std::size_t scratch_bytes(int64_t channels) const override {
    return static_cast<std::size_t>(layout_.bytes(channels));
  }

 private:
  void prepare(const QuantizedDepthwiseArgs& args, std::byte* scratch) const override {
    for (int64_t panel = 0; panel * kPanelColumns < args.channels; ++panel) prepare_panel(args, panel, scratch);
  }

  /// Biases and multipliers with what is dynamic of the source, and the padding.
  void prepare_image(const QuantizedDepthwiseArgs& args, int64_t image, std::byte* scratch) const override {
    const int64_t row = layout_.row_bytes();
    const int32_t zero_point = args.zero_point_of(image);
    for (int64_t c = 0; c < args.channels; c += 4) {  // the four channels of one 128-bit place
      const auto count = std::min<int64_t>(4, args.channels - c);
      std::byte* block = scratch + c / layout_.block_channels * layout_.block_bytes();
      std::byte* place = block + c % 16 / 4 * row + c % layout_.block_channels / 16 * 16;
      uint32_t biases[4] = {};
      float multipliers[4] = {};
      for (int64_t i = 0; i < count; ++i) {
        if (args.bias != nullptr) biases[i] = static_cast<uint32_t>(args.bias[c + i]);
        if (args.dynamic_zero_point != nullptr)
          biases[i] -= static_cast<uint32_t>(zero_point) * static_cast<uint32_t>(args.weight_sums[c + i]);
        multipliers[i] = args.multipliers[args.multiplier_per_channel ? c + i : 0];
        if (args.dynamic_scale != nullptr) multipliers[i] *= args.scale_of(image);
      }
      std::memcpy(place, biases, sizeof(biases));
      std::memcpy(place + layout_.multipliers(), multipliers, sizeof(multipliers));
      if (!desc_.has_real_bias()) continue;
      float real_biases[4] = {};
      std::memcpy(real_biases, args.operands[0].data + c * sizeof(float),
                  static_cast<std::size_t>(count) * sizeof(float));
      std::memcpy(place + layout_.real_biases(), real_biases, sizeof(real_biases));
    }
    std::memset(scratch + layout_.padding(args.channels), zero_point,
                static_cast<std::size_t>(layout_.blocks(args.channels) * layout_.block_channels));
  }

  void prepare_panel(const QuantizedDepthwiseArgs& args, int64_t panel, std::byte* scratch) const {
    const int8_t* weights = args.weights + panel * desc_.taps() * kPanelColumns;
    const int64_t panels_per_block = layout_.block_channels / kPanelColumns, row = layout_.row_bytes();
    std::byte* to = scratch + panel / panels_per_block * layout_.block_bytes() + layout_.weights() +
                    panel % panels_per_block * kPanelColumns;
    for (const TapGroup& group : groups_) {
      __m128i taps[4];
      for (std::size_t i = 0; i < 4; ++i)
        taps[i] = group[i] < 0 ? _mm_setzero_si128()
                               : _mm_loadu_si128(reinterpret_cast<const __m128i*>(weights + group[i] * kPanelColumns));
      const __m128i low = _mm_unpacklo_epi8(taps[0], taps[1]), high = _mm_unpackhi_epi8(taps[0], taps[1]);
      const __m128i low2 = _mm_unpacklo_epi8(taps[2], taps[3]), high2 = _mm_unpackhi_epi8(taps[2], taps[3]);
      const __m128i rows[] = {_mm_unpacklo_epi16(low, low2), _mm_unpackhi_epi16(low, low2),
                              _mm_unpacklo_epi16(high, high2), _mm_unpackhi_epi16(high, high2)};
      for (int64_t j = 0; j < 4; ++j) {
        const auto store = [&](int64_t at, __m128i value) {
          _mm_storeu_si128(reinterpret_cast<__m128i*>(to + at * row), value);
        };
        if (layout_.rows_per_group == 4) {
          store(j, rows[j]);
        } else {
          store(j, _mm_srai_epi16(_mm_slli_epi16(rows[j], 8), 8));
          store(4 + j, _mm_srai_epi16(rows[j], 8));
        }
      }
      to += layout_.rows_per_group * row;
    }
  }

  void run_row(const QuantizedDepthwiseArgs& args, int64_t image, int64_t od, int64_t oh,
               std::byte* scratch) const override {
    // AVX2 has no masked moves of bytes: what 16s leave is done one by one.
    const int64_t channels = desc_.isa == Isa::kAvx2 ? args.channels / 16 * 16 : args.channels;
    if (channels > 0) run_row_generated(args, image, od, oh, channels, scratch);
    if (channels < args.channels) run_row_plain(args, image, od, oh, channels);
  }

  void run_row_generated(const QuantizedDepthwiseArgs& args, int64_t image, int64_t od, int64_t oh, int64_t channels,
                         std::byte* scratch) const {
    const auto element = static_cast<int64_t>(size_of(desc_.dst));
    DepthwiseCall call;
    call.prepared = scratch;
    call.channels = channels;
    call.tap_bytes = desc_.dilations[2] * args.src_pixel_stride;
    call.pixel_bytes = desc_.strides[2] * args.src_pixel_stride;
    call.dst_bytes = args.dst_pixel_stride * element;
    call.dst_scale_inverse = args.dst_scale_inverse;
    call.dst_zero_point = args.dst_zero_point;

    const DepthwiseRow row = depthwise_row(desc_, args, image, od, oh);
    const int64_t begin = row.begin, end = walk_ == nullptr ? begin : row.end;
    const auto run_pixels = [&](int64_t from, int64_t to) {
      for (int64_t ow = from; ow < to; ++ow) run_pixel(args, call, row, ow, scratch);
    };
    run_pixels(0, begin);
    if (end > begin) {
      for (std::size_t i = 0; i < row.rows; ++i)
        call.rows[i] = args.src + (row.pixels[i] + begin * desc_.strides[2] - args.pads[2]) * args.src_pixel_stride;
      call.pixels = end - begin;
      call.dst = args.dst + (row.first_pixel + begin) * args.dst_pixel_stride * element;
      walk_->function()(&call);
    }
    run_pixels(end, args.out[2]);
  }

  /// Taps in the padding read the pixel of zero points.
  void run_pixel(const QuantizedDepthwiseArgs& args, DepthwiseCall& call, const DepthwiseRow& row, int64_t ow,
                 const std::byte* scratch) const {
    std::array<const uint8_t*, kMaxQuantizedTaps> taps;
    const auto* padding = reinterpret_cast<const uint8_t*>(scratch + layout_.padding(args.channels));
    place_taps(desc_, args, row, ow, padding, taps.data());
    call.taps = taps.data();
    call.dst = args.dst + (row.first_pixel + ow) * call.dst_bytes;
    pixel_.function()(&call);
  }

  const PreparedLayout layout_;
  const std::vector<TapGroup> groups_;
  const QuantizedDepthwiseGenerator pixel_;
  std::unique_ptr<QuantizedDepthwiseGenerator> walk_;  // nullptr: the kernel is too large for addresses in registers
};

}  // namespace

Result<QuantizedDepthwiseKernelPtr> build_quantized_depthwise_generated(const QuantizedDepthwiseDesc& desc) {
  try {
    return QuantizedDepthwiseKernelPtr(std::make_shared<GeneratedQuantizedDepthwise>(desc));
  } catch (const std::exception& e) {  // Xbyak and RegisterPool throw; nothing above this does
    return Error{ErrorCode::kInternal, desc.name() + ": " + e.what()};
  }
}

}  // namespace tegula::kernels
