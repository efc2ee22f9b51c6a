#pragma once
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/support/temporary_folder.h"

namespace tegula::test {

/// What a command did.
struct CommandResult {
  int code = -1;  ///< its exit code; 128 + the signal that ended it
  std::string out, err;
};

inline std::string shell_quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

/// Runs a program with these arguments and collects what it prints.
inline CommandResult run_command(const std::vector<std::string>& words) {
  const TemporaryFolder folder;
  std::string line;
  for (const std::string& word : words) line += shell_quoted(word) + " ";
  const auto out = folder / "out", err = folder / "err";
  const int status = std::system((line + ">" + shell_quoted(out) + " 2>" + shell_quoted(err) + " </dev/null").c_str());
  const auto read = [](const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read(out), read(err)};
}

}  // namespace tegula::test
