#include "kernels/gemm/plain_tile.h"

#include <cmath>
#include <cstddef>
#include <type_traits>

#include "kernels/float16.h"
#include "kernels/gemm/pack.h"
#include "kernels/quantize/requantize.h"

namespace tegula::kernels {
namespace {

struct PlainTile {
  const TileSetDesc* desc = nullptr;
  int rows = 0;
  int panels = 0;
};

template <typename T>
const T* at(const void* base, int64_t bytes) {
  return reinterpret_cast<const T*>(static_cast<const std::byte*>(base) + bytes);
}

// What a product of two elements adds to a sum.
struct F32Product {
  using Element = float;
  using Weight = float;
  using Sum = float;
  static constexpr int64_t kGroup = 1;
  static float add(float a, float b, float sum) { return std::fma(a, b, sum); }
};
struct Bf16Product {
  using Element = uint16_t;
  using Weight = uint16_t;
  using Sum = float;
  static constexpr int64_t kGroup = 2;
  static float add(uint16_t a, uint16_t b, float sum) { return std::fma(f32_from_bf16(a), f32_from_bf16(b), sum); }
};
struct IntegerProduct {
  using Element = uint8_t;
  using Weight = int8_t;
  using Sum = uint32_t;
  static constexpr int64_t kGroup = 4;
  static uint32_t add(uint8_t a, int8_t b, uint32_t sum) { return sum + static_cast<uint32_t>(int32_t{a} * b); }
};
struct F32S8Product {
  using Element = float;
  using Weight = int8_t;
  using Sum = float;
  static constexpr int64_t kGroup = 4;
  static float add(float a, int8_t b, float sum) { return std::fma(a, static_cast<float>(b), sum); }
};
struct Bf16S8Product {
  using Element = uint16_t;
  using Weight = int8_t;
  using Sum = float;
  static constexpr int64_t kGroup = 4;
  static float add(uint16_t a, int8_t b, float sum) { return std::fma(f32_from_bf16(a), static_cast<float>(b), sum); }
};

EpilogueArgs epilogue_of(const TileArgs& args, const EpilogueDesc& desc) {
  EpilogueArgs epilogue;
  epilogue.alpha = args.alpha;
  epilogue.bias = static_cast<const float*>(args.bias);
  epilogue.weight_scales = args.multipliers;
  std::size_t next = 0;
  for (const PostOpDesc& post_op : desc.post_ops) {
    if (post_op.operand == OperandKind::kNone) continue;
    const TileOperand& operand = args.operands[next];
    epilogue.operands[next++] = {operand.data, operand.row_bytes / static_cast<int64_t>(size_of(post_op.operand_dtype)),
                                 operand.scale[0], operand.zero_point[0]};
  }
  epilogue.quantized = {static_cast<const int32_t*>(args.bias),
                        args.multipliers,
                        args.weight_zero_points,
                        args.weight_sums,
                        args.src_zero_points,
                        args.src_scales,
                        args.dst_scale_inverse,
                        static_cast<int32_t>(args.dst_zero_point)};
  return epilogue;
}

void store(const QuantizedSumArgs& quantized, DType dtype, void* row, int64_t column, float x) {
  switch (dtype) {
    case DType::kU8:
      static_cast<uint8_t*>(row)[column] =
          requantize<uint8_t>(x, quantized.dst_scale_inverse, quantized.dst_zero_point);
      break;
    case DType::kS8:
      static_cast<int8_t*>(row)[column] = requantize<int8_t>(x, quantized.dst_scale_inverse, quantized.dst_zero_point);
      break;
    case DType::kBF16: static_cast<uint16_t*>(row)[column] = bf16_from_f32(x); break;
    default: static_cast<float*>(row)[column] = x;
  }
}

template <typename Product>
void run_plain_tile(const TileArgs* tile_args, const void* context) {
  using Sum = typename Product::Sum;
  const TileArgs& args = *tile_args;
  const PlainTile& tile = *static_cast<const PlainTile*>(context);
  const EpilogueDesc& desc = tile.desc->epilogue;
  const DType dst = tile.desc->types.dst;
  const EpilogueArgs epilogue = epilogue_of(args, desc);
  constexpr auto kBytes = static_cast<int64_t>(sizeof(typename Product::Element));
  constexpr int64_t kGroup = Product::kGroup;
  const int64_t k_per_tap = args.k * kGroup + args.k_tail_bytes / kBytes;
  const int64_t tap_rows = args.k + (args.k_tail_bytes > 0 ? 1 : 0);

  for (int row = 0; row < tile.rows; ++row) {
    for (int64_t column = 0; column < tile.panels * kPanelColumns; ++column) {
      const int64_t panel = column / kPanelColumns, lane = column % kPanelColumns;
      const int64_t partial = (row * tile.panels + panel) * kPanelColumns + lane;
      Sum sum = args.first_chunk ? Sum{} : static_cast<const Sum*>(args.partial)[partial];
      int64_t b_offset = panel * args.panel_bytes;
      for (int64_t tap = 0; tap < args.taps; ++tap) {
        const auto* const a = at<typename Product::Element>(args.a, args.tap_offsets[tap] + row * args.lda_bytes);
        const auto* const b = at<typename Product::Weight>(args.b, b_offset) + lane * kGroup;
        for (int64_t k = 0; k < k_per_tap; ++k)
          sum = Product::add(a[k], b[k / kGroup * kGroup * kPanelColumns + k % kGroup], sum);
        b_offset += tap_rows * kPanelRowBytes + args.b_tap_skip;
      }
      if (!args.last_chunk) {
        static_cast<Sum*>(args.partial)[partial] = sum;
        continue;
      }
      if (panel + 1 == tile.panels && lane >= args.last_columns) continue;
      void* const c = static_cast<std::byte*>(args.c) + row * args.ldc_bytes;
      if constexpr (std::is_same_v<Product, IntegerProduct>) {
        const uint32_t row_sum = desc.quantized.weight_zero_points ? static_cast<uint32_t>(args.row_sums[row]) : 0;
        const int32_t acc = complete_integer_sum(desc, epilogue.quantized, sum, row_sum,
                                                 static_cast<uint32_t>(args.depth), row, column);
        if (dst == DType::kS32)
          static_cast<int32_t*>(c)[column] = acc;
        else
          store(epilogue.quantized, dst, c, column, apply_quantized_epilogue(desc, epilogue, acc, row, column));
      } else {
        store(epilogue.quantized, dst, c, column, apply_epilogue(desc, epilogue, sum, row, column));
      }
    }
  }
}

class PlainTiles final : public TileSet {
 public:
  explicit PlainTiles(const TileSetDesc& desc) : TileSet(desc) {
    heights_ = {4, 4, 1};
    for (const int panels : {1, 2, 4}) {
      for (int rows = 1; rows <= heights_.of(panels); ++rows) {
        const auto p = static_cast<std::size_t>(panels / 2), r = static_cast<std::size_t>(rows);
        tiles_[p][r] = {&desc_, rows, panels};
        entries_[p][r] = {function(), &tiles_[p][r]};
      }
    }
  }

 private:
  TileFunction function() const {
    if (desc_.types.integer()) return &run_plain_tile<IntegerProduct>;
    const bool bf16 = desc_.types.src == DType::kBF16;
    if (desc_.types.weight_only()) return bf16 ? &run_plain_tile<Bf16S8Product> : &run_plain_tile<F32S8Product>;
    return bf16 ? &run_plain_tile<Bf16Product> : &run_plain_tile<F32Product>;
  }

  std::array<std::array<PlainTile, kMaxRows + 1>, 3> tiles_{};
};

}  // namespace

Result<TileSetPtr> build_plain_tiles(const TileSetDesc& desc) {
  TEGULA_RETURN_IF_ERROR(check_tiles(desc.types, desc.epilogue));
  return TileSetPtr(std::make_shared<PlainTiles>(desc));
}

}  // namespace tegula::kernels
