#pragma once
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "compiler/data/data_set.h"
#include "schema/base/result.h"

namespace tegula::runbench {

/// A measure of accuracy that the user brings: a command that gets a folder as its last word and prints a number as the
/// last line on stdout. The folder holds
///   samples.csv         index,name,label   (label empty where there is none; names with '"' doubled, in quotes)
///   outputs/N.npz       the program's outputs for sample N, by name
///   expected/N.npz      what they are compared with, where that is known
/// and is removed at the end.
class UserMetric {
 public:
  static Result<UserMetric> create(const std::string& command);
  UserMetric(UserMetric&&) noexcept;
  ~UserMetric();

  Status add(const data::Sample& sample, std::span<const data::NamedTensor> outputs,
             std::span<const data::NamedTensor> expected);

  /// Runs the command. kInvalidArgument: it fails, or prints no number.
  Result<double> run();

 private:
  UserMetric(std::string command, std::filesystem::path folder);
  std::string command_;
  std::filesystem::path folder_;  // empty: moved from
  std::string samples_;
  int64_t count_ = 0;
};

}  // namespace tegula::runbench
