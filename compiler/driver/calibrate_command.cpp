// aotc calibrate: what values do a model's tensors take? The profile that quantization reads.
#include <malloc.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>

#include "compiler/data/files.h"
#include "compiler/data/tensor_data.h"
#include "compiler/driver/calibrate.h"
#include "compiler/driver/commands.h"
#include "compiler/driver/number_checks.h"
#include "compiler/driver/preprocessing_file.h"
#include "compiler/driver/profile_file.h"
#include "compiler/driver/program_data.h"
#include "compiler/driver/progress.h"
#include "compiler/driver/shape_options.h"
#include "compiler/quantize/choose_range.h"

namespace tegula::driver {
namespace {

using compiler::Profile;
using compiler::Range;
using compiler::RangeAlgorithm;
using compiler::TensorProfile;
using data::in_quotes;

/// Tensors that a warning names; the others are counted.
constexpr std::size_t kMostNamed = 5;

struct Options {
  std::string model, output, merge;
  std::vector<std::string> dims, shapes, collectors;
  CalibrateOptions calibrate;
  bool print_ranges = false, requantize = false;
};

/// "lib.so" or "lib.so=options".
Result<std::vector<Collector>> load_collectors(const std::vector<std::string>& texts) {
  std::vector<Collector> collectors;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    const std::string library = text.substr(0, equals);
    TEGULA_ASSIGN_OR_RETURN(Collector collector,
                            Collector::load(library, equals == std::string::npos ? "" : text.substr(equals + 1)));
    for (const Collector& other : collectors)
      if (other.name() == collector.name())
        return Error{ErrorCode::kInvalidArgument, concat("two collectors are named '", collector.name(), "'")};
    collectors.push_back(std::move(collector));
  }
  return collectors;
}

void warn(const std::string& text) {
  std::fprintf(stderr, "aotc: warning: %s\n", text.c_str());
}

std::string list(const std::vector<std::string>& items) {
  std::string text;
  for (std::size_t i = 0; i < std::min(items.size(), kMostNamed); ++i) text += (i == 0 ? "" : ", ") + items[i];
  if (items.size() > kMostNamed) text += concat(" and ", items.size() - kMostNamed, " more");
  return text;
}

void warn_of_unstable_ranges(const Calibration& calibration) {
  if (calibration.unstable.empty()) return;
  std::vector<std::string> items;
  for (const UnstableRange& range : calibration.unstable)
    items.push_back(concat(in_quotes(range.tensor), " by ", static_cast<int>(range.growth * 100 + .5), " %"));
  warn(concat("the ranges of ", items.size(), " of ", calibration.profile.tensors.size(), " tensors grew by more than ",
              static_cast<int>(Calibration::kStableGrowth * 100),
              " % over the last quarter of the samples; more data would widen them further: ", list(items)));
}

void warn_of_values_that_are_no_numbers(const Profile& profile) {
  std::vector<std::string> items;
  for (const auto& [name, tensor] : profile.tensors)
    if (tensor.finite_count() < tensor.count)
      items.push_back(concat(in_quotes(name), " (", tensor.nan_count, " NaN, ", tensor.inf_count, " infinite of ",
                             tensor.count, ")"));
  if (!items.empty()) warn(concat("tensors hold values that are not finite, which count for no range: ", list(items)));
}

std::string range_text(const TensorProfile& tensor, RangeAlgorithm algorithm) {
  const Result<Range> range = compiler::choose_range(tensor, {.algorithm = algorithm});
  if (!range.ok()) return "-";
  std::array<char, 64> text;
  std::snprintf(text.data(), text.size(), "[%.5g, %.5g]", static_cast<double>(range->low),
                static_cast<double>(range->high));
  return text.data();
}

/// One line a tensor: what each algorithm would choose.
void print_ranges(const Profile& profile) {
  constexpr std::array kAlgorithms = {RangeAlgorithm::kMinMax, RangeAlgorithm::kMovingAverage,
                                      RangeAlgorithm::kPercentile, RangeAlgorithm::kKl, RangeAlgorithm::kMse};
  for (const RangeAlgorithm algorithm : kAlgorithms) std::printf("%-24s", std::string(to_string(algorithm)).c_str());
  std::printf("tensor\n");
  for (const auto& [name, tensor] : profile.tensors) {
    for (const RangeAlgorithm algorithm : kAlgorithms) std::printf("%-24s", range_text(tensor, algorithm).c_str());
    std::string collected;
    for (const auto& [collector, range] : tensor.collected)
      collected += concat("  ", collector, " [", range.low, ", ", range.high, "]");
    std::printf("%s%s\n", in_quotes(name).c_str(), collected.c_str());
  }
}

/// Each sample allocates and frees a few large blocks. The C library would keep more and more of them, in pieces, for
/// later ones; so they come from the system and go back to it, and the memory stays what one sample needs.
void return_large_blocks() {
  constexpr int kLarge = 256 << 10;
  ::mallopt(M_MMAP_THRESHOLD, kLarge);
}

Status run(const Options& options) {
  return_large_blocks();
  const auto start = std::chrono::steady_clock::now();
  compiler::ImportOptions import;
  TEGULA_ASSIGN_OR_RETURN(import.dims, parse_dims(options.dims));
  TEGULA_ASSIGN_OR_RETURN(import.shapes, parse_shapes(options.shapes));
  TEGULA_RETURN_IF_ERROR(data::check_writable(options.output));
  TEGULA_ASSIGN_OR_RETURN(std::vector<Collector> collectors, load_collectors(options.collectors));
  std::optional<Profile> earlier;
  if (!options.merge.empty()) {
    TEGULA_ASSIGN_OR_RETURN(earlier, read_profile(options.merge));
  }
  std::optional<Calibration> calibration;
  {
    const std::string file = std::filesystem::path(options.model).filename().native();
    std::optional<Progress> progress(std::in_place, concat("compiling ", file));
    const auto show = [&](std::string_view stage, int64_t done, int64_t total) { progress->show(stage, done, total); };
    TEGULA_ASSIGN_OR_RETURN(const CalibrationProgram program,
                            make_calibration_program(options.model, import, options.requantize, show));
    if (earlier) TEGULA_RETURN_IF_ERROR(check_profile_model(*earlier, options.merge, program.model.xxh3));
    progress.reset();
    progress.emplace(concat("calibrating ", file));
    TEGULA_ASSIGN_OR_RETURN(calibration, calibrate(program, options.calibrate, collectors, show));
  }
  const int64_t samples = calibration->profile.samples;
  Profile profile = calibration->profile;
  if (earlier) {
    profile = std::move(*earlier);
    TEGULA_RETURN_IF_ERROR(merge(profile, calibration->profile));
  }
  TEGULA_RETURN_IF_ERROR(write_profile(options.output, profile));

  if (profile.samples < Calibration::kEnoughSamples)
    warn(concat("the profile rests on ", profile.samples, profile.samples == 1 ? " sample" : " samples",
                "; fewer than ", Calibration::kEnoughSamples,
                " rarely show the range of what a model meets: about 100 do (the data: ", calibration->data, ")"));
  warn_of_unstable_ranges(*calibration);
  warn_of_values_that_are_no_numbers(profile);
  if (options.print_ranges) print_ranges(profile);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("%s: %zu tensors over %lld samples", options.output.c_str(), profile.tensors.size(),
              static_cast<long long>(profile.samples));
  if (samples != profile.samples) std::printf(", %lld of them new", static_cast<long long>(samples));
  std::printf(", %.1f s\n", seconds);
  return {};
}

}  // namespace

void add_calibrate_command(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand(
      "calibrate", "Run a model over samples and write the profile of its tensors, from which INT8 takes its ranges");
  const auto options = std::make_shared<Options>();
  command->add_option("model", options->model, "The model (.onnx)")->required();
  command->add_option("--data", options->calibrate.data, kDataHelp)->required();
  command->add_option("-o,--output", options->output, "The profile to write (.json)")->required();
  command->add_option("--preprocess", options->calibrate.preprocessing, kPreprocessingHelp);
  command
      ->add_option("--samples", options->calibrate.samples,
                   "Use N of the samples, evenly spread over the data (default: all)")
      ->check(counts_from(1))
      ->type_name("N");
  command
      ->add_option("--threads", options->calibrate.threads,
                   "Threads that compute, with the same profile for any number; 0: one per core")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  command->add_option("--merge", options->merge, "Add to this profile of the same model (the file is only read)")
      ->type_name("OLD.json");
  command
      ->add_option("--averaging-constant", options->calibrate.averaging_constant,
                   "Weight of each new sample in the moving averages")
      ->check(CLI::Range(1e-6, 1.0))
      ->capture_default_str();
  command
      ->add_option("--collector", options->collectors,
                   "A user-defined collector: a shared library, with its options behind '='; repeatable")
      ->type_name("LIB.so[=OPTIONS]")
      ->allow_extra_args(false);
  command->add_flag("--print-ranges", options->print_ranges,
                    "Print the range that each algorithm takes from the profile");
  command->add_flag("--requantize", options->requantize,
                    "As for compile: the profile of a quantized model without its own quantization");
  command->add_option("--dim", options->dims, "As for compile: fix or bound a symbolic dimension; repeatable")
      ->type_name("NAME=SIZES")
      ->allow_extra_args(false);
  command->add_option("--shape", options->shapes, "As for compile: shape of an input; repeatable")
      ->type_name("INPUT=SIZES")
      ->allow_extra_args(false);
  command->footer(
      "The profile holds histograms, extremes, averages and channels of every tensor: all algorithms (minmax,\n"
      "moving_average, percentile, kl, mse) choose from it later, without the data. It serves this model only.\n"
      "For photos: --data photos/ --preprocess 'short=256 crop=224 scale=1/255 mean=.485,.456,.406 "
      "std=.229,.224,.225'\n"
      "Example, from the project's folder:\n"
      "  aotc calibrate samples/models/shapes.onnx --data samples/models/shapes_200.npz --samples 100 -o shapes.json");
  command->callback([options, &action] {
    action = [options] {
      const Status status = run(*options);
      return status.ok() ? ExitCode::kSuccess : fail(status.error());
    };
  });
}

}  // namespace tegula::driver
