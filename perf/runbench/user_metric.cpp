#include "perf/runbench/user_metric.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "compiler/data/files.h"
#include "compiler/data/npz.h"

namespace tegula::runbench {
namespace {

using data::in_quotes;
using data::NamedTensor;

Status write_arrays(const std::filesystem::path& path, std::span<const NamedTensor> tensors) {
  std::vector<data::NamedSpan> spans;
  for (const NamedTensor& tensor : tensors) spans.push_back({tensor.name, tensor.tensor});
  return data::write_npz(path, spans);
}

std::string quoted_for_csv(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

/// The last line that is not empty.
std::string last_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  const std::size_t line = text.rfind('\n');
  return line == std::string::npos ? text : text.substr(line + 1);
}

}  // namespace

UserMetric::UserMetric(std::string command, std::filesystem::path folder)
    : command_(std::move(command)), folder_(std::move(folder)), samples_("index,name,label\n") {}

UserMetric::UserMetric(UserMetric&& other) noexcept
    : command_(std::move(other.command_)),
      folder_(std::exchange(other.folder_, {})),
      samples_(std::move(other.samples_)),
      count_(other.count_) {}

UserMetric::~UserMetric() {
  if (folder_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

Result<UserMetric> UserMetric::create(const std::string& command) {
  std::error_code code;
  const std::filesystem::path temporary = std::filesystem::temp_directory_path(code);
  std::string pattern = (temporary / "runbench-metric-XXXXXX").string();
  if (code || ::mkdtemp(pattern.data()) == nullptr)
    return Error{ErrorCode::kInvalidArgument,
                 concat("no temporary folder for --metric in ", in_quotes(temporary.native()), " (TMPDIR)")};
  UserMetric metric(command, pattern);
  std::filesystem::create_directory(metric.folder_ / "outputs", code);
  std::filesystem::create_directory(metric.folder_ / "expected", code);
  return metric;
}

Status UserMetric::add(const data::Sample& sample, std::span<const NamedTensor> outputs,
                       std::span<const NamedTensor> expected) {
  const std::string file = concat(count_, ".npz");
  TEGULA_RETURN_IF_ERROR(write_arrays(folder_ / "outputs" / file, outputs));
  if (!expected.empty()) TEGULA_RETURN_IF_ERROR(write_arrays(folder_ / "expected" / file, expected));
  samples_ +=
      concat(count_, ",", quoted_for_csv(sample.name), ",", sample.label ? std::to_string(*sample.label) : "", "\n");
  ++count_;
  return {};
}

Result<double> UserMetric::run() {
  TEGULA_RETURN_IF_ERROR(data::write_text(folder_ / "samples.csv", samples_));
  const auto error = [&](const auto&... parts) {
    return Error{ErrorCode::kInvalidArgument, concat("--metric ", in_quotes(command_), ": ", parts...)};
  };
  std::fflush(nullptr);
  std::FILE* const pipe = ::popen(concat(command_, " '", folder_.native(), "'").c_str(), "r");
  if (pipe == nullptr) return error("it cannot be run");
  std::string text;
  std::array<char, 4096> part;
  while (const std::size_t bytes = std::fread(part.data(), 1, part.size(), pipe)) text.append(part.data(), bytes);
  const int status = ::pclose(pipe);
  if (!WIFEXITED(status)) return error("it was ended by a signal");
  if (WEXITSTATUS(status) != 0) return error("it ended with exit code ", WEXITSTATUS(status));
  const std::string line = last_line(std::move(text));
  double value = 0;
  const auto [end, code] = std::from_chars(line.data(), line.data() + line.size(), value);
  if (code != std::errc() || end != line.data() + line.size() || !std::isfinite(value))
    return error("its last line is ", in_quotes(line), " instead of a number");
  return value;
}

}  // namespace tegula::runbench
