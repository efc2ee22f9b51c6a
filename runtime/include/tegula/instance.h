#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/result.h"
#include "tegula/program.h"
#include "tegula/tensor.h"

namespace tegula {

namespace runtime {
class InstanceState;
}

struct InstanceOptions {
  /// Threads that compute, the caller's included. 0: one for each core that the caller's affinity mask and cpuset allow
  /// (SMT siblings count once), but no more than a control group's CPU quota grants.
  int threads = 1;
};

/// An input by name: the shape alone is enough for prepare() and output_shapes(), except for inputs that feed shapes,
/// whose data is read.
using NamedInput = NamedConstTensor;

struct NamedOutput {
  std::string_view name;
  TensorRef tensor;
};

/// What one step of a bound plan is and costs; from profile().
struct StepProfile {
  std::string name;            ///< of the first ONNX node that it computes
  std::string kind;            ///< "conv", "gemm", ...
  std::string implementation;  ///< with ISA, such as "conv_f32_avx512" or "reference"
  std::string dtypes;          ///< "f32,f32->f32"
  std::string shapes;          ///< "[1,56,56,64]->[1,56,56,64]"
  double flop = 0;             ///< multiply-adds count twice; 0 for steps that only move data
  double milliseconds = 0;     ///< total over `runs`
  int64_t runs = 0;
  bool plain_loops = false;    ///< runs on plain loops, not on generated code
};

/// Which kernel a step of a bound plan gets on some CPU; from explain().
struct StepChoice {
  std::string name, kind, implementation, dtypes, shapes;  ///< as in StepProfile
  std::vector<std::string> declined;                       ///< better kernels, best first, each with its reason
  bool plain_loops = false;
};

/// Intermediate values to show to a callback, for calibration and diagnosis.
struct Observer {
  /// Whether to show this value (by its name in the program).
  std::function<bool(std::string_view value)> wants;
  /// Called on the calling thread right after the step that wrote the value; the tensor is valid during the call.
  /// `onnx_nodes`: the nodes that the step computes.
  std::function<void(std::string_view value, const ConstTensorRef& tensor, std::span<const std::string> onnx_nodes)> see;
};

/// One execution context of a program: threads and the activation memory. One run at a time: a second concurrent
/// run() on the same instance returns kInvalidArgument. Different instances are independent.
class Instance {
 public:
  static Result<Instance> create(const Program& program, const InstanceOptions& options = {});
  Instance(Instance&&) noexcept;
  Instance& operator=(Instance&&) noexcept;
  ~Instance();

  /// Binds these input shapes ahead of traffic: sizes, memory, kernels. A later run() with the same shapes allocates
  /// nothing and generates no code. kInvalidArgument: a name, type, rank, size or constraint that does not hold.
  Status prepare(std::span<const NamedInput> inputs);

  /// Shapes of all outputs, in the program's order, for these inputs.
  Result<std::vector<Dims>> output_shapes(std::span<const NamedInput> inputs);

  /// Runs the program: every input, and every output that is wanted, by name, once. Output buffers must have
  /// exactly the shapes of output_shapes(); outputs not named are computed into the instance's own memory.
  /// Binds first when the shapes are new. The caller's floating-point mode is restored.
  Status run(std::span<const NamedInput> inputs, std::span<const NamedOutput> outputs);

  /// As run(), but keeps each value that the observer wants until it has seen it, and runs step by step.
  Status run_observed(std::span<const NamedInput> inputs, std::span<const NamedOutput> outputs, const Observer& observer);

  /// Which kernels these shapes get on a CPU with the instruction sets of `isa` (a name of TEGULA_MAX_ISA; empty: those in
  /// use here), whether or not this CPU has them, and why better ones do not run. In the program's order; runs nothing.
  Result<std::vector<StepChoice>> explain(std::span<const NamedInput> inputs, std::string_view isa = {});

  /// While on, every run() adds to the profile. Off by default; turning it on clears it.
  void set_profiling(bool on);
  std::vector<StepProfile> profile() const;

  /// Bytes of the activation arena of the plan that ran last, and the largest sum of bytes that were alive together.
  struct Memory {
    uint64_t arena_bytes = 0;
    uint64_t largest_live_bytes = 0;
    uint64_t scratch_bytes = 0;  ///< of all threads together
  };
  Memory memory() const;

  int threads() const;

 private:
  explicit Instance(std::unique_ptr<runtime::InstanceState> state);
  std::unique_ptr<runtime::InstanceState> state_;
};

}  // namespace tegula
