#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "jit/cpu_features.h"
#include "runtime/loader/load_segments.h"
#include "runtime/loader/mapped_file.h"
#include "runtime/loader/program_model.h"
#include "runtime/log.h"
#include "runtime/plan/kernel_library.h"
#include "runtime/plan/lifetimes.h"
#include "runtime/plan/plan_cache.h"
#include "runtime/plan/shape_key.h"
#include "runtime/steps/step.h"
#include "tegula/program.h"

namespace tegula::runtime {

/// An opened program: the file's bytes, the validated model, and what all its plans share. Immutable but for two
/// caches, which are safe for concurrent use.
class ProgramState {
 public:
  /// `file` is what `mapped` holds, or the caller's memory (then `mapped` is empty).
  static Result<std::shared_ptr<const ProgramState>> open(MappedFile mapped, std::span<const std::byte> file,
                                                          const OpenOptions& options);

  const ProgramModel& model() const { return model_; }
  const ShapeKeyLayout& key_layout() const { return key_layout_; }
  const std::vector<BoundTensor>& prototypes() const { return prototypes_; }
  const std::vector<Lifetime>& lifetimes() const { return lifetimes_; }
  const std::vector<InPlaceCandidate>& in_place_candidates() const { return in_place_candidates_; }
  const std::vector<int32_t>& written_views() const { return written_views_; }
  const jit::CpuFeatures& features() const { return features_; }
  KernelLibrary& kernels() const { return kernels_; }
  const Log& log() const { return log_; }
  uint64_t file_bytes() const { return file_.size(); }
  std::span<const std::byte> segment(std::size_t index) const { return segments_.spans[index]; }

  /// The plan for these shapes, from the cache or newly made.
  Result<std::shared_ptr<const Plan>> plan_for(std::span<const int64_t> key) const;

  /// The order in which an earlier plan placed values in its arena, and the place to leave a new one: plans of other
  /// shapes begin where it ended. nullptr before the first plan.
  std::shared_ptr<const std::vector<uint32_t>> placement_hint() const;
  void keep_placement_hint(std::vector<uint32_t> order) const;

  // What the public API shows.
  std::span<const TensorInfo> inputs() const { return inputs_; }
  std::span<const TensorInfo> outputs() const { return outputs_; }
  std::span<const SymbolInfo> symbols() const { return symbols_; }
  const ProvenanceInfo& provenance() const { return provenance_; }
  std::vector<TestVector> test_vectors() const;

 private:
  ProgramState(MappedFile mapped, std::span<const std::byte> file, ProgramModel model, SegmentBytes segments,
               const jit::CpuFeatures& features, const OpenOptions& options);

  void report(const Plan& plan, const Stopwatch& watch, int64_t kernels_before, int64_t nanoseconds_before) const;
  void report_eviction(const Plan& plan) const;

  const Log log_;
  MappedFile mapped_;
  std::span<const std::byte> file_;
  ProgramModel model_;
  SegmentBytes segments_;
  jit::CpuFeatures features_;
  ShapeKeyLayout key_layout_;
  std::vector<BoundTensor> prototypes_;
  std::vector<Lifetime> lifetimes_;
  std::vector<InPlaceCandidate> in_place_candidates_;
  std::vector<int32_t> written_views_;
  std::vector<TensorInfo> inputs_, outputs_;
  std::vector<SymbolInfo> symbols_;
  ProvenanceInfo provenance_;
  mutable KernelLibrary kernels_;
  mutable PlanCache plans_;
  mutable std::atomic<bool> warned_of_evictions_{false};
  mutable std::mutex placement_mutex_;
  mutable std::shared_ptr<const std::vector<uint32_t>> placement_hint_;
};

}  // namespace tegula::runtime
