#pragma once
#include <cstdint>
#include <vector>

#include "compiler/data/data_set.h"
#include "schema/base/result.h"
#include "tegula/program.h"

namespace tegula::driver {

/// The samples of a data set as a program takes them, evenly spread over the data: one a run, or as many as its first
/// input is fixed to. When the data has fewer than that, some come again.
class Feeds {
 public:
  /// `samples`: how many; 0, or more than there are: all. Reads the first one. The data set has to stay.
  static Result<Feeds> open(const Program& program, const data::DataSet& set, int64_t samples);

  int64_t runs() const { return runs_; }
  int64_t samples_per_run() const { return per_run_; }
  /// The inputs of a run, in the program's order; the name is the first sample's. Errors name the sample.
  Result<data::Sample> load(int64_t run) const;

 private:
  Feeds(const Program& program, const data::DataSet& set) : program_(program), set_(&set) {}
  Result<data::Sample> load_sample(std::size_t index) const;

  Program program_;
  const data::DataSet* set_;
  int64_t runs_ = 0, per_run_ = 1;
};

}  // namespace tegula::driver
