#pragma once
#include <cstdint>
#include <functional>
#include <string_view>

namespace tegula::compiler {

/// Told how far a compilation is: `done` of `total` of a stage are over. Called on the compiling thread, often: it has
/// to be cheap. Empty: nobody wants to know.
using ReportProgress = std::function<void(std::string_view stage, int64_t done, int64_t total)>;

}  // namespace tegula::compiler
