#include "kernels/gemm/plain_tile.h"

#include <cmath>
#include <cstddef>

#include "kernels/gemm/pack.h"

namespace tegula::kernels {
namespace {

constexpr int64_t kElementBytes = sizeof(float);

struct PlainTile {
  const EpilogueDesc* epilogue = nullptr;
  int rows = 0;
  int panels = 0;
};

const float* byte_offset(const float* base, int64_t bytes) {
  return reinterpret_cast<const float*>(reinterpret_cast<const std::byte*>(base) + bytes);
}

float* byte_offset(float* base, int64_t bytes) {
  return reinterpret_cast<float*>(reinterpret_cast<std::byte*>(base) + bytes);
}

void run_plain_tile(const TileArgs* tile_args, const void* context) {
  const TileArgs& args = *tile_args;
  const PlainTile& tile = *static_cast<const PlainTile*>(context);
  EpilogueArgs epilogue_args{args.alpha, args.bias, {}};
  for (std::size_t i = 0; i < epilogue_args.operands.size(); ++i)
    epilogue_args.operands[i] = {args.operands[i].data, args.operands[i].row_bytes / kElementBytes};

  for (int row = 0; row < tile.rows; ++row) {
    for (int64_t column = 0; column < tile.panels * kPanelColumns; ++column) {
      const int64_t panel = column / kPanelColumns, lane = column % kPanelColumns;
      const int64_t partial = (row * tile.panels + panel) * kPanelColumns + lane;
      float sum = args.first_chunk ? 0.0f : args.partial[partial];
      const float* b = byte_offset(args.b, panel * args.panel_bytes) + lane;
      for (int64_t tap = 0; tap < args.taps; ++tap) {
        const float* const a = byte_offset(args.a, args.tap_offsets[tap] + row * args.lda_bytes);
        for (int64_t k = 0; k < args.k; ++k, b += kPanelColumns) sum = std::fma(a[k], *b, sum);
      }
      if (!args.last_chunk) {
        args.partial[partial] = sum;
      } else if (panel + 1 < tile.panels || lane < args.last_columns) {
        byte_offset(args.c, row * args.ldc_bytes)[column] =
            apply_epilogue(*tile.epilogue, epilogue_args, sum, row, column);
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
        tiles_[p][r] = {&desc_.epilogue, rows, panels};
        entries_[p][r] = {&run_plain_tile, &tiles_[p][r]};
      }
    }
  }

 private:
  std::array<std::array<PlainTile, kMaxRows + 1>, 3> tiles_{};
};

}  // namespace

Result<TileSetPtr> build_plain_tiles(const TileSetDesc& desc) {
  TEGULA_RETURN_IF_ERROR(check_epilogue(desc.epilogue));
  return TileSetPtr(std::make_shared<PlainTiles>(desc));
}

}  // namespace tegula::kernels
