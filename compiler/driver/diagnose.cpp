#include "compiler/driver/diagnose.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <optional>

#include "compiler/data/data_set.h"
#include "compiler/driver/feeds.h"
#include "compiler/driver/memory_program.h"
#include "compiler/driver/program_data.h"
#include "compiler/driver/program_io.h"
#include "compiler/ops/op_def.h"
#include "compiler/passes/quantization.h"
#include "compiler/quantize/drop_quantization.h"
#include "compiler/quantize/operator_types.h"

namespace tegula::driver {
namespace {

using compiler::Graph;
using compiler::Node;
using compiler::Quantization;
using compiler::Value;
using data::in_quotes;
using data::NamedTensor;

constexpr std::string_view kQuantizedRule = "int8 ", kFoldConstants = "fold_new_constants";

/// What is to be seen of a product when the program with the spelled out quantization runs.
struct Probe {
  OpDiagnosis op;
  std::string result;     ///< the real value that the product writes
  std::string source;     ///< the real value that its input is quantized from; empty: by the range of each run
  std::string quantized;  ///< that value as u8
  Quantization quantization;
  int64_t outside = 0, elements = 0;  ///< of the source
  int lowest = 255, highest = 0;      ///< of the quantized value
};

/// The step that writes the elements of a value: reshapes only show them.
const Value* written(const Value* value) {
  while (compiler::is_op(value->producer, "reshape")) value = value->producer->input(0);
  return value;
}

std::vector<Probe> probes_of(const Graph& graph) {
  std::vector<Probe> probes;
  for (const auto& node : graph.nodes()) {
    const bool is_product = compiler::is_op(node.get(), "conv") || compiler::is_op(node.get(), "matmul");
    if (!is_product || !node->rule.starts_with(kQuantizedRule)) continue;
    Probe& probe = probes.emplace_back();
    probe.op.node = std::string(name_of(*node));
    probe.op.type = compiler::operator_types(*node).front();
    probe.op.rule = node->rule;
    probe.result = node->output()->name;
    const auto link = compiler::as_dequantize(node->input(0));
    if (!link) continue;
    probe.quantized = link->source->name;
    probe.quantization = link->quantization;
    if (const auto real = compiler::as_quantize(link->source)) probe.source = written(real->source)->name;
  }
  return probes;
}

std::vector<float> floats_of(const ConstTensorRef& tensor) {
  std::vector<float> values(static_cast<std::size_t>(element_count(tensor.dims)));
  if (!values.empty()) std::memcpy(values.data(), tensor.data, values.size() * sizeof(float));
  return values;
}

/// A program that runs, and which rows of the pipeline it was made without.
struct Runner {
  Program program;
  Instance instance;

  static Result<Runner> make(const DiagnoseOptions& options, const compiler::PassOptions& passes) {
    TEGULA_ASSIGN_OR_RETURN(MemoryProgram compiled, compile_in_memory(options.model, options.import, passes));
    TEGULA_ASSIGN_OR_RETURN(Instance instance, Instance::create(compiled.program, {.threads = options.threads}));
    return Runner{std::move(compiled.program), std::move(instance)};
  }
};

class Diagnoser {
 public:
  Diagnoser(const DiagnoseOptions& options, const compiler::ReportProgress& progress)
      : options_(options), progress_(progress) {}

  Result<Diagnosis> run() {
    TEGULA_RETURN_IF_ERROR(compare_products());
    Diagnosis diagnosis;
    diagnosis.samples = feeds_->runs() * feeds_->samples_per_run();
    show("the whole program", 0);
    TEGULA_ASSIGN_OR_RETURN(diagnosis.outputs, error_of_program());
    for (std::size_t i = 0; i < probes_.size(); ++i) {
      show("products one by one", static_cast<int64_t>(i));
      compiler::QuantizationOptions without = options_.quantization;
      compiler::QuantizationRule rule{.selector = compiler::NodeSelector::name(probes_[i].op.node)};
      rule.quantized = false;
      without.rules.push_back(std::move(rule));
      TEGULA_ASSIGN_OR_RETURN(Runner runner, compiled_with(without));
      TEGULA_ASSIGN_OR_RETURN(const SignalError error, error_of_outputs(runner));
      const double whole = diagnosis.outputs.sqnr();
      probes_[i].op.gain = std::isinf(whole) ? 0 : error.sqnr() - whole;  // nothing is better than exact
      diagnosis.ops.push_back(finished(probes_[i]));
    }
    return diagnosis;
  }

 private:
  void show(std::string_view stage, int64_t done) const {
    if (progress_) progress_(stage, done, static_cast<int64_t>(probes_.size()));
  }

  compiler::PassOptions own_passes() const {
    compiler::PassOptions passes;
    if (options_.requantize) passes.drop_quantization = compiler::drop_quantization;
    return passes;
  }

  static OpDiagnosis finished(const Probe& probe) {
    OpDiagnosis op = probe.op;
    if (probe.elements > 0) op.saturated = static_cast<double>(probe.outside) / static_cast<double>(probe.elements);
    if (probe.highest >= probe.lowest) op.used = (probe.highest - probe.lowest + 1) / 256.0;
    return op;
  }

  /// Runs fp32 and the spelled out quantization side by side, and keeps the outputs of fp32.
  Status compare_products() {
    compiler::PassOptions passes = own_passes();
    passes.disabled = optional_rows_behind_quantize();
    std::erase(passes.disabled, kFoldConstants);  // weights are rounded once
    if (options_.quantization.smooth) passes.quantize = options_.make_balancing(options_.quantization);
    TEGULA_ASSIGN_OR_RETURN(Runner real, Runner::make(options_, passes));
    passes.quantize = [&, quantize = options_.make_pass(options_.quantization)](Graph& graph) -> Result<bool> {
      TEGULA_ASSIGN_OR_RETURN(const bool changed, quantize(graph));
      probes_ = probes_of(graph);
      return changed;
    };
    TEGULA_ASSIGN_OR_RETURN(Runner quantized, Runner::make(options_, passes));
    if (probes_.empty())
      return Error{ErrorCode::kInvalidArgument,
                   "nothing is quantized with these options, so there is nothing to diagnose"};
    TEGULA_ASSIGN_OR_RETURN(set_, open_data(real.program, options_.data, options_.preprocessing));
    TEGULA_ASSIGN_OR_RETURN(feeds_, Feeds::open(real.program, *set_, options_.samples));
    for (int64_t i = 0; i < feeds_->runs(); ++i) {
      if (progress_) progress_("samples", i, feeds_->runs());
      TEGULA_ASSIGN_OR_RETURN(const data::Sample sample, feeds_->load(i));
      TEGULA_RETURN_IF_ERROR(compare_sample(real, quantized, sample.inputs));
    }
    return {};
  }

  Status compare_sample(Runner& real, Runner& quantized, const std::vector<NamedTensor>& inputs) {
    std::map<std::string, std::vector<Probe*>, std::less<>> results, sources, codes;
    for (Probe& probe : probes_) {
      results[probe.result].push_back(&probe);
      if (!probe.source.empty()) sources[probe.source].push_back(&probe);
      if (!probe.quantized.empty()) codes[probe.quantized].push_back(&probe);
    }
    std::map<std::string, std::vector<float>, std::less<>> expected;
    for (const NamedTensor& input : inputs)
      if (const auto found = sources.find(input.name); found != sources.end() && input.tensor.dtype == DType::kF32)
        count_outside(found->second, input.tensor.elements<float>().data(), input.tensor.count());
    Observer observer;
    observer.wants = [&](std::string_view name) {
      return results.contains(name) || sources.contains(name) || codes.contains(name);
    };
    observer.see = [&](std::string_view name, const ConstTensorRef& tensor, std::span<const std::string>) {
      if (tensor.dtype != DType::kF32) return;
      if (const auto found = sources.find(name); found != sources.end())
        count_outside(found->second, static_cast<const float*>(tensor.data), element_count(tensor.dims));
      if (results.contains(name)) expected[std::string(name)] = floats_of(tensor);
    };
    const std::vector<NamedInput> feeds = references(std::span<const NamedTensor>(inputs));
    TEGULA_ASSIGN_OR_RETURN(std::vector<NamedTensor> outputs, allocate_outputs(real.program, real.instance, inputs));
    TEGULA_RETURN_IF_ERROR(real.instance.run_observed(feeds, references(std::span(outputs)), observer));
    expected_outputs_.push_back(std::move(outputs));

    observer.see = [&](std::string_view name, const ConstTensorRef& tensor, std::span<const std::string>) {
      const int64_t count = element_count(tensor.dims);
      if (const auto found = codes.find(name); found != codes.end() && tensor.dtype == DType::kU8)
        see_codes(found->second, static_cast<const uint8_t*>(tensor.data), count);
      const auto found = results.find(name);
      const auto want = expected.find(name);
      if (found == results.end() || want == expected.end() || tensor.dtype != DType::kF32 ||
          static_cast<int64_t>(want->second.size()) != count)
        return;
      for (Probe* probe : found->second)
        probe->op.error.add(want->second.data(), static_cast<const float*>(tensor.data), count);
    };
    TEGULA_RETURN_IF_ERROR(quantized.instance.run_observed(feeds, {}, observer));
    return {};
  }

  static void count_outside(const std::vector<Probe*>& probes, const float* values, int64_t count) {
    for (Probe* probe : probes) {
      const float low = compiler::lowest_of(probe->quantization, DType::kU8) - probe->quantization.scale / 2,
                  high = compiler::highest_of(probe->quantization, DType::kU8) + probe->quantization.scale / 2;
      probe->outside += std::count_if(values, values + count, [&](float x) { return x < low || x > high; });
      probe->elements += count;
    }
  }

  static void see_codes(const std::vector<Probe*>& probes, const uint8_t* codes, int64_t count) {
    if (count == 0) return;
    const auto [low, high] = std::minmax_element(codes, codes + count);
    for (Probe* probe : probes) {
      probe->lowest = std::min<int>(probe->lowest, *low);
      probe->highest = std::max<int>(probe->highest, *high);
    }
  }

  /// Of the program's outputs, over the samples, against fp32. The first sample shows that it is what the options give.
  Result<SignalError> error_of_program() {
    TEGULA_ASSIGN_OR_RETURN(Program program, Program::open(options_.program));
    TEGULA_ASSIGN_OR_RETURN(Instance instance, Instance::create(program, {.threads = options_.threads}));
    TEGULA_ASSIGN_OR_RETURN(Runner compiled, compiled_with(options_.quantization));
    TEGULA_ASSIGN_OR_RETURN(const data::Sample sample, feeds_->load(0));
    TEGULA_ASSIGN_OR_RETURN(const std::vector<NamedTensor> is, run_once(program, instance, sample.inputs));
    TEGULA_ASSIGN_OR_RETURN(const std::vector<NamedTensor> should_be,
                            run_once(compiled.program, compiled.instance, sample.inputs));
    if (!std::equal(is.begin(), is.end(), should_be.begin(), should_be.end(), [](const auto& a, const auto& b) {
          return a.tensor.dims == b.tensor.dims && a.tensor.bytes == b.tensor.bytes;
        }))
      return Error{ErrorCode::kInvalidArgument,
                   concat(options_.program.native(),
                          " is not what the model compiles to with these options and this profile; give those of its "
                          "compilation (aotc inspect shows the options)")};
    Runner runner{std::move(program), std::move(instance)};
    return error_of_outputs(runner);
  }

  Result<Runner> compiled_with(const compiler::QuantizationOptions& quantization) const {
    compiler::PassOptions passes = own_passes();
    passes.quantize = options_.make_pass(quantization);
    return Runner::make(options_, passes);
  }

  Result<SignalError> error_of_outputs(Runner& runner) const {
    SignalError error;
    for (int64_t i = 0; i < feeds_->runs(); ++i) {
      TEGULA_ASSIGN_OR_RETURN(const data::Sample sample, feeds_->load(i));
      TEGULA_ASSIGN_OR_RETURN(const std::vector<NamedTensor> outputs,
                              run_once(runner.program, runner.instance, sample.inputs));
      const std::vector<NamedTensor>& expected = expected_outputs_[static_cast<std::size_t>(i)];
      for (std::size_t k = 0; k < outputs.size(); ++k)
        if (outputs[k].tensor.dtype == DType::kF32)
          error.add(expected[k].tensor.elements<float>().data(), outputs[k].tensor.elements<float>().data(),
                    outputs[k].tensor.count());
    }
    return error;
  }

  const DiagnoseOptions& options_;
  const compiler::ReportProgress& progress_;
  std::vector<Probe> probes_;
  std::optional<data::DataSet> set_;
  std::optional<Feeds> feeds_;                              // of set_
  std::vector<std::vector<NamedTensor>> expected_outputs_;  // by sample
};

}  // namespace

void SignalError::add(const float* reference, const float* tensor, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const double want = reference[i], got = tensor[i], difference = got - want;
    signal += want * want;
    other += got * got;
    product += want * got;
    noise += difference * difference;
    largest = std::max(largest, std::abs(difference));
  }
  elements += count;
}

double SignalError::sqnr() const {
  if (noise == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(signal / noise);
}

double SignalError::cosine() const {
  const double lengths = std::sqrt(signal) * std::sqrt(other);
  return lengths > 0 ? product / lengths : signal == other ? 1 : 0;
}

Result<Diagnosis> diagnose(const DiagnoseOptions& options, const compiler::ReportProgress& progress) {
  return Diagnoser(options, progress).run();
}

}  // namespace tegula::driver
