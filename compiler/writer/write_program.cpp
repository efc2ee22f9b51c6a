#include <algorithm>

#include "compiler/driver/compile.h"
#include "compiler/lowering/lower_program.h"
#include "compiler/writer/program_file.h"
#include "schema/base/check.h"
#include "schema/file_layout.h"
#include "schema/printable.h"

namespace tegula::compiler {
namespace {

/// Constants are put into segments of about this size in the order in which steps first use them: large enough that the
/// alignment for huge pages wastes little, small enough that several threads decompress a file.
constexpr uint64_t kSegmentBytes = 64u << 20;

/// Gives every constant its segment and offset, contents that several values share one place.
std::vector<SegmentSource> lay_out(LoweredProgram& program, const ConstantStore& store) {
  struct Place {
    uint32_t segment;
    uint64_t offset;
  };
  std::vector<SegmentSource> segments;
  std::vector<std::optional<Place>> places(store.size());
  for (std::size_t i = 0; i < program.contents.size(); ++i) {
    if (program.contents[i] < 0) continue;
    const auto content = static_cast<uint32_t>(program.contents[i]);
    std::optional<Place>& place = places[content];
    if (!place) {
      if (segments.empty() || segments.back().bytes() >= kSegmentBytes) segments.emplace_back();
      const uint64_t end = segments.back().bytes();
      const uint64_t offset = (end + kTensorAlignment - 1) / kTensorAlignment * kTensorAlignment;
      place = Place{static_cast<uint32_t>(segments.size() - 1), offset};
      segments.back().parts.push_back({offset, store.bytes(content)});
    }
    program.tables.values[i]->segment = place->segment;
    program.tables.values[i]->offset = place->offset;
  }
  return segments;
}

std::unique_ptr<schema::ProvenanceT> provenance(const Graph& graph, const ModelInfo& info,
                                                const WriteOptions& options) {
  auto result = std::make_unique<schema::ProvenanceT>();
  result->aotc_version = TEGULA_VERSION;
  result->model_name = info.file_name;
  result->model_xxh3 = info.xxh3;
  result->model_producer = info.producer;
  result->configuration = options.configuration;
  result->calibration_xxh3 = options.calibration_xxh3;
  result->notes = graph.notes;
  return result;
}

void fill(WriteReport& report, const schema::ProgramT& tables, std::span<const SegmentSource> segments) {
  report.steps = static_cast<int64_t>(tables.steps.size());
  for (const auto& step : tables.steps) ++report.step_kinds[schema::EnumNameStepAttributes(step->attributes.type)];
  for (const SegmentSource& segment : segments)
    for (const SegmentSource::Part& part : segment.parts) report.constant_bytes += part.bytes.size();
}

/// Lowers, then calls write(tables, segments) while the constants' bytes are there. `folder` takes a temporary file.
template <typename R, typename Write>
R lower_and_write(const Graph& graph, const ModelInfo& info, const WriteOptions& options, WriteReport* report,
                  const std::filesystem::path& folder, Write&& write) {
  try {
    ConstantStore store(folder);
    auto lowered = lower_program(graph, store, options.progress);
    if (!lowered.ok()) return Error{lowered.error().code, printable(lowered.error().message, kLongestMessage)};
    LoweredProgram& program = *lowered;
    TEGULA_RETURN_IF_ERROR(store.finish());
    const std::vector<SegmentSource> segments = lay_out(program, store);
    program.tables.provenance = provenance(graph, info, options);
    if (report) fill(*report, program.tables, segments);
    return write(program.tables, segments);
  } catch (const InternalError& error) {
    return Error{ErrorCode::kInternal, printable(error.what(), kLongestMessage)};
  }
}

}  // namespace

Status write_program(const Graph& graph, const ModelInfo& info, const WriteOptions& options,
                     const std::filesystem::path& path, WriteReport* report) {
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  return lower_and_write<Status>(
      graph, info, options, report, folder, [&](schema::ProgramT& tables, const auto& segments) {
        return write_program_file(tables, segments, options.compress, path, options.progress);
      });
}

Status write_program(const Graph& graph, const ModelInfo& info, const WriteOptions& options,
                     const std::filesystem::path& folder, const data::FileSink& sink) {
  return lower_and_write<Status>(
      graph, info, options, nullptr, folder, [&](schema::ProgramT& tables, const auto& segments) {
        return write_program_file(tables, segments, options.compress, sink, options.progress);
      });
}

Result<std::vector<std::byte>> write_program(const Graph& graph, const ModelInfo& info, const WriteOptions& options,
                                             WriteReport* report) {
  std::error_code failure;
  const std::filesystem::path folder = std::filesystem::temp_directory_path(failure);
  if (failure) return Error{ErrorCode::kInvalidArgument, concat("no folder for temporary files: ", failure.message())};
  using Bytes = Result<std::vector<std::byte>>;
  return lower_and_write<Bytes>(graph, info, options, report, folder,
                                [&](schema::ProgramT& tables, const auto& segments) {
                                  return assemble_program_file(tables, segments, options.compress);
                                });
}

}  // namespace tegula::compiler
