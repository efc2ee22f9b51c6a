#pragma once
#include <memory>
#include <string>
#include <vector>

#include "compiler/driver/program_io.h"

namespace CLI {
class App;
}

namespace tegula::driver {

/// The options that decide shapes and elements of made-up inputs: --dim, --shape, --range, --seed. Shared by aotc and
/// runbench.
struct InputOptions {
  std::vector<std::string> dims, shapes, ranges;
  uint64_t seed = 1;

  void add_to(CLI::App& command);
  Result<InputRequest> request() const;
};

}  // namespace tegula::driver
