#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/driver/compile.h"
#include "compiler/precision/choose_bf16.h"

namespace tegula::driver {

/// What a bf16 program may lose, and on which data.
struct FallbackRequest {
  std::filesystem::path model;
  compiler::CompileOptions compile;  ///< without bf16
  compiler::Bf16Options lists;       ///< the user's
  std::string data, preprocessing;
  double max_drop = 0;  ///< of the fp32 program's score, as a share of it
  int threads = 1;
  std::function<void(std::string_view what)> progress = {};
};

struct Fallback {
  compiler::Bf16Options lists;     ///< the user's, and what has to stay fp32
  std::vector<std::string> notes;  ///< scores, and what stays fp32 for which effect
};

/// What has to stay fp32 so that the score drops by no more than `max_drop`. The score is the share of right answers where
/// the data has labels, and otherwise the mean cosine of the first output with that of fp32.
///
/// Operator types come first, then single operations: each type is denied alone and measured; those of the largest effect
/// are denied together until the score holds; of the last one only the operations of the largest effect, in the same way.
/// Effects are compared by score, then by how far outputs are from fp32's. With everything denied the program is fp32, so
/// that there always is one. Errors are those of compiling and running.
Result<Fallback> find_bf16_fallback(const FallbackRequest& request);

/// "0.5%" or "0.005" as 0.005; kInvalidArgument for what is no number from 0 to 1.
Result<double> parse_drop(std::string_view text);

}  // namespace tegula::driver
