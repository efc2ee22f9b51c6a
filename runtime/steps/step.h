#pragma once
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "jit/cpu_features.h"
#include "kernels/tensor_view.h"
#include "runtime/generated_program.h"
#include "runtime/printable.h"
#include "schema/base/result.h"
#include "schema/file_layout.h"

namespace tegula::runtime {

class KernelLibrary;  // runtime/plan/kernel_library.h

/// Where a bound value lies: which memory, and at which byte. Resolved for each run, because input, output and arena
/// addresses belong to the caller and the instance.
struct Location {
  enum class Memory : uint8_t { kAbsent, kConstant, kArena, kInput, kOutput } memory = Memory::kAbsent;
  uint32_t port = 0;                    ///< of kInput, kOutput
  int64_t offset = 0;                   ///< bytes, into the arena or the port's buffer
  const std::byte* constant = nullptr;  ///< of kConstant
};

/// A value with its sizes bound. Immutable once the plan is made.
struct BoundTensor {
  std::string_view name;
  DType dtype = DType::kF32;
  Packing packing = Packing::kPlain;
  int rank = 0;
  std::array<int64_t, kernels::kMaxRank> dims{};
  std::array<int64_t, kernels::kMaxRank> strides{};  ///< elements; of kPlain tensors
  Location location;
  const schema::Quantization* quantization = nullptr;

  bool present() const { return location.memory != Location::Memory::kAbsent; }
  std::span<const int64_t> shape() const { return {dims.data(), static_cast<std::size_t>(rank)}; }
  int64_t count() const { return element_count(shape()); }
  bool is_contiguous() const;
  /// The same without an address: what checks of types and dimensions look at.
  kernels::TensorView sizes() const;
  bool is_constant() const { return location.memory == Location::Memory::kConstant; }

  /// Seen as [rows, row_elements] with rows `row_stride` elements apart, when the last `inner` dimensions are
  /// contiguous and the others advance evenly; nullopt otherwise. The stride of a single row is row_elements.
  struct Rows {
    int64_t rows, row_elements, row_stride;
  };
  std::optional<Rows> as_rows(int inner = 1) const;
};

/// What a step may touch while it runs. One per run; shared by the workers.
class RunContext {
 public:
  RunContext(std::byte* arena, std::span<const std::byte* const> inputs, std::span<std::byte* const> outputs)
      : arena_(arena), inputs_(inputs), outputs_(outputs) {}

  /// nullptr for an absent tensor.
  std::byte* address(const BoundTensor& tensor) const;
  template <typename T>
  T* data(const BoundTensor& tensor) const {
    return reinterpret_cast<T*>(address(tensor));
  }
  kernels::TensorView view(const BoundTensor& tensor) const;

  /// A step that meets bad data (an index out of range) says so here and returns; the first message wins and
  /// becomes the error of run(). Safe from any worker.
  void fail(ErrorCode code, std::string message) const;
  bool failed() const { return failed_.load(std::memory_order_relaxed); }
  Error take_error() const;

 private:
  std::byte* arena_;
  std::span<const std::byte* const> inputs_;
  std::span<std::byte* const> outputs_;
  mutable std::atomic<bool> failed_{false};
  mutable std::atomic_flag error_taken_ = ATOMIC_FLAG_INIT;
  mutable Error error_{ErrorCode::kInternal, {}};
};

/// A step with sizes bound and kernels chosen. Immutable and shared by all instances that run the plan.
class BoundStep {
 public:
  virtual ~BoundStep() = default;

  /// Independent pieces that this step splits into for up to `workers` threads: blocks 0 .. blocks-1, each run exactly
  /// once, in any order, on any thread. Results must not depend on the number. 1: runs on one thread.
  virtual int64_t blocks(int /*workers*/) const { return 1; }

  /// Bytes of private memory that one worker needs, aligned to 64.
  virtual std::size_t scratch_bytes() const { return 0; }

  /// Runs one block of the `blocks` that blocks() gave. Allocates nothing (but for an error's message), waits for
  /// nothing. `scratch` holds scratch_bytes().
  virtual void run(const RunContext& context, int64_t block, int64_t blocks, std::byte* scratch) const = 0;

  /// For profiles: "conv_f32_avx512", "reference".
  virtual std::string implementation() const = 0;
  virtual bool plain_loops() const { return false; }
  virtual double flop() const { return 0; }
};

/// What a step's binder sees. References outlive the plan, except `inputs` and `outputs`, which are copied from.
struct BindContext {
  const schema::Step& step;
  std::span<const BoundTensor> inputs;  ///< as step.inputs; absent ones have present() == false
  std::span<const BoundTensor> outputs;
  std::span<const BoundTensor> post_op_operands;  ///< as step.post_ops; absent where there is none
  std::span<const int64_t> expressions;           ///< values of Program.expressions
  const std::vector<BoundTensor>& values;         ///< all values, for attributes that name one
  const jit::CpuFeatures& features;
  KernelLibrary& kernels;
  /// Where to say why better kernels do not run the step, best first; nullptr: nobody asks.
  std::vector<std::string>* declined = nullptr;

  /// "<kernel> declined: <parts>", for explain().
  template <typename... Parts>
  void decline(std::string_view kernel, const Parts&... parts) const {
    if (declined != nullptr) declined->push_back(concat(kernel, " declined: ", parts...));
  }
  int64_t expression(uint32_t index) const {
    TEGULA_CHECK(index < expressions.size(), "for_each_expression_list visits every list of expressions");
    return expressions[index];
  }
  /// A value that an attribute names; an absent one for -1.
  const BoundTensor& value(int32_t index) const {
    static const BoundTensor absent;
    TEGULA_CHECK(index >= -1 && index < static_cast<int64_t>(values.size()),
                 "for_each_named_value visits every such value");
    return index < 0 ? absent : values[static_cast<std::size_t>(index)];
  }
  std::string_view name() const { return step.name()->string_view(); }
  /// kInvalidFile: "step <name>: <parts>".
  template <typename... Parts>
  Error invalid(const Parts&... parts) const {
    return Error{ErrorCode::kInvalidFile, concat("step ", printable(name()), ": ", parts...)};
  }
  /// kUnsupported: likewise.
  template <typename... Parts>
  Error unsupported(const Parts&... parts) const {
    return Error{ErrorCode::kUnsupported, concat("step ", printable(name()), ": ", parts...)};
  }
};

/// Reads the step's attributes, checks ranks, types and sizes against the contract of program.fbs (the file is hostile:
/// kInvalidFile names the step), chooses the kernel and returns the step.
using BindFunction = Result<std::unique_ptr<BoundStep>> (*)(const BindContext& context);

}  // namespace tegula::runtime
