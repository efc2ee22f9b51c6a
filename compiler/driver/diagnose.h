#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/driver/compile.h"
#include "compiler/quantize/quantization_options.h"
#include "schema/base/result.h"

namespace tegula::driver {

/// How far one tensor is from another that it should equal, over all samples.
struct SignalError {
  double signal = 0, noise = 0;   ///< sums of squares: of the reference, of the difference
  double other = 0, product = 0;  ///< of the tensor itself, and of both multiplied
  double largest = 0;             ///< |difference|
  int64_t elements = 0;

  void add(const float* reference, const float* tensor, int64_t count);
  double sqnr() const;    ///< 10 log10(signal / noise) in dB; infinity where nothing differs
  double cosine() const;  ///< 1 where both are zero
};

/// One product that a program computes in INT8.
struct OpDiagnosis {
  std::string node;      ///< the ONNX node
  std::string type;      ///< its operator
  std::string rule;      ///< why it is quantized as it is
  SignalError error;     ///< of its result, with everything before it quantized too
  double saturated = 0;  ///< share of its input's elements that lie outside of the quantized range
  double used = 0;       ///< share of the 256 steps that its input takes
  /// SQNR of the program's outputs when this product alone stays fp32, in dB, over that of the whole program.
  double gain = 0;
};

struct Diagnosis {
  int64_t samples = 0;
  SignalError outputs;           ///< of the program that was diagnosed
  std::vector<OpDiagnosis> ops;  ///< in order of execution
};

/// Makes a quantizing pass of options: with the profile that the program was compiled with.
using MakePass = std::function<compiler::GraphChange(const compiler::QuantizationOptions&)>;

struct DiagnoseOptions {
  std::filesystem::path program;  ///< compiled from `model` with these options
  std::filesystem::path model;
  compiler::ImportOptions import;
  compiler::QuantizationOptions quantization;
  bool requantize = false;  ///< the model's own quantization goes
  MakePass make_pass;
  MakePass make_balancing;  ///< of the same channels, for the program in fp32 that is compared with
  std::filesystem::path data;
  std::string preprocessing;
  int64_t samples = 16;  ///< of the data, evenly spread
  int threads = 1;
};

/// Compares, on data, the model as `options` quantize it with the same model in fp32: product by product with the
/// quantization spelled out in fp32, and the outputs of the program, and of what is compiled without the quantization
/// of one product, for each. kInvalidArgument: the program is not what the options compile to, or nothing is quantized;
/// errors of data name the sample.
Result<Diagnosis> diagnose(const DiagnoseOptions& options, const compiler::ReportProgress& progress = {});

}  // namespace tegula::driver
