#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace tegula {

/// The first bytes of a program file. Little endian, like everything in the file.
///
///   [FileHeader, padded to kTablesOffset][FlatBuffers tables][segments, each at its alignment]
struct FileHeader {
  std::array<char, 8> magic;   ///< kMagic
  uint32_t format_version;     ///< kFormatVersion of the writer
  uint32_t min_reader_version; ///< a reader with a smaller kFormatVersion must refuse the file
  uint64_t file_bytes;         ///< size of the whole file: a shorter file was truncated
  uint64_t tables_offset;      ///< kTablesOffset
  uint64_t tables_bytes;
  uint64_t tables_xxh3;        ///< XXH3-64 of the tables
  uint64_t reserved;           ///< 0
  uint64_t header_xxh3;        ///< XXH3-64 of the bytes before this field
};
static_assert(sizeof(FileHeader) == 64);

/// CR LF and the high byte catch transfers that rewrite line ends or strip the eighth bit.
inline constexpr std::array<char, 8> kMagic = {'T', 'G', 'L', '\x89', '\r', '\n', '\x1a', '\n'};
inline constexpr uint32_t kFormatVersion = 1;
inline constexpr uint32_t kMinReaderVersion = 1;
/// Version of the arithmetic that kernels/README.md, "Numbers", fixes to the bit.
inline constexpr uint32_t kNumericsVersion = 1;

inline constexpr uint64_t kTablesOffset = sizeof(FileHeader);
inline constexpr uint64_t kSegmentAlignment = 4096;
inline constexpr uint64_t kLargeSegmentBytes = 8u << 20;      ///< from here on ...
inline constexpr uint64_t kLargeSegmentAlignment = 2u << 20;  ///< ... for huge pages
inline constexpr uint64_t kTensorAlignment = 64;              ///< of each tensor within its segment

/// How the elements of a constant are ordered. Numbers are stored in files.
enum class Packing : uint8_t {
  kPlain = 0,      ///< row-major over the value's dims
  kN16K1 = 1,      ///< f32 panels of 16 columns: [N/16][K][16]
  kN16K2 = 2,      ///< bf16, K in groups of 2: [N/16][K/2][16][2]
  kN16K4 = 3,      ///< s8, K in groups of 4: [N/16][K/4][16][4]
  kDepthwise = 4,  ///< [C/16][taps][16], zero-padded channels
};
constexpr bool is_valid(Packing packing) { return packing <= Packing::kDepthwise; }

/// Where a value lives. Numbers are stored in files.
enum class Storage : uint8_t {
  kArena = 0,     ///< the plan gives it a place in the activation arena
  kConstant = 1,  ///< bytes of a segment
  kInput = 2,     ///< the caller's buffer
  kOutput = 3,    ///< the caller's buffer
  kView = 4,      ///< part of another value
};
constexpr bool is_valid(Storage storage) { return storage <= Storage::kView; }

/// XXH3-64 with seed 0, of tables, segments and source models.
uint64_t checksum(const void* data, std::size_t bytes);

}  // namespace tegula
