#include "runtime/program_state.h"

#include <utility>

#include "runtime/loader/validate_program.h"
#include "runtime/plan/bind_kernels.h"
#include "runtime/plan/bind_values.h"
#include "schema/expression_text.h"

namespace tegula::runtime {
namespace {

std::string text_of(const flatbuffers::String* string) {
  return string == nullptr ? std::string() : string->str();
}

std::vector<TensorInfo> describe(const ProgramModel& model, const std::vector<ProgramModel::Port>& ports) {
  const auto symbol_name = [&](std::size_t i) -> std::string_view { return model.symbols[i].name; };
  std::vector<TensorInfo> infos;
  for (const ProgramModel::Port& port : ports) {
    const ProgramModel::Value& value = model.values[port.value];
    TensorInfo info{std::string(port.name), value.dtype, {}, !port.element_symbols.empty()};
    for (const ProgramModel::Expression dim : value.shape()) {
      if (model.is_constant[dim]) {
        info.dims.push_back({model.constant_expressions[dim], {}});
      } else {
        info.dims.push_back({-1, expression_text(model.expressions, symbol_name, dim)});
      }
    }
    infos.push_back(std::move(info));
  }
  return infos;
}

ProvenanceInfo describe(const schema::Provenance* provenance) {
  ProvenanceInfo info;
  if (provenance == nullptr) return info;
  info.aotc_version = text_of(provenance->aotc_version());
  info.model_name = text_of(provenance->model_name());
  info.model_producer = text_of(provenance->model_producer());
  info.configuration = text_of(provenance->configuration());
  info.model_xxh3 = provenance->model_xxh3();
  if (provenance->notes() != nullptr)
    for (const flatbuffers::String* note : *provenance->notes()) info.notes.push_back(note->str());
  return info;
}

// "x=[1,3,224,224], ids=[8]": the inputs of a plan.
std::string shapes_text(const ProgramModel& model, const Plan& plan) {
  std::string text;
  for (const ProgramModel::Port& port : model.inputs)
    text += concat(text.empty() ? "" : ", ", quoted(port.name), " ", to_string(plan.values[port.value].shape()));
  return text.empty() ? "no inputs" : text;
}

Result<jit::CpuFeatures> choose_features(const std::string& max_isa) {
  if (max_isa.empty()) return jit::CpuFeatures::detect_capped();
  TEGULA_ASSIGN_OR_RETURN(const jit::CpuFeatures cap, jit::CpuFeatures::from_name(max_isa));
  return jit::CpuFeatures::detect().intersect(cap);
}

void report_decompression(const Log& log, const SegmentBytes& segments, const Stopwatch& watch) {
  uint64_t count = 0, bytes = 0;
  for (const MemoryBlock& block : segments.decompressed) {
    count += block.bytes() > 0 ? 1 : 0;
    bytes += block.bytes();
  }
  if (count > 0)
    log.info("decompressed ", count, count == 1 ? " segment" : " segments", " into ", megabytes(bytes),
             " of private memory in ", watch.text(), " (aotc unpack makes a file that needs neither)");
}

}  // namespace

Result<std::shared_ptr<const ProgramState>> ProgramState::open(MappedFile mapped, std::span<const std::byte> file,
                                                               const OpenOptions& options) {
  TEGULA_ASSIGN_OR_RETURN(const jit::CpuFeatures features, choose_features(options.max_isa));
  TEGULA_ASSIGN_OR_RETURN(Tables tables, read_tables(file));
  TEGULA_ASSIGN_OR_RETURN(ProgramModel model, validate_program(std::move(tables), file.size()));
  TEGULA_RETURN_IF_ERROR(check_operators(model));
  const Stopwatch watch;
  TEGULA_ASSIGN_OR_RETURN(SegmentBytes segments, load_segments(model, file, options.verify));
  report_decompression(Log(options.log), segments, watch);
  return std::shared_ptr<const ProgramState>(
      new ProgramState(std::move(mapped), file, std::move(model), std::move(segments), features, options));
}

ProgramState::ProgramState(MappedFile mapped, std::span<const std::byte> file, ProgramModel model,
                           SegmentBytes segments, const jit::CpuFeatures& features, const OpenOptions& options)
    : log_(options.log),
      mapped_(std::move(mapped)),
      file_(file),
      model_(std::move(model)),
      segments_(std::move(segments)),
      features_(features),
      key_layout_(model_),
      prototypes_(make_prototypes(model_, segments_.spans)),
      lifetimes_(find_lifetimes(model_)),
      in_place_candidates_(find_in_place_candidates(model_, lifetimes_)),
      inputs_(describe(model_, model_.inputs)),
      outputs_(describe(model_, model_.outputs)),
      provenance_(describe(model_.tables.program->provenance())),
      plans_(options.plan_cache_capacity) {
  for (const ProgramModel::Step& step : model_.steps)
    for (const int32_t value : step.writes)
      if (model_.base_of(value) != value) written_views_.push_back(value);
  for (const ProgramModel::Symbol& symbol : model_.symbols)
    symbols_.push_back({std::string(symbol.name), symbol.min, symbol.max});
}

Result<std::shared_ptr<const Plan>> ProgramState::plan_for(std::span<const int64_t> key) const {
  if (std::shared_ptr<const Plan> plan = plans_.find(key)) return plan;
  const Stopwatch watch;
  const int64_t kernels = kernels_.generated().kernels, nanoseconds = kernels_.generated().nanoseconds;
  TEGULA_ASSIGN_OR_RETURN(std::shared_ptr<const Plan> plan, make_plan(*this, key));
  if (log_) report(*plan, watch, kernels, nanoseconds);
  const PlanCache::Kept kept = plans_.insert(key, std::move(plan));
  if (log_ && kept.evicted) report_eviction(*kept.evicted);
  return kept.plan;
}

void ProgramState::report(const Plan& plan, const Stopwatch& watch, int64_t kernels_before,
                          int64_t nanoseconds_before) const {
  const int64_t kernels = kernels_.generated().kernels - kernels_before;
  const std::chrono::nanoseconds generating(kernels_.generated().nanoseconds - nanoseconds_before);
  int64_t plain = 0;
  for (const auto& step : plan.steps) plain += step->plain_loops() ? 1 : 0;
  log_.info("bound ", shapes_text(model_, plan), " in ", watch.text(), ": ", plan.steps.size(), " steps, ", plain,
            " of them on plain loops, activations ", megabytes(plan.arena_bytes), " (",
            megabytes(plan.largest_live_bytes), " alive together), scratch ", megabytes(plan.scratch_bytes),
            " a thread; generated ", kernels, " kernels in ", milliseconds(generating));
}

void ProgramState::report_eviction(const Plan& plan) const {
  log_.info("dropped the plan of ", shapes_text(model_, plan), ": of ", plans_.capacity(),
            " plans it was used the longest ago");
  if (!warned_of_evictions_.exchange(true))
    log_.warning(
        "more shapes come than the ", plans_.capacity(),
        " plans that are kept, and binding takes time; raise plan_cache_capacity, or pad inputs to fewer shapes");
}

std::shared_ptr<const std::vector<uint32_t>> ProgramState::placement_hint() const {
  const std::lock_guard lock(placement_mutex_);
  return placement_hint_;
}

void ProgramState::keep_placement_hint(std::vector<uint32_t> order) const {
  auto hint = std::make_shared<const std::vector<uint32_t>>(std::move(order));
  const std::lock_guard lock(placement_mutex_);
  placement_hint_ = std::move(hint);
}

std::vector<TestVector> ProgramState::test_vectors() const {
  std::vector<TestVector> vectors;
  const auto* stored_vectors = model_.tables.program->test_vectors();
  if (stored_vectors == nullptr) return vectors;
  const auto tensors = [&](const auto* list) {
    std::vector<NamedConstTensor> result;
    if (list == nullptr) return result;
    for (const schema::StoredTensor* stored : *list) {
      Dims dims;
      if (stored->dims() != nullptr) dims.assign(stored->dims()->begin(), stored->dims()->end());
      result.push_back({stored->name()->string_view(),
                        {static_cast<DType>(stored->dtype()), std::move(dims),
                         segment(stored->segment()).data() + stored->offset()}});
    }
    return result;
  };
  for (const schema::TestVector* stored : *stored_vectors)
    vectors.push_back({tensors(stored->inputs()), tensors(stored->outputs()), stored->deviation()});
  return vectors;
}

}  // namespace tegula::runtime
