#pragma once
#include <filesystem>

#include "compiler/quantize/quantization_options.h"
#include "schema/base/result.h"

namespace tegula::driver {

/// Whether the program says of itself that it was compiled in int8 from this model and with these options, but for the
/// profile. kInvalidArgument: what it says instead.
Status check_compilation(const std::filesystem::path& program, const std::filesystem::path& model,
                         const compiler::QuantizationOptions& quantization, bool requantize);

}  // namespace tegula::driver
