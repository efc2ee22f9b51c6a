#include "perf/runbench/accuracy_report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "compiler/data/tensor_data.h"

namespace tegula::runbench {
namespace {

using Json = nlohmann::ordered_json;

template <typename... Arguments>
std::string format(const char* pattern, Arguments... arguments) {
  std::array<char, 1024> line{};
  std::snprintf(line.data(), line.size(), pattern, arguments...);
  return line.data();
}

Json or_null(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

template <typename Value>
std::optional<double> worst(const Accuracy& accuracy, const Value& value) {
  std::optional<double> least;
  for (const OutputAgreement& output : accuracy.outputs)
    if (!least || value(output) < *least) least = value(output);
  return least;
}

}  // namespace

std::string accuracy_table(const Accuracy& accuracy) {
  std::string text;
  if (accuracy.labelled > 0)
    text += format("accuracy    top-1 %.2f %%, top-5 %.2f %% of %lld samples\n", accuracy.top1_percent(),
                   accuracy.top5_percent(), static_cast<long long>(accuracy.labelled));
  if (!accuracy.outputs.empty())
    text += format("compared    %lld samples\n  %-12s %-12s %-12s %-12s %-12s %s\n",
                   static_cast<long long>(accuracy.outputs[0].samples()), "cosine", "least", "MSE", "largest",
                   "same top-1", "output");
  for (const OutputAgreement& output : accuracy.outputs)
    text += format("  %-12.6f %-12.6f %-12.4g %-12.4g %-12s ", output.mean_cosine(), output.least_cosine(),
                   output.mean_squared_error(), output.largest_difference(),
                   format("%.2f %%", output.same_first_answer_percent()).c_str()) +
            data::in_quotes(output.output()) + ", least in " + data::in_quotes(output.least_sample()) + "\n";
  if (accuracy.metric) text += format("metric      %.6g\n", *accuracy.metric);
  return text;
}

Json to_json(const Accuracy& accuracy, const std::string& program) {
  Json result{{"samples", accuracy.samples}, {"batch", accuracy.batch}};
  result["labelled"] = accuracy.labelled;
  result["top1_percent"] = accuracy.labelled > 0 ? Json(accuracy.top1_percent()) : Json(nullptr);
  result["top5_percent"] = accuracy.labelled > 0 ? Json(accuracy.top5_percent()) : Json(nullptr);
  result["outputs"] = Json::array();
  for (const OutputAgreement& output : accuracy.outputs)
    result["outputs"].push_back({{"name", output.output()},
                                 {"samples", output.samples()},
                                 {"cosine", output.mean_cosine()},
                                 {"least_cosine", output.least_cosine()},
                                 {"least_cosine_sample", output.least_sample()},
                                 {"mse", or_null(output.mean_squared_error())},
                                 {"largest_difference", or_null(output.largest_difference())},
                                 {"same_top1_percent", output.same_first_answer_percent()}});
  result["metric"] = accuracy.metric ? Json(*accuracy.metric) : Json(nullptr);
  return {{"schema_version", 1}, {"program", program}, {"accuracy", std::move(result)}};
}

std::optional<std::string> falls_short(const Accuracy& accuracy, const AccuracyBars& bars) {
  const auto check = [](const char* what, std::optional<double> got,
                        const std::optional<double>& bar) -> std::optional<std::string> {
    if (!bar) return std::nullopt;
    if (!got) return format("%s was not measured: the data has nothing to measure it with", what);
    if (*got >= *bar) return std::nullopt;
    return format("%s %.6g is below the %.6g asked for", what, *got, *bar);
  };
  const auto top1 = accuracy.labelled > 0 ? std::optional(accuracy.top1_percent()) : std::nullopt;
  const auto same = worst(accuracy, [](const OutputAgreement& o) { return o.same_first_answer_percent(); });
  const auto cosine = worst(accuracy, [](const OutputAgreement& o) { return o.mean_cosine(); });
  if (auto text = check("top-1 in percent", top1, bars.top1_percent)) return text;
  if (auto text = check("same top-1 in percent", same, bars.same_top1_percent)) return text;
  if (auto text = check("cosine", cosine, bars.cosine)) return text;
  return check("the metric", accuracy.metric, bars.metric);
}

}  // namespace tegula::runbench
