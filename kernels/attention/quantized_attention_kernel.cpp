#include "kernels/attention/quantized_attention_kernel.h"

#include <algorithm>
#include <utility>

#include "kernels/attention/attention_rows.h"
#include "kernels/gemm/pack_activations.h"
#include "kernels/scratch.h"

namespace tegula::kernels {
namespace {

// Scores of one block of rows as f32: with their probabilities, keys and values within a 1 MiB L2.
constexpr int64_t kScoreBytes = 256 << 10;
constexpr int32_t kShift = 128;  // panels hold q - 128

EpilogueDesc integer_epilogue(int32_t left_zero_point, int32_t right_zero_point) {
  EpilogueDesc epilogue;
  if (left_zero_point != 0) epilogue.quantized.src_zero_point = DynamicValue::kPerTensor;
  epilogue.quantized.weight_zero_points = right_zero_point != kShift;
  return epilogue;
}

/// A right operand in scratch: its panels, their sums over k, and its zero point for each column.
struct RightOperand {
  PackedMatrix matrix;
  std::size_t panels, sums, zero_points, end;

  RightOperand(std::size_t at, int64_t k, int64_t n) : matrix{Packing::kN16K4, 1, k, n}, panels(at) {
    const auto columns = static_cast<std::size_t>(matrix.panels() * kPanelColumns) * sizeof(int32_t);
    sums = panels + whole_lines(static_cast<std::size_t>(matrix.bytes()));
    zero_points = sums + whole_lines(columns);
    end = zero_points + whole_lines(columns);
  }

  void pack(std::byte* scratch, const uint8_t* from, int64_t k_stride, int64_t n_stride, bool summed) const {
    pack_unsigned_activations(matrix, from, k_stride, n_stride, scratch + panels,
                              summed ? reinterpret_cast<int32_t*>(scratch + sums) : nullptr);
  }
  void fill_zero_points(std::byte* scratch, int32_t zero_point) const {
    std::fill_n(reinterpret_cast<int32_t*>(scratch + zero_points), matrix.panels() * kPanelColumns,
                zero_point - kShift);
  }
  /// Operands of a product by this one.
  void place(const std::byte* scratch, GemmArgs& args) const {
    args.b = scratch + panels;
    args.epilogue.quantized.weight_sums = reinterpret_cast<const int32_t*>(scratch + sums);
    args.epilogue.quantized.weight_zero_points = reinterpret_cast<const int32_t*>(scratch + zero_points);
  }
};

}  // namespace

/// Sizes, and the parts of a worker's scratch in bytes from its start.
struct QuantizedAttentionKernel::Layout : AttentionSizes {
  int64_t rows;
  RightOperand k, v;
  std::size_t scores, probabilities, mask, gemm, end;

  Layout(const QuantizedAttentionKernel& kernel, const Operands& o)
      : AttentionSizes(kernel.desc_.heads, kernel.desc_.kv_heads, o.q, o.k, o.v),
        rows(AttentionSizes::rows(kScoreBytes)),
        k(0, dim, seq_kv),
        v(k.end, seq_kv, value_dim) {
    scores = v.end;
    probabilities = scores + whole_lines(static_cast<std::size_t>(rows * seq_kv) * sizeof(float));
    mask = probabilities + whole_lines(static_cast<std::size_t>(rows * seq_kv));
    gemm = mask + whole_lines(static_cast<std::size_t>(seq_kv) * sizeof(float));
    end = gemm +
          std::max(kernel.scores_.scratch_bytes(score_shape(rows)), kernel.values_.scratch_bytes(value_shape(rows)));
  }
};

struct QuantizedAttentionKernel::Head {
  int64_t batch, index;
};

EpilogueDesc QuantizedAttentionKernel::score_epilogue(const QuantizedAttentionDesc& desc) {
  return integer_epilogue(desc.q_zero_point, desc.k_zero_point);
}

EpilogueDesc QuantizedAttentionKernel::value_epilogue(const QuantizedAttentionDesc& desc, DType dst) {
  EpilogueDesc epilogue = integer_epilogue(desc.probability.zero_point, desc.v_zero_point);
  epilogue.quantized.dst_scale = is_quantized(dst) && desc.dst.scale_inverse != FloatBits(1.0f);
  return epilogue;
}

QuantizedAttentionKernel::QuantizedAttentionKernel(const QuantizedAttentionDesc& desc, TileSetPtr score_tiles,
                                                   TileSetPtr value_tiles, SoftmaxCodePtr softmax,
                                                   RowConverter probabilities)
    : desc_(desc),
      scores_(std::move(score_tiles)),
      values_(std::move(value_tiles)),
      softmax_(std::move(softmax)),
      probabilities_(std::move(probabilities)) {}

int64_t QuantizedAttentionKernel::blocks(const Operands& operands, int workers) const {
  return AttentionSizes(desc_.heads, desc_.kv_heads, operands.q, operands.k, operands.v).blocks(workers);
}

std::size_t QuantizedAttentionKernel::scratch_bytes(const Operands& operands) const {
  return Layout(*this, operands).end;
}

/// Probabilities of `rows` rows of one head, as u8 in scratch.
void QuantizedAttentionKernel::score_rows(const Operands& o, const Head& head, int64_t first, int64_t rows,
                                          const Layout& layout, std::byte* scratch) const {
  auto* const scores = reinterpret_cast<float*>(scratch + layout.scores);
  const float scale = desc_.score_scale;
  GemmArgs args;
  args.a = attention_element<uint8_t>(o.q, head.batch, first, head.index * layout.dim);
  args.lda = o.q.strides[1];
  args.c = scores;
  args.ldc = layout.seq_kv;
  args.epilogue.quantized.multipliers = &scale;
  args.epilogue.quantized.src_zero_points = &desc_.q_zero_point;
  layout.k.place(scratch, args);
  scores_.run(layout.score_shape(rows), args, 0, 1, scratch + layout.gemm);
  for (int64_t row = 0; row < rows; ++row) {
    float* const line_of_scores = scores + row * layout.seq_kv;
    attention_softmax(*softmax_, line_of_scores, layout.seq_kv, 1.0f, desc_.causal, o.mask, head.batch, head.index,
                      first + row, reinterpret_cast<float*>(scratch + layout.mask));
    probabilities_(reinterpret_cast<const std::byte*>(line_of_scores),
                   scratch + layout.probabilities + row * layout.seq_kv, layout.seq_kv);
  }
}

void QuantizedAttentionKernel::run(const Operands& o, int64_t block, int64_t blocks, std::byte* scratch) const {
  const Layout layout(*this, o);
  const auto [units, all_rows] = layout.part(block, blocks);
  const float scale = desc_.value_scale;
  const auto dst_bytes = static_cast<int64_t>(size_of(o.dst.dtype));
  layout.k.fill_zero_points(scratch, desc_.k_zero_point);
  layout.v.fill_zero_points(scratch, desc_.v_zero_point);
  Head packed{-1, -1};  // of keys and values
  for (int64_t unit = units.begin; unit < units.begin + units.count; ++unit) {
    const Head head{unit / desc_.heads, unit % desc_.heads};
    const int64_t g = head.index * desc_.kv_heads / desc_.heads;
    if (head.batch != packed.batch || g != packed.index) {
      layout.k.pack(scratch, attention_element<const uint8_t>(o.k, head.batch, 0, g * layout.dim), 1, o.k.strides[1],
                    desc_.q_zero_point != 0);
      layout.v.pack(scratch, attention_element<const uint8_t>(o.v, head.batch, 0, g * layout.value_dim), o.v.strides[1],
                    1, desc_.probability.zero_point != 0);
      packed = {head.batch, g};
    }
    for (int64_t first = all_rows.begin; first < all_rows.begin + all_rows.count; first += layout.rows) {
      const int64_t rows = std::min(layout.rows, all_rows.begin + all_rows.count - first);
      score_rows(o, head, first, rows, layout, scratch);
      GemmArgs args;
      args.a = scratch + layout.probabilities;
      args.lda = layout.seq_kv;
      args.c = o.dst.data +
               (head.batch * o.dst.strides[0] + first * o.dst.strides[1] + head.index * layout.value_dim) * dst_bytes;
      args.ldc = o.dst.strides[1];
      args.epilogue.quantized.multipliers = &scale;
      args.epilogue.quantized.src_zero_points = &desc_.probability.zero_point;
      args.epilogue.quantized.dst_scale_inverse = desc_.dst.scale_inverse;
      args.epilogue.quantized.dst_zero_point = desc_.dst.zero_point;
      layout.v.place(scratch, args);
      values_.run(layout.value_shape(rows), args, 0, 1, scratch + layout.gemm);
    }
  }
}

}  // namespace tegula::kernels
