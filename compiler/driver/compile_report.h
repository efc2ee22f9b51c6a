#pragma once
#include <filesystem>
#include <string>

#include "compiler/driver/compile.h"
#include "schema/base/result.h"

namespace tegula::driver {

/// The report of --report: passes, notes and every step with its precision, as JSON. `seconds`: the whole compilation.
Status write_report(const std::filesystem::path& path, const compiler::CompileReport& report,
                    const std::filesystem::path& program, double seconds);

/// What the command prints: sizes, the precision statistics, notes.
Result<std::string> summary(const compiler::CompileReport& report, const std::filesystem::path& model,
                            const std::filesystem::path& program, double seconds);

/// A line per pass: time, nodes before and after, whether it changed anything.
std::string pass_table(const compiler::CompileReport& report);

}  // namespace tegula::driver
