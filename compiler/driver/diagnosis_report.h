#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "compiler/driver/diagnose.h"
#include "schema/base/result.h"

namespace tegula::driver {

/// The operations by what they cost the outputs, the dearest first.
std::vector<const OpDiagnosis*> by_gain(const Diagnosis& diagnosis);

/// A table of the `rows` dearest operations (0: all), and what the program as a whole reaches.
std::string diagnosis_table(const Diagnosis& diagnosis, int rows);

/// What to put into the configuration (--config) so that the operations that cost the outputs at least
/// kWorthAnException dB each stay fp32; a sentence when there is none.
inline constexpr double kWorthAnException = 1.0;
std::string suggested_rule(const Diagnosis& diagnosis);

/// All of it as JSON, and as a page with a bar for each operation that needs nothing else to be shown. Written to a
/// temporary file and renamed.
Status write_diagnosis_json(const std::filesystem::path& path, const Diagnosis& diagnosis);
Status write_diagnosis_page(const std::filesystem::path& path, const Diagnosis& diagnosis, const std::string& title);

}  // namespace tegula::driver
