#include "kernels/gemm/amx_tiles.h"

#include <algorithm>
#include <cstddef>
#include <exception>
#include <type_traits>
#include <utility>

#include "kernels/gemm/amx_sums.h"
#include "kernels/gemm/generated_tiles.h"
#include "kernels/gemm/pack.h"
#include "kernels/gemm/split.h"

namespace tegula::kernels {
namespace {

// When AMX pays. The numbers follow from the rates of a 4th generation Xeon: a product of tiles takes a cycle per row
// of A whatever its depth, sixteen columns of vpdpbusd take half a cycle per row and group, storing and reloading sums
// takes about a cycle per row of sixteen.
/// K of a product, and of one tap of it, in groups of four bytes of A.
constexpr int64_t kFewestGroups = 16;
constexpr int64_t kFewestGroupsPerTap = 4;
/// Rows of a tile whose sums are integers, and so the same bits either way.
constexpr int kFewestRows = 3;

constexpr int kMostRows = 2 * kAmxRows;
constexpr int kMostPanels = 2;

TileIsa vector_isa(TileIsa isa) {
  return isa == TileIsa::kAmxInt8 ? TileIsa::kAvx512Vnni : TileIsa::kAvx512Bf16;
}

bool pays(int64_t groups, int64_t groups_per_tap) {
  return groups >= kFewestGroups && groups_per_tap >= kFewestGroupsPerTap;
}

class AmxTiles final : public TileSet {
 public:
  AmxTiles(const TileSetDesc& desc, TileSetPtr vectors)
      : TileSet(desc), vectors_(std::move(vectors)), sums_(desc.name() + "_sums", desc.isa == TileIsa::kAmxBf16) {
    heights_ = {kMostRows, kMostRows, 0};
    for (const PostOpDesc& post_op : desc.epilogue.post_ops) operands_ += post_op.operand != OperandKind::kNone;
    for (int panels = 1; panels <= kMostPanels; ++panels) {
      for (int rows = 1; rows <= kMostRows; ++rows) {
        const auto p = static_cast<std::size_t>(panels / 2), r = static_cast<std::size_t>(rows);
        shapes_[p][r] = {this, rows, panels};
        entries_[p][r] = {&run_shape, &shapes_[p][r]};
      }
    }
  }

  void release() const override { sums_.release(); }

 private:
  struct Shape {
    const AmxTiles* tiles = nullptr;
    int rows = 0;
    int panels = 0;
  };

  static void run_shape(const TileArgs* args, const void* context) {
    const Shape& shape = *static_cast<const Shape*>(context);
    shape.tiles->run_tile(shape.rows, shape.panels, *args);
  }

  void run_tile(int rows, int panels, const TileArgs& args) const;
  void run_vectors(int rows, int panels, const TileArgs& args) const;
  AmxSumArgs sum_args(int rows, const TileArgs& args) const;
  void skip_rows(int64_t rows, int panels, TileArgs& args) const;

  TileSetPtr vectors_;
  AmxSums sums_;
  std::size_t operands_ = 0;
  std::array<std::array<Shape, kMaxRows + 1>, 2> shapes_{};
};

void AmxTiles::run_tile(int rows, int panels, const TileArgs& args) const {
  const bool few_rows = desc_.types.integer() && rows < kFewestRows;
  if (few_rows || args.taps == 0 || !pays(args.depth_rows, args.k_step)) return run_vectors(rows, panels, args);

  alignas(kAmxRowBytes) std::byte remainder[kMostRows * kAmxRowBytes];
  alignas(kAmxRowBytes) std::byte own_sums[kMostRows * kMostPanels * kPanelRowBytes];
  AmxSumArgs sums = sum_args(rows, args);
  sums.remainder = remainder;
  sums.sums = args.first_chunk && args.last_chunk ? own_sums : args.partial;

  const auto palette = static_cast<uint32_t>(rows) | static_cast<uint32_t>(args.k_step) << 8;
  if (*args.amx_palette != palette) {
    sums_.configure(amx_palette(rows, args.k_step));
    *args.amx_palette = palette;
  }
  sums_.run(panels, sums);
  if (!args.last_chunk) return;

  TileArgs results = args;
  results.taps = results.k = 0;
  results.k_tail_bytes = 0;
  results.first_chunk = 0;
  results.partial = sums.sums;
  run_vectors(rows, panels, results);
}

AmxSumArgs AmxTiles::sum_args(int rows, const TileArgs& args) const {
  AmxSumArgs out;
  out.a = args.a;
  out.tap_offsets = args.tap_offsets;
  out.taps = args.taps;
  out.lda_bytes = args.lda_bytes;
  out.b = args.b;
  out.panel_bytes = args.panel_bytes;
  out.adds_to_sums = args.first_chunk ? 0 : 1;
  out.rows = rows;
  out.a_step_bytes = args.k_step * kGroupBytes;
  out.b_step_bytes = args.k_step * kPanelRowBytes;

  const int64_t groups = args.k + (args.k_tail_bytes > 0 ? 1 : 0);
  const int64_t steps = (groups + args.b_tap_skip / kPanelRowBytes) / args.k_step;
  const int64_t last = args.k * kGroupBytes + args.k_tail_bytes - (steps - 1) * out.a_step_bytes;
  const bool whole = last == out.a_step_bytes;
  out.whole_steps = whole ? steps : steps - 1;
  out.remainder_mask = whole ? 0 : (uint64_t{1} << last) - 1;

  out.prefetch = args.prefetch;
  if (args.prefetch_step > 0) out.prefetch_lines = ceil_div(args.k_step, 4) * args.prefetch_lines;
  out.prefetch_lines = ceil_div(out.prefetch_lines, 4) * 4;
  return out;
}

/// The tile in vector code, in parts that are low enough for it.
void AmxTiles::run_vectors(int rows, int panels, const TileArgs& args) const {
  const int64_t parts = ceil_div(rows, vectors_->heights().of(panels));
  TileArgs part_args = args;
  for (int64_t i = 0; i < parts; ++i) {
    const auto part_rows = static_cast<int>(even_part(rows, parts, i).count);
    vectors_->run(part_rows, panels, part_args);
    skip_rows(part_rows, panels, part_args);
  }
}

void AmxTiles::skip_rows(int64_t rows, int panels, TileArgs& args) const {
  const auto at = [](auto* pointer, int64_t bytes) {
    using Bytes =
        std::conditional_t<std::is_const_v<std::remove_pointer_t<decltype(pointer)>>, const std::byte, std::byte>;
    return static_cast<Bytes*>(pointer) + bytes;
  };
  args.a = at(args.a, rows * args.lda_bytes);
  args.c = at(args.c, rows * args.ldc_bytes);
  if (args.partial != nullptr) args.partial = at(args.partial, rows * panels * kPanelRowBytes);
  for (std::size_t i = 0; i < operands_; ++i)
    args.operands[i].data = at(args.operands[i].data, rows * args.operands[i].row_bytes);
  const QuantizedSumDesc& quantized = desc_.epilogue.quantized;
  if (quantized.weight_zero_points) args.row_sums += rows;
  if (quantized.src_zero_point == DynamicValue::kPerRow) args.src_zero_points += rows;
  if (quantized.src_scale == DynamicValue::kPerRow) args.src_scales += rows;
}

}  // namespace

std::string amx_refusal(const TileTypes& types, const TileDepth& depth) {
  if (pays(depth.total_rows(), depth.step())) return "";
  const int64_t elements = kGroupBytes / types.src_bytes();
  if (depth.total_rows() < kFewestGroups) return concat("K=", depth.taps * depth.k, " < ", kFewestGroups * elements);
  return concat("K=", depth.k, " of a tap < ", kFewestGroupsPerTap * elements);
}

Result<TileSetPtr> generate_amx_tiles(const TileSetDesc& desc) {
  TileSetDesc vectors = desc;
  vectors.isa = vector_isa(desc.isa);
  TEGULA_ASSIGN_OR_RETURN(TileSetPtr vector_tiles, generate_tiles(vectors));
  try {
    return TileSetPtr(std::make_shared<AmxTiles>(desc, std::move(vector_tiles)));
  } catch (const std::exception& error) {
    return Error{ErrorCode::kInternal, concat(desc.name(), ": ", error.what())};
  }
}

}  // namespace tegula::kernels
