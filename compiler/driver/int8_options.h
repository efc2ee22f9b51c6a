#pragma once
#include <filesystem>
#include <functional>
#include <string>

#include "compiler/driver/compile.h"
#include "compiler/quantize/quantization_options.h"
#include "schema/base/result.h"

namespace CLI {
class App;
}

namespace tegula::driver {

/// What the command line says about integer products. The configuration file says it in more detail.
struct Int8Options {
  std::string profile;  ///< a calibration profile; empty: made from `data`
  std::string data, preprocessing;
  int64_t samples = 100;  ///< of `data`, evenly spread
  std::string approach;   ///< empty: as the configuration says; else a name of compiler::Approach
  std::string ranges;  ///< empty likewise; else an algorithm of compiler/quantize/choose_range.h, or a collector's name
  std::string smooth;  ///< empty: as the configuration says; else an alpha or "auto"
  bool reduce_range = false;
  bool requantize = false;  ///< the model's own quantization goes
  int threads = 1;
};

/// --profile, --samples, --approach, --ranges, --smooth-quant, --reduce-range, --requantize.
void add_int8_options(CLI::App& command, Int8Options& options);

/// The first of them that was given, "--profile", or "".
std::string given(const Int8Options& options);

/// Changes `quantization` (the configuration file's, or the defaults) to what the command line says. kInvalidArgument:
/// --smooth-quant is no alpha.
Status apply(const Int8Options& options, compiler::QuantizationOptions& quantization);

/// Makes the pass that quantizes a model as options say, with the profile that was read or made for it.
struct Quantizing {
  std::function<compiler::GraphChange(const compiler::QuantizationOptions&)> make_pass;
  /// The same channels balanced, and nothing quantized: what the quantized graph computes but for rounding.
  std::function<compiler::GraphChange(const compiler::QuantizationOptions&)> make_balancing;
  uint64_t calibration_xxh3 = 0;  ///< of the calibration data, for provenance; 0: none was needed
};
/// kInvalidArgument: `quantization` wants a profile, and there is neither one nor data; or the profile is another
/// model's.
Result<Quantizing> make_quantizing(const std::filesystem::path& model, const compiler::ImportOptions& import,
                                   const Int8Options& options, const compiler::QuantizationOptions& quantization);

}  // namespace tegula::driver
