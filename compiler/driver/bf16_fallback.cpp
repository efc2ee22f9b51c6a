#include "compiler/driver/bf16_fallback.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <set>

#include "compiler/data/convert.h"
#include "compiler/data/data_set.h"
#include "compiler/driver/program_data.h"
#include "compiler/driver/program_io.h"
#include "compiler/driver/step_table.h"
#include "compiler/precision/assign_bf16.h"
#include "compiler/writer/program_file.h"

namespace tegula::driver {
namespace {

using compiler::Bf16Options;
using compiler::NodeSelector;

namespace fs = std::filesystem;

/// A folder for programs that are only tried, gone at the end.
class TrialFolder {
 public:
  TrialFolder() {
    std::string pattern = (fs::temp_directory_path() / "aotc-XXXXXX").native();
    if (::mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  ~TrialFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  TrialFolder(const TrialFolder&) = delete;
  TrialFolder& operator=(const TrialFolder&) = delete;
  const fs::path& path() const { return path_; }  ///< empty: it could not be made

 private:
  fs::path path_;
};

/// The first output for each sample.
using Outputs = std::vector<std::vector<float>>;

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double product = 0, a2 = 0, b2 = 0;
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    product += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    a2 += static_cast<double>(a[i]) * static_cast<double>(a[i]);
    b2 += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  if (a2 == 0 || b2 == 0) return a2 == b2 ? 1 : 0;
  return product / std::sqrt(a2 * b2);
}

/// |a - b|^2 / |b|^2.
double squared_error(const std::vector<float>& a, const std::vector<float>& b) {
  double error = 0, scale = 0;
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    error += difference * difference;
    scale += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  if (!std::isfinite(error)) return HUGE_VAL;
  return scale > 0 ? error / scale : error;
}

/// What one program does on the data.
struct Trial {
  double score = 0;  ///< larger is better
  double error = 0;  ///< mean squared error of outputs against fp32's
  std::vector<StepRow> steps;

  bool is_better_than(const Trial& other) const {
    return score != other.score ? score > other.score : error < other.error;
  }
};

/// Something that may be denied, and what that alone brings.
struct Candidate {
  NodeSelector selector;
  Trial trial;
};

std::string format_score(double score, bool is_share) {
  char text[32];
  std::snprintf(text, sizeof(text), is_share ? "%.2f %%" : "%.6f", is_share ? 100 * score : score);
  return text;
}

class FallbackSearch {
 public:
  explicit FallbackSearch(const FallbackRequest& request) : request_(request) {}

  Result<Fallback> run() {
    if (folder_.path().empty())
      return Error{ErrorCode::kInvalidArgument, "no folder for trials could be made below the one for temporary files"};
    TEGULA_ASSIGN_OR_RETURN(Trial reference, measure(std::nullopt));
    reference_score_ = reference.score;
    TEGULA_ASSIGN_OR_RETURN(const Trial everything, measure(request_.lists));
    result_.lists = request_.lists;
    note(concat("fp32 scores ", text(reference.score), ", bf16 ", text(everything.score), " (", what(), "); a drop of ",
                100 * request_.max_drop, " % is allowed"));
    if (holds(everything)) return std::move(result_);

    TEGULA_ASSIGN_OR_RETURN(std::vector<Candidate> types, measure_all(types_of(everything)));
    std::optional<Candidate> last;
    for (Candidate& type : types) {
      last = type;
      deny(type);
      TEGULA_ASSIGN_OR_RETURN(const Trial trial, measure(result_.lists));
      if (holds(trial)) break;
    }
    if (last) TEGULA_RETURN_IF_ERROR(refine(*last, everything));
    TEGULA_ASSIGN_OR_RETURN(const Trial trial, measure(result_.lists));
    note(concat("with these in fp32 the program scores ", text(trial.score),
                holds(trial) ? "" : ": what may be bf16 at all by the lists given costs more than is allowed"));
    return std::move(result_);
  }

 private:
  std::string text(double score) const { return format_score(score, has_labels_); }
  std::string what() const { return has_labels_ ? "right answers" : "mean cosine with fp32"; }
  bool holds(const Trial& trial) const { return trial.score >= reference_score_ * (1 - request_.max_drop); }
  void note(std::string line) { result_.notes.push_back(std::move(line)); }

  void deny(const Candidate& candidate) {
    result_.lists.deny.push_back(candidate.selector);
    note(concat("fp32: ", candidate.selector.description(), ": alone it brings ", text(candidate.trial.score),
                ", error ", candidate.trial.error));
  }

  /// Of the last type only as many operations as are needed.
  Status refine(const Candidate& type, const Trial& everything) {
    std::vector<NodeSelector> names;
    std::set<std::string> seen;
    for (const StepRow& step : everything.steps)
      if (step.precision == "BF16" && step.op_type == type.selector.text() && !step.onnx_nodes.empty() &&
          seen.insert(step.onnx_nodes.front()).second)
        names.push_back(NodeSelector::name(step.onnx_nodes.front()));
    if (names.size() < 2) return {};
    const Fallback with_type = result_;
    result_.lists.deny.pop_back();
    result_.notes.pop_back();
    TEGULA_ASSIGN_OR_RETURN(const std::vector<Candidate> candidates, measure_all(names));
    for (const Candidate& candidate : candidates) {
      deny(candidate);
      TEGULA_ASSIGN_OR_RETURN(const Trial trial, measure(result_.lists));
      if (holds(trial)) return {};
    }
    result_ = with_type;  // the type holds more than the steps named after it
    return {};
  }

  /// Operator types of bf16 steps that compute.
  static std::vector<NodeSelector> types_of(const Trial& trial) {
    static const std::set<std::string> kMovers = {"Transpose", "Copy", "Concat", "Slice",  "Gather",
                                                  "Expand",    "Pad",  "Cast",   "MaxPool"};
    std::vector<NodeSelector> types;
    std::set<std::string> seen;
    for (const StepRow& step : trial.steps) {
      if (step.precision != "BF16" || kMovers.contains(step.op_type) || !seen.insert(step.op_type).second) continue;
      auto selector = NodeSelector::type(step.op_type);
      if (selector.ok()) types.push_back(std::move(*selector));
    }
    return types;
  }

  /// Each denied on top of what is; best first. What the user's lists do not let be denied is left out.
  Result<std::vector<Candidate>> measure_all(const std::vector<NodeSelector>& selectors) {
    std::vector<Candidate> candidates;
    for (const NodeSelector& selector : selectors) {
      Bf16Options lists = result_.lists;
      lists.deny.push_back(selector);
      auto trial = measure(lists);
      if (!trial.ok() && trial.error().code == ErrorCode::kInvalidArgument) continue;
      if (!trial.ok()) return trial.error();
      Candidate candidate{selector, std::move(*trial)};
      const auto place =
          std::upper_bound(candidates.begin(), candidates.end(), candidate,
                           [](const Candidate& a, const Candidate& b) { return a.trial.is_better_than(b.trial); });
      candidates.insert(place, std::move(candidate));
    }
    return candidates;
  }

  /// Compiles with these lists, or without bf16, and runs over the data.
  Result<Trial> measure(const std::optional<Bf16Options>& lists) {
    if (request_.progress) request_.progress(concat("program ", ++programs_));
    compiler::CompileOptions options = request_.compile;
    options.passes.dump_after.clear();
    options.write.progress = options.passes.progress = {};
    if (lists)
      options.passes.assign_bf16 = [&](compiler::Graph& graph) { return compiler::assign_bf16(graph, *lists); };
    const fs::path path = folder_.path() / "trial.tgl";
    TEGULA_ASSIGN_OR_RETURN(const auto report, compiler::compile(request_.model, path, options));
    TEGULA_ASSIGN_OR_RETURN(const Program program, Program::open(path));
    Trial trial;
    TEGULA_ASSIGN_OR_RETURN(const Outputs outputs, run(program, trial));
    if (!lists) reference_ = outputs;
    double cosines = 0;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      cosines += cosine(outputs[i], reference_[i]);
      trial.error += squared_error(outputs[i], reference_[i]) / static_cast<double>(outputs.size());
    }
    if (!has_labels_) trial.score = cosines / static_cast<double>(outputs.size());
    TEGULA_ASSIGN_OR_RETURN(const compiler::ProgramFile file, compiler::read_program_tables(path));
    trial.steps = step_rows(file.tables);
    return trial;
  }

  /// Outputs, and the share of right answers where there are labels.
  Result<Outputs> run(const Program& program, Trial& trial) {
    if (!data_) TEGULA_RETURN_IF_ERROR(open_data(program));
    TEGULA_ASSIGN_OR_RETURN(Instance instance, Instance::create(program, {.threads = request_.threads}));
    Outputs outputs;
    int64_t right = 0;
    for (std::size_t i = 0; i < data_->size(); ++i) {
      TEGULA_ASSIGN_OR_RETURN(data::Sample sample, data_->load(i));
      TEGULA_ASSIGN_OR_RETURN(const auto inputs, match_inputs(program, std::move(sample.inputs)));
      TEGULA_ASSIGN_OR_RETURN(auto results, run_once(program, instance, inputs));
      TEGULA_ASSIGN_OR_RETURN(const data::Tensor first,
                              data::convert_exactly(std::move(results[0].tensor), DType::kF32, "the first output"));
      const auto elements = first.elements<float>();
      outputs.emplace_back(elements.begin(), elements.end());
      if (!has_labels_ || elements.empty()) continue;
      const auto best = std::max_element(elements.begin(), elements.end()) - elements.begin();
      right += sample.label && best == *sample.label ? 1 : 0;
    }
    trial.score = outputs.empty() ? 0 : static_cast<double>(right) / static_cast<double>(outputs.size());
    return outputs;
  }

  Status open_data(const Program& program) {
    TEGULA_ASSIGN_OR_RETURN(data_, driver::open_data(program, request_.data, request_.preprocessing));
    if (data_->size() == 0)
      return Error{ErrorCode::kInvalidArgument, concat("'", request_.data, "' holds no samples to measure with")};
    has_labels_ = data_->has_labels();
    return {};
  }

  const FallbackRequest& request_;
  const TrialFolder folder_;
  std::optional<data::DataSet> data_;
  bool has_labels_ = false;
  Outputs reference_;
  double reference_score_ = 0;
  int programs_ = 0;
  Fallback result_;
};

}  // namespace

Result<Fallback> find_bf16_fallback(const FallbackRequest& request) {
  return FallbackSearch(request).run();
}

Result<double> parse_drop(std::string_view text) {
  const bool is_percent = text.ends_with('%');
  const std::string_view digits = is_percent ? text.substr(0, text.size() - 1) : text;
  double value = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (is_percent) value /= 100;
  if (error != std::errc() || end != digits.data() + digits.size() || !(value >= 0 && value <= 1))
    return Error{ErrorCode::kInvalidArgument, concat("--max-drop ", text, ": want a share such as 0.5% or 0.005")};
  return value;
}

}  // namespace tegula::driver
