#pragma once
#include <string>

#include "schema/base/result.h"

namespace tegula::runbench {

struct SelftestResult {
  int64_t vectors = 0;
  double worst_deviation = 0;  ///< of all vectors and outputs, here
  double allowed = 0;          ///< of the vector where it came nearest to its limit
  std::string failure;         ///< the first vector and output that is too far off; empty: all hold
};

/// Runs the program's test vectors and compares with the reference outputs in the file. FP32 programs compute the same
/// bits on every machine, so a vector holds when the deviation is no larger than the one measured while compiling
/// (twice that is allowed for types whose results depend on the CPU). kInvalidArgument: the file has no test vectors.
Result<SelftestResult> selftest(const std::string& program, int threads);

}  // namespace tegula::runbench
