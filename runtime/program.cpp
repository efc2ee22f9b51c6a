#include "tegula/program.h"

#include <cstdint>
#include <utility>

#include "runtime/no_throw.h"
#include "runtime/program_state.h"

namespace tegula {
namespace {

// One line: where from, what, what to do.
Error located(const std::string& source, Error error) {
  const bool has_advice = error.message.find("; ") != std::string::npos;
  if (error.code == ErrorCode::kInvalidFile && !has_advice) error.message += "; compile the model again";
  return Error{error.code, source + ": " + error.message};
}

// What an opened program is, and how fast it can be here.
void report(const runtime::ProgramState& state, const std::string& source, const char* how,
            const runtime::Stopwatch& watch) {
  const runtime::Log& log = state.log();
  if (!log) return;
  const jit::CpuFeatures machine = jit::CpuFeatures::detect();
  const bool is_capped = machine != state.features();
  log.info(source, ": ", how, " ", runtime::megabytes(state.file_bytes()), " in ", watch.text(), ", ",
           state.model().steps.size(), " steps, compiled by aotc ", state.provenance().aotc_version,
           "; instruction sets ", state.features().to_string(),
           is_capped ? concat(" (capped; this CPU has ", machine.to_string(), ")") : std::string());
  if (!state.features().avx2)
    log.warning(source, ": every step runs on plain loops: ",
                machine.avx2 ? "max_isa or TEGULA_MAX_ISA allows no AVX2; raise it" : "this CPU has no AVX2 with FMA");
}

}  // namespace

Result<Program> Program::open(const std::string& path, const OpenOptions& options) {
  const runtime::Stopwatch watch;
  return runtime::Log(options.log).checked(runtime::no_throw([&]() -> Result<Program> {
    TEGULA_ASSIGN_OR_RETURN(runtime::MappedFile mapped, runtime::MappedFile::open(path, options.load));
    const std::span<const std::byte> bytes = mapped.bytes();
    auto state = runtime::ProgramState::open(std::move(mapped), bytes, options);
    if (!state.ok()) return located(path, std::move(state).error());
    report(**state, path, options.load == Load::kMap ? "mapped" : "read", watch);
    return Program(*std::move(state));
  }));
}

Result<Program> Program::open(std::span<const std::byte> bytes, const OpenOptions& options) {
  const runtime::Stopwatch watch;
  return runtime::Log(options.log).checked(runtime::no_throw([&]() -> Result<Program> {
    const bool copies =
        options.load == Load::kCopy || reinterpret_cast<uintptr_t>(bytes.data()) % kTensorAlignment != 0;
    runtime::MappedFile mapped;
    if (copies) {
      TEGULA_ASSIGN_OR_RETURN(mapped, runtime::MappedFile::copy(bytes));
    }
    const std::span<const std::byte> used = copies ? mapped.bytes() : bytes;
    auto state = runtime::ProgramState::open(std::move(mapped), used, options);
    if (!state.ok()) return located("program in memory", std::move(state).error());
    report(**state, "program in memory", copies ? "copied" : "took", watch);
    return Program(*std::move(state));
  }));
}

std::span<const TensorInfo> Program::inputs() const {
  return state_->inputs();
}
std::span<const TensorInfo> Program::outputs() const {
  return state_->outputs();
}
std::span<const SymbolInfo> Program::symbols() const {
  return state_->symbols();
}
const ProvenanceInfo& Program::provenance() const {
  return state_->provenance();
}
uint64_t Program::file_bytes() const {
  return state_->file_bytes();
}
std::vector<TestVector> Program::test_vectors() const {
  return state_->test_vectors();
}
std::string Program::isa() const {
  return state_->features().to_string();
}

}  // namespace tegula
