#pragma once
#include "compiler/quantize/profile.h"
#include "compiler/quantize/quantization_options.h"
#include "schema/base/result.h"

namespace tegula::compiler {

/// A name that is no range algorithm is a collector's. kInvalidArgument, with the place where it is written and the
/// name that is nearest, unless the profile (nullptr: there is none with collectors) has ranges of it.
Status check_collectors(const QuantizationOptions& options, const Profile* profile);

}  // namespace tegula::compiler
