#pragma once
#include <nlohmann/json.hpp>

#include "compiler/quantize/quantization_options.h"

namespace tegula::driver {

/// The options in the words of the configuration file, for a program's provenance: all that shapes its integer products
/// but the profile.
nlohmann::ordered_json int8_provenance(const compiler::QuantizationOptions& options);

}  // namespace tegula::driver
