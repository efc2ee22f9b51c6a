#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "schema/base/result.h"
#include "schema/base/shape.h"

namespace tegula::driver {

/// What --dim and --shape say, in the words of a command line. Shared by aotc and runbench.

/// "batch=8" or, where a range is wanted, "batch=1..64". Each symbol once. kInvalidArgument names the text that is
/// wrong.
Result<std::map<std::string, std::pair<int64_t, int64_t>>> parse_dims(const std::vector<std::string>& texts);
/// The same where every symbol must have one value.
Result<std::map<std::string, int64_t>> parse_fixed_dims(const std::vector<std::string>& texts);

/// "in=Nx3x224x224" or "in=N,3,224,224": the sizes are numbers, names of symbols or "?". With commas a size may be any
/// expression. Each input once; "in=" is a scalar.
Result<std::map<std::string, std::vector<std::string>>> parse_shapes(const std::vector<std::string>& texts);
/// The same where every size must be a number.
Result<std::map<std::string, Dims>> parse_fixed_shapes(const std::vector<std::string>& texts);

}  // namespace tegula::driver
