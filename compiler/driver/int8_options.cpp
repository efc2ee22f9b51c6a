#include "compiler/driver/int8_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>

#include "compiler/driver/calibrate.h"
#include "compiler/driver/calibration_program.h"
#include "compiler/driver/number_checks.h"
#include "compiler/driver/product_rule.h"
#include "compiler/driver/profile_file.h"
#include "compiler/driver/progress.h"
#include "compiler/quantize/balance_channels.h"
#include "compiler/quantize/check_collectors.h"
#include "compiler/quantize/quantizer.h"

namespace tegula::driver {
namespace {

using compiler::Profile;
using compiler::QuantizationOptions;

/// Whether some product may be static: the defaults, or a rule for what they leave out; or channels are balanced.
bool needs_profile(const QuantizationOptions& options) {
  if (options.smooth) return true;
  constexpr auto kStatic = compiler::Approach::kStatic;
  const auto may_be_static = [&](const compiler::QuantizationRule& rule) {
    return rule.approach == kStatic ||
           (rule.quantized == true && rule.approach.value_or(options.defaults.approach) == kStatic);
  };
  return (options.defaults.quantized && options.defaults.approach == kStatic) ||
         std::any_of(options.rules.begin(), options.rules.end(), may_be_static);
}

Result<Profile> calibrated(const std::filesystem::path& model, const compiler::ImportOptions& import,
                           const Int8Options& options) {
  const std::string file = model.filename().native();
  Progress progress(concat("calibrating ", file));
  const auto show = [&](std::string_view stage, int64_t done, int64_t total) { progress.show(stage, done, total); };
  TEGULA_ASSIGN_OR_RETURN(const CalibrationProgram program,
                          make_calibration_program(model, import, options.requantize));
  CalibrateOptions how;
  how.data = options.data;
  how.preprocessing = options.preprocessing;
  how.samples = options.samples;
  how.threads = options.threads;
  TEGULA_ASSIGN_OR_RETURN(Calibration calibration, calibrate(program, how, {}, show));
  return std::move(calibration.profile);
}

/// nullopt: nothing asks for one, or nothing is given and only products that the model has quantized can be integer.
Result<std::optional<Profile>> profile_for(const std::filesystem::path& model, const compiler::ImportOptions& import,
                                           const Int8Options& options, const QuantizationOptions& quantization) {
  if (!options.profile.empty()) {
    TEGULA_ASSIGN_OR_RETURN(Profile profile, read_profile(options.profile));
    TEGULA_ASSIGN_OR_RETURN(const uint64_t model_xxh3, compiler::onnx_xxh3(model));
    TEGULA_RETURN_IF_ERROR(check_profile_model(profile, options.profile, model_xxh3));
    return std::optional<Profile>(std::move(profile));
  }
  TEGULA_RETURN_IF_ERROR(compiler::check_collectors(quantization, nullptr));  // of collectors are profiles only
  if (!options.data.empty() && needs_profile(quantization)) {
    TEGULA_ASSIGN_OR_RETURN(Profile profile, calibrated(model, import, options));
    return std::optional<Profile>(std::move(profile));
  }
  return std::optional<Profile>();
}

}  // namespace

void add_int8_options(CLI::App& command, Int8Options& options) {
  command.add_option("--profile", options.profile, "For int8: the ranges, as aotc calibrate has written them")
      ->type_name("P.json");
  command.add_option("--samples", options.samples, "For int8 without --profile: calibrate on N samples of --data")
      ->check(counts_from(1))
      ->type_name("N")
      ->capture_default_str();
  command
      .add_option("--approach", options.approach,
                  "For int8: static (calibrated ranges), dynamic (the range of each run), weight_only")
      ->check(CLI::IsMember({"static", "dynamic", "weight_only"}));
  command.add_option(
      "--ranges", options.ranges,
      "For int8: how ranges follow from the profile: minmax, moving_average, percentile, kl, mse, or the "
      "name of a collector");
  command
      .add_option("--smooth-quant", options.smooth,
                  "For int8: even out the channels of what matrix products read (SmoothQuant), ALPHA from 0 (as the "
                  "weights have it) to 1 (as the activations), or auto: searched for each; default .5")
      ->type_name("[ALPHA]")
      ->expected(0, 1)
      ->default_str("0.5");
  command.add_flag("--reduce-range", options.reduce_range,
                   "For int8: weights in 7 bits, to match runtimes whose sums saturate; no machine needs it here");
  command.add_flag("--requantize", options.requantize,
                   "For int8: take the model's own quantization out and quantize it anew");
}

std::string given(const Int8Options& options) {
  if (!options.profile.empty()) return "--profile";
  if (!options.approach.empty()) return "--approach";
  if (!options.ranges.empty()) return "--ranges";
  if (!options.smooth.empty()) return "--smooth-quant";
  if (options.reduce_range) return "--reduce-range";
  return options.requantize ? "--requantize" : "";
}

Status apply(const Int8Options& options, QuantizationOptions& quantization) {
  if (const auto approach = compiler::approach_from_name(options.approach)) quantization.defaults.approach = *approach;
  if (!options.ranges.empty()) {
    const auto algorithm = compiler::range_algorithm(options.ranges);
    quantization.algorithm = algorithm.value_or(compiler::RangeAlgorithm::kCollector);
    if (!algorithm) quantization.defaults.activation.collector = options.ranges;
    quantization.collector_place = "--ranges";
  }
  if (!options.smooth.empty()) {
    const auto alpha = smooth_alpha(options.smooth);
    if (!alpha)
      return Error{ErrorCode::kInvalidArgument,
                   concat("--smooth-quant ", options.smooth, " is no alpha: a number from 0 to 1, or auto")};
    if (!quantization.smooth) quantization.smooth.emplace();
    quantization.smooth->alpha = *alpha;
  }
  quantization.reduce_range |= options.reduce_range;
  return {};
}

Result<Quantizing> make_quantizing(const std::filesystem::path& model, const compiler::ImportOptions& import,
                                   const Int8Options& options, const QuantizationOptions& quantization) {
  TEGULA_ASSIGN_OR_RETURN(std::optional<Profile> profile, profile_for(model, import, options, quantization));
  if (!profile && needs_profile(quantization))
    return Error{
        ErrorCode::kInvalidArgument,
        quantization.smooth
            ? "balancing channels wants calibration: --data DIR, or --profile of aotc calibrate"
            : "int8 with static ranges wants calibration: --data DIR, or --profile of aotc calibrate; or choose "
              "--approach dynamic or weight_only, which want none"};
  Quantizing result;
  result.calibration_xxh3 = profile ? profile->data_xxh3 : 0;
  const auto shared = std::make_shared<const std::optional<Profile>>(std::move(profile));
  result.make_pass = [shared](const QuantizationOptions& how) -> compiler::GraphChange {
    return [shared, how](compiler::Graph& graph) {
      return compiler::quantize(graph, shared->has_value() ? &**shared : nullptr, how);
    };
  };
  result.make_balancing = [shared](const QuantizationOptions& how) -> compiler::GraphChange {
    return [shared, how](compiler::Graph& graph) -> Result<bool> {
      if (!how.smooth || !shared->has_value()) return false;
      TEGULA_ASSIGN_OR_RETURN(const compiler::Balanced balanced, compiler::balance_channels(graph, **shared, how));
      return balanced.changed;
    };
  };
  return result;
}

}  // namespace tegula::driver
