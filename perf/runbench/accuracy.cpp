#include "perf/runbench/accuracy.h"

#include <algorithm>

#include "compiler/data/convert.h"
#include "compiler/data/data_set.h"
#include "compiler/driver/program_io.h"
#include "compiler/driver/progress.h"

namespace tegula::runbench {

Result<Accuracy> measure_accuracy(const std::string& path, const AccuracyOptions& options) {
  TEGULA_ASSIGN_OR_RETURN(const Program program, Program::open(path));
  TEGULA_ASSIGN_OR_RETURN(Instance instance, Instance::create(program, {.threads = options.threads}));
  data::DataSetOptions how{driver::input_names(program), driver::output_names(program), {}};
  if (!options.preprocessing.empty()) {
    TEGULA_ASSIGN_OR_RETURN(how.preprocessing, data::parse_preprocessing(options.preprocessing));
  }
  TEGULA_ASSIGN_OR_RETURN(const data::DataSet set, data::DataSet::open(options.data, how));
  if (!set.has_labels())
    return Error{
        ErrorCode::kInvalidArgument,
        concat(options.data, ": it has no labels: an array 'labels' in the .npz, or labels.csv beside the images")};
  Accuracy accuracy;
  driver::Progress progress("counting right answers");
  for (std::size_t i = 0; i < set.size(); ++i) {
    TEGULA_ASSIGN_OR_RETURN(data::Sample sample, set.load(i));
    TEGULA_ASSIGN_OR_RETURN(const std::vector<data::NamedTensor> inputs,
                            driver::match_inputs(program, std::move(sample.inputs)));
    TEGULA_ASSIGN_OR_RETURN(std::vector<data::NamedTensor> outputs, driver::run_once(program, instance, inputs));
    TEGULA_ASSIGN_OR_RETURN(const data::Tensor scores,
                            data::convert_exactly(std::move(outputs[0].tensor), DType::kF32, "the first output"));
    const auto elements = scores.elements<float>();
    const auto label = static_cast<std::size_t>(*sample.label);
    if (label >= elements.size())
      return Error{ErrorCode::kInvalidArgument,
                   concat(sample.name, ": label ", label, " is outside of the ", elements.size(), " scores")};
    // Earlier classes win ties, as argmax has it.
    std::size_t better = 0;
    for (std::size_t c = 0; c < elements.size(); ++c)
      better += elements[c] > elements[label] || (elements[c] == elements[label] && c < label) ? 1 : 0;
    ++accuracy.samples;
    accuracy.top1 += better < 1 ? 1 : 0;
    accuracy.top5 += better < 5 ? 1 : 0;
    progress.show("", accuracy.samples, static_cast<int64_t>(set.size()));
  }
  return accuracy;
}

}  // namespace tegula::runbench
