#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/result.h"
#include "tegula/tensor.h"

namespace tegula {

namespace runtime {
class ProgramState;
}

enum class LogLevel {
  kInfo,     ///< what was opened, bound or dropped, with sizes and times
  kWarning,  ///< it works, but slower than it could; the line says what to do
  kError,    ///< what the call returns as an Error, too
};
/// Called with one line at a time (no newline), on the thread whose call the line is about: possibly on several threads
/// at once, so it must be safe for that; and within those calls: it must not call the program or its
/// instances. What it throws is dropped. Nothing is reported by a run() that succeeds on shapes bound before. The
/// library itself never prints.
using LogCallback = std::function<void(LogLevel, std::string_view)>;

enum class Load {
  kMap,   ///< map the file read-only and use the weights where they lie; shared by all processes
  kCopy,  ///< read it into private memory: for files that somebody may truncate while they are in use
};

enum class Verify {
  kTables,  ///< checksums of header and tables, and every index, size and shape in them
  kFull,    ///< also the checksum of each weight segment: reads the whole file
};

struct OpenOptions {
  Load load = Load::kMap;
  Verify verify = Verify::kTables;
  /// Caps the instruction sets that kernels may use, by the names of TEGULA_MAX_ISA ("avx2", "reference",
  /// ...). Empty: what the CPU has, capped by the environment variable TEGULA_MAX_ISA.
  std::string max_isa = {};
  /// Plans kept for shapes seen before; the least recently used goes first. At least 1.
  std::size_t plan_cache_capacity = 64;
  /// Told what happens to the program and its instances, for as long as any of them lives. Empty: nobody is.
  LogCallback log = {};
};

/// A symbol that callers fix by the shapes they pass.
struct SymbolInfo {
  std::string name;
  int64_t min = 0;
  int64_t max = 0;
};

/// Where the compiler says the program came from.
struct ProvenanceInfo {
  std::string aotc_version, model_name, model_producer, configuration;
  uint64_t model_xxh3 = 0;
  std::vector<std::string> notes;
};

/// Inputs, and what a reference computed from them, kept in the file by `aotc compile --bundle`.
struct TestVector {
  std::vector<NamedConstTensor> inputs, outputs;
  /// Largest |program - reference| / largest |reference| over all outputs, measured when the program was compiled.
  double deviation = 0;
};

/// An opened program file: immutable, cheap to copy (a shared handle), safe to use from any thread. The mapping
/// lives as long as a Program, or an Instance made from it, does. A mapped file must not be truncated or
/// written while it is open (replace files by rename): a truncated mapping ends the process with SIGBUS.
class Program {
 public:
  /// Opens and validates. kInvalidFile: what is wrong, at which offset or index. No weight is read or copied
  /// unless asked for by `options` or compressed in the file.
  static Result<Program> open(const std::string& path, const OpenOptions& options = {});
  /// The same from memory, which must outlive the program and every instance, and not change meanwhile. Memory that is
  /// not aligned to 64 bytes is copied, as with Load::kCopy; a copied one may go or change after the call.
  static Result<Program> open(std::span<const std::byte> bytes, const OpenOptions& options = {});

  std::span<const TensorInfo> inputs() const;
  std::span<const TensorInfo> outputs() const;
  std::span<const SymbolInfo> symbols() const;
  const ProvenanceInfo& provenance() const;
  uint64_t file_bytes() const;

  /// The test vectors of the file; they point into it and live as long as the program does.
  std::vector<TestVector> test_vectors() const;

  /// Instruction sets in use, such as "avx2 avx512 avx512_vnni".
  std::string isa() const;

  const std::shared_ptr<const runtime::ProgramState>& state() const { return state_; }  ///< for the library itself

 private:
  explicit Program(std::shared_ptr<const runtime::ProgramState> state) : state_(std::move(state)) {}
  std::shared_ptr<const runtime::ProgramState> state_;
};

}  // namespace tegula
