#pragma once
#include <array>
#include <compare>
#include <memory>
#include <string>
#include <vector>

#include "jit/cpu_features.h"
#include "jit/vector_isa.h"
#include "kernels/gemm/epilogue.h"
#include "kernels/gemm/tile.h"
#include "schema/base/result.h"

namespace tegula::kernels {

/// Who computes the tiles. All give the same bits, but for bf16 products of kAvx512Bf16 and kAmxBf16.
enum class TileIsa : uint8_t { kPlain, kAvx2, kAvx512, kAvx2Vnni, kAvx512Vnni, kAvx512Bf16, kAmxInt8, kAmxBf16 };

constexpr std::string_view name_of(TileIsa isa) {
  switch (isa) {
    case TileIsa::kPlain: return "plain";
    case TileIsa::kAvx2: return "avx2";
    case TileIsa::kAvx512: return "avx512";
    case TileIsa::kAvx2Vnni: return "avx2_vnni";
    case TileIsa::kAvx512Vnni: return "avx512_vnni";
    case TileIsa::kAvx512Bf16: return "avx512_bf16";
    case TileIsa::kAmxInt8: return "amx_int8";
    case TileIsa::kAmxBf16: return "amx_bf16";
  }
  return "?";
}

/// The whole key of a TileSet.
struct TileSetDesc {
  TileIsa isa = TileIsa::kPlain;
  EpilogueDesc epilogue;
  TileTypes types = {};

  auto operator<=>(const TileSetDesc&) const = default;

  std::string name() const;  ///< "gemm_f32_avx512_bias+relu"
};

/// The microkernels of one epilogue: every tile shape up to heights(), so that whatever sizes are bound later need
/// no code. What gemm, matmul, conv and attention are made of. Immutable; safe for concurrent calls.
class TileSet {
 public:
  static constexpr int kMaxRows = kMostTileRows;

  virtual ~TileSet() = default;
  TileSet(const TileSet&) = delete;
  TileSet& operator=(const TileSet&) = delete;

  const TileSetDesc& desc() const { return desc_; }
  const TileHeights& heights() const { return heights_; }
  const TileBlocking& blocking() const { return blocking_; }

  struct Entry {
    TileFunction function = nullptr;
    const void* context = nullptr;
  };

  /// rows in 1 .. heights().of(panels), panels 1, 2 or 4.
  const Entry& entry(int rows, int panels) const {
    return entries_[static_cast<std::size_t>(panels / 2)][static_cast<std::size_t>(rows)];
  }
  void run(int rows, int panels, const TileArgs& args) const {
    const Entry& tile = entry(rows, panels);
    tile.function(&args, tile.context);
  }

  /// Whether tiles may hold rows that are not stored: TileArgs::stored.
  virtual bool skips_rows() const { return false; }
  /// Memory, aligned to 64 bytes, that passes from one run() to the next between begin() and finish(): TileArgs::state.
  virtual std::size_t state_bytes() const { return 0; }
  virtual void begin(void* /*state*/) const {}
  /// Writes what run() has left to write. What the tiles read and write must last until then, but for the scratch of
  /// sums of earlier tiles; args need not. Gives up what run() has loaded into the calling thread.
  virtual void finish(void* /*state*/) const {}

 protected:
  explicit TileSet(TileSetDesc desc) : desc_(std::move(desc)) {}

  TileSetDesc desc_;
  TileHeights heights_;
  TileBlocking blocking_;
  std::array<std::array<Entry, kMaxRows + 1>, 3> entries_{};  ///< [panels / 2][rows]
};

using TileSetPtr = std::shared_ptr<const TileSet>;

/// kUnsupported, naming the descriptor, for types that nobody multiplies and an epilogue that the tiles cannot compute.
Status check_tiles(const TileTypes& types, const EpilogueDesc& epilogue);

/// kUnsupported as check_tiles, or when the ISA has no tiles of these types.
Result<TileSetPtr> build_tiles(const TileSetDesc& desc);

/// The best implementation that `cpu` runs, and why better ones were declined ("avx512 declined: ...").
struct TileChoice {
  TileIsa isa = TileIsa::kPlain;
  std::vector<std::string> declined;
};
/// `depth`: K of the product where it is known; some implementations do not pay for small ones ("amx_int8 declined:
/// K=12 < 32").
Result<TileChoice> choose_tiles(const EpilogueDesc& desc, const jit::CpuFeatures& cpu, const TileTypes& types = {},
                                const TileDepth* depth = nullptr);

}  // namespace tegula::kernels
