#include "kernels/gemm/amx_tiles.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <exception>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

#include "kernels/gemm/amx_generator.h"
#include "kernels/gemm/generated_tiles.h"
#include "kernels/gemm/pack.h"
#include "kernels/gemm/split.h"

namespace tegula::kernels {
namespace {

// When AMX pays. The numbers follow from the rates of a 4th generation Xeon, in cycles for sixteen results: a product
// of tiles takes one whatever its depth, and their sums pass through memory in one and a half; a group of four bytes of
// A takes half a cycle of vpdpbusd, nearly two of vdpbf16ps.
/// K of a product, and of one tap of it, in groups.
struct FewestGroups {
  int64_t of_product = 0;
  int64_t of_tap = 0;
};
constexpr FewestGroups kFewestGroups[] = {{4, 2}, {8, 4}};  // bf16, integers

constexpr const FewestGroups& fewest_groups(const TileTypes& types) {
  return kFewestGroups[types.integer() ? 1 : 0];
}

/// Rows of a tile whose sums are integers, and so the same bits either way.
constexpr int kFewestRows = 3;

// Between one tile and the next pass 32 rows of A and two panels of B, 64 bytes per byte of K each: both stay in L1
// (48 KiB) up to 11 steps of 64 bytes. Beyond that a panel of 8 steps is kept while the tiles of several rows pass;
// their sums wait, and are loaded and stored once more for each piece.
constexpr int64_t kLongestK = 11 * 16;
constexpr int64_t kChunkK = 8 * 16;
constexpr int64_t kFewestTiles = 3;
/// Weights that may lie in L2 (2 MiB) since they were read last are not fetched into it again: where they do, that
/// costs 10 to 30 %; from L3 it brings nothing, from memory 10 to 40 % (measured on a 4th generation Xeon).
constexpr int64_t kPrefetchedBytes = 1536 << 10;
/// Multiply-adds of bytes that take some 5 us with all that is around them: a third of the tiles' peak. Of bf16 half.
constexpr double kSmallestBlock = 1 << 22;

constexpr int kMostRows = 2 * kAmxRows;
constexpr int kMostPanels = 2;

TileIsa vector_isa(TileIsa isa) {
  return isa == TileIsa::kAmxInt8 ? TileIsa::kAvx512Vnni : TileIsa::kAvx512Bf16;
}

bool pays(const TileTypes& types, int64_t groups, int64_t groups_per_tap) {
  return groups >= fewest_groups(types).of_product && groups_per_tap >= fewest_groups(types).of_tap;
}

/// Rows of C in a tile, in runs of at most so many rows that lie side by side in the tile.
struct Slices {
  int count = 0;
  int rows = 0;  // of all
  AmxSlice slices[kMostRows];

  void cut(int tile_rows, const StoredRows& stored, int most_rows);
};

void Slices::cut(int tile_rows, const StoredRows& stored, int most_rows) {
  const bool lines = stored.length > 0;
  const int length = lines ? stored.length : tile_rows, pitch = lines ? stored.pitch : tile_rows;
  int position = lines ? (stored.position + stored.first) % pitch : stored.first;
  int skipped = stored.first;
  count = rows = 0;
  for (int row = stored.first; row < tile_rows;) {
    if (position >= length) {
      skipped += pitch - position;
      row += pitch - position;
      position = 0;
      continue;
    }
    const int run = std::min({most_rows, length - position, tile_rows - row});
    slices[count++] = {static_cast<uint8_t>(skipped), static_cast<uint8_t>(run)};
    rows += run;
    skipped = 0;
    row += run;
    position += run;
  }
}

/// What passes from one tile to the next.
struct State {
  AmxCall call;          // its results: of the tile whose sums wait
  uint32_t palette = 0;  // which one is loaded; 0: none
  // The slices of a tile of so many rows, of which these are stored.
  int rows = 0;
  StoredRows stored;
  Slices slices;
  // Of the stored rows that wait: values whose memory the next tile may use.
  int32_t row_sums[kMostRows];
  int32_t zero_points[kMostRows];
  float scales[kMostRows];
  alignas(kAmxRowBytes) std::byte remainder[kMostRows * kAmxRowBytes];
  alignas(kPanelRowBytes) std::byte sums[kMostRows * kMostPanels * kPanelRowBytes];
};

class AmxTiles final : public TileSet {
 public:
  AmxTiles(const TileSetDesc& desc, TileSetPtr vectors)
      : TileSet(desc), vectors_(std::move(vectors)), code_(vectors_->desc()) {
    heights_ = {kMostRows, kMostRows, 0};
    blocking_ = {kLongestK, kChunkK, desc.types.integer() ? kSmallestBlock : kSmallestBlock / 2, kFewestTiles,
                 kPrefetchedBytes};
    for (const PostOpDesc& post_op : desc.epilogue.post_ops) operands_ += post_op.operand != OperandKind::kNone;
    for (int panels = 1; panels <= kMostPanels; ++panels) {
      for (int rows = 1; rows <= kMostRows; ++rows) {
        const auto p = static_cast<std::size_t>(panels / 2), r = static_cast<std::size_t>(rows);
        shapes_[p][r] = {this, rows, panels};
        entries_[p][r] = {&run_shape, &shapes_[p][r]};
      }
    }
  }

  bool skips_rows() const override { return true; }
  std::size_t state_bytes() const override { return sizeof(State); }
  void begin(void* state) const override { new (state) State; }
  void finish(void* state) const override {
    auto& own = *static_cast<State*>(state);
    if (own.call.slices_left > 0) code_.run_results(own.call);
    if (own.palette != 0) code_.release();
  }

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
  void place_products(int rows, const TileArgs& args, State& state) const;
  void place_results(int rows, int panels, const TileArgs& args, State& state) const;
  void skip_sums(int64_t rows, int panels, TileArgs& args) const;
  void skip_results(int64_t rows, TileArgs& args) const;

  TileSetPtr vectors_;
  AmxGenerator code_;
  std::size_t operands_ = 0;
  std::array<std::array<Shape, kMaxRows + 1>, 2> shapes_{};
};

void AmxTiles::run_tile(int rows, int panels, const TileArgs& args) const {
  const bool few_rows = desc_.types.integer() && rows < kFewestRows && args.stored == StoredRows{};
  if (few_rows || args.taps == 0 || !pays(desc_.types, args.depth_rows, args.k_step))
    return run_vectors(rows, panels, args);

  State& state = *static_cast<State*>(args.state);
  const auto palette = static_cast<uint32_t>(rows) | static_cast<uint32_t>(args.k_step) << 8;
  if (state.palette != palette) {
    code_.configure(amx_palette(rows, args.k_step));
    state.palette = palette;
  }
  place_products(rows, args, state);
  code_.run(panels, state.call);
  if (args.last_chunk) place_results(rows, panels, args, state);
}

void AmxTiles::place_products(int rows, const TileArgs& args, State& state) const {
  AmxCall& call = state.call;
  call.a = args.a;
  call.tap_offsets = args.tap_offsets;
  call.taps = args.taps;
  call.lda_bytes = args.lda_bytes;
  call.b = args.b;
  call.panel_bytes = args.panel_bytes;
  call.sums = args.first_chunk && args.last_chunk ? state.sums : args.partial;
  call.adds_to_sums = args.first_chunk ? 0 : 1;
  call.rows = rows;
  call.a_step_bytes = args.a_step_bytes;
  call.b_step_bytes = args.k_step * kPanelRowBytes;
  call.remainder = state.remainder;

  const int64_t groups = args.k + (args.k_tail_bytes > 0 ? 1 : 0);
  const int64_t steps = (groups + args.b_tap_skip / kPanelRowBytes) / args.k_step;
  const int64_t last = args.k * kGroupBytes + args.k_tail_bytes - (steps - 1) * args.k_step * kGroupBytes;
  const bool whole = last == args.k_step * kGroupBytes;
  call.whole_steps = whole ? steps : steps - 1;
  call.remainder_mask = whole ? 0 : (uint64_t{1} << last) - 1;
  call.slices_per_step = ceil_div(call.slices_left, steps * args.taps);

  call.prefetch = args.prefetch;
  call.prefetch_lines = args.prefetch_step > 0 ? ceil_div(ceil_div(args.k_step, 4) * args.prefetch_lines, 4) * 4 : 0;
}

/// The results of a tile whose sums are complete.
void AmxTiles::place_results(int rows, int panels, const TileArgs& args, State& state) const {
  if (state.rows != rows || state.stored != args.stored) {
    state.slices.cut(rows, args.stored, kAmxSliceRows);
    state.rows = rows;
    state.stored = args.stored;
  }
  AmxCall& call = state.call;
  std::memcpy(&call.results, &args, offsetof(TileArgs, operands) + operands_ * sizeof(TileOperand));
  call.results.partial = call.sums;
  call.slices = state.slices.slices;
  call.slices_left = state.slices.count;
  call.results_code = code_.results_code(panels);

  const QuantizedSumDesc& quantized = desc_.epilogue.quantized;
  const auto keep = [&](const auto*& values, auto* own) {
    std::copy_n(values, state.slices.rows, own);
    values = own;
  };
  if (quantized.weight_zero_points) {
    int32_t* to = state.row_sums;
    const int32_t* from = args.row_sums;
    for (const AmxSlice& slice : std::span(state.slices.slices).first(static_cast<std::size_t>(state.slices.count))) {
      from += slice.skipped;
      to = std::copy_n(from, slice.rows, to);
      from += slice.rows;
    }
    call.results.row_sums = state.row_sums;
  }
  if (quantized.src_zero_point == DynamicValue::kPerRow) keep(call.results.src_zero_points, state.zero_points);
  if (quantized.src_scale == DynamicValue::kPerRow) keep(call.results.src_scales, state.scales);
}

/// The tile in vector code, in slices that are low enough for it.
void AmxTiles::run_vectors(int rows, int panels, const TileArgs& args) const {
  Slices slices;
  slices.cut(rows, args.stored, vectors_->heights().of(panels));
  TileArgs slice_args = args;
  for (int i = 0; i < slices.count; ++i) {
    const AmxSlice& slice = slices.slices[i];
    skip_sums(slice.skipped, panels, slice_args);
    vectors_->run(slice.rows, panels, slice_args);
    skip_sums(slice.rows, panels, slice_args);
    skip_results(slice.rows, slice_args);
  }
}

template <typename T>
T* moved(T* pointer, int64_t bytes) {
  using Bytes = std::conditional_t<std::is_const_v<T>, const std::byte, std::byte>;
  return reinterpret_cast<T*>(reinterpret_cast<Bytes*>(pointer) + bytes);
}

void AmxTiles::skip_sums(int64_t rows, int panels, TileArgs& args) const {
  args.a = moved(args.a, rows * args.lda_bytes);
  if (args.partial != nullptr) args.partial = moved(args.partial, rows * panels * kPanelRowBytes);
  if (desc_.epilogue.quantized.weight_zero_points) args.row_sums += rows;
}

void AmxTiles::skip_results(int64_t rows, TileArgs& args) const {
  args.c = moved(args.c, rows * args.ldc_bytes);
  for (std::size_t i = 0; i < operands_; ++i)
    args.operands[i].data = moved(args.operands[i].data, rows * args.operands[i].row_bytes);
  const QuantizedSumDesc& quantized = desc_.epilogue.quantized;
  if (quantized.src_zero_point == DynamicValue::kPerRow) args.src_zero_points += rows;
  if (quantized.src_scale == DynamicValue::kPerRow) args.src_scales += rows;
}

}  // namespace

std::string amx_refusal(const TileTypes& types, const TileDepth& depth) {
  if (pays(types, depth.total_rows(), depth.step())) return "";
  const int64_t elements = kGroupBytes / types.src_bytes();
  const FewestGroups& fewest = fewest_groups(types);
  if (depth.total_rows() < fewest.of_product)
    return concat("K=", depth.taps * depth.k, " < ", fewest.of_product * elements);
  return concat("K=", depth.k, " of a tap < ", fewest.of_tap * elements);
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
