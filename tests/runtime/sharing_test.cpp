// Processes that run one program file share its pages: the proportional set size (PSS) of its mapping, summed over two
// of them, is the file's size.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <sstream>

#include "tests/runtime/run_program.h"
#include "tests/support/temporary_folder.h"

namespace tegula {
namespace {

using test::make_instance;
using test::ProgramBuilder;
using test::Tensor;

constexpr int64_t kElements = 8 << 20;  // 32 MiB of weights

/// y = c: a run reads every weight.
std::vector<std::byte> weights_program() {
  ProgramBuilder b;
  std::vector<float> elements(kElements);
  for (std::size_t i = 0; i < elements.size(); ++i) elements[i] = static_cast<float>(i);
  const int32_t c = b.constant<float>("c", {kElements}, elements), y = b.output("y", DType::kF32, {kElements});
  b.step(schema::CopyT(), {c}, {y});
  return b.file();
}

struct MappedBytes {
  uint64_t pss = 0, private_dirty = 0;
};

/// What a process holds of a mapped file.
MappedBytes mapped_bytes(pid_t process, const std::string& path) {
  std::ifstream file("/proc/" + std::to_string(process) + "/smaps");
  MappedBytes bytes;
  bool is_ours = false;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string key;
    uint64_t kilobytes = 0;
    words >> key;
    if (key.find('-') != std::string::npos) is_ours = line.ends_with(path);
    if (!is_ours || !(words >> kilobytes)) continue;
    if (key == "Pss:") bytes.pss += kilobytes * 1024;
    if (key == "Private_Dirty:") bytes.private_dirty += kilobytes * 1024;
  }
  return bytes;
}

/// A child process that has opened and run the program, and keeps both until this object goes.
class Runner {
 public:
  explicit Runner(const std::string& path) {
    std::array<int, 2> ready{}, end{};
    if (::pipe(ready.data()) != 0 || ::pipe(end.data()) != 0) throw std::runtime_error("no pipe");
    process_ = ::fork();
    if (process_ == 0) {
      ::close(end[1]);
      char result = run(path, ready[1], end[0]) ? 'y' : 'n';
      if (result == 'n') static_cast<void>(::write(ready[1], &result, 1));
      ::_exit(0);
    }
    ::close(ready[1]);
    ::close(end[0]);
    end_ = end[1];
    char result = 'n';
    has_run_ = ::read(ready[0], &result, 1) == 1 && result == 'y';
    ::close(ready[0]);
  }
  ~Runner() {
    ::close(end_);
    ::waitpid(process_, nullptr, 0);
  }
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  bool has_run() const { return has_run_; }
  pid_t process() const { return process_; }

 private:
  static bool run(const std::string& path, int ready, int end) {
    const auto program = Program::open(path);
    if (!program.ok()) return false;
    auto instance = Instance::create(*program);
    Tensor<float> y({kElements});
    if (!instance.ok() || !instance->run({}, std::vector<NamedOutput>{{"y", y.out()}}).ok()) return false;
    if (y.elements.back() != static_cast<float>(kElements - 1)) return false;
    char byte = 'y';
    return ::write(ready, &byte, 1) == 1 && ::read(end, &byte, 1) == 0;
  }

  pid_t process_ = -1;
  int end_ = -1;
  bool has_run_ = false;
};

TEST(Sharing, TwoProcessesHoldOneCopyOfTheWeights) {
  const test::TemporaryFolder folder;
  std::string path;
  double size = 0;
  {
    const auto bytes = weights_program();
    size = static_cast<double>(bytes.size());
    path = folder.write("shared.tgl", {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  const Runner first(path), second(path);
  ASSERT_TRUE(first.has_run() && second.has_run());
  const MappedBytes a = mapped_bytes(first.process(), path), b = mapped_bytes(second.process(), path);
  EXPECT_GE(static_cast<double>(a.pss + b.pss), 0.95 * size) << "the runs have read the weights where they lie";
  EXPECT_LE(static_cast<double>(a.pss + b.pss), 1.02 * size);
  EXPECT_EQ(a.private_dirty + b.private_dirty, 0u);
}

}  // namespace
}  // namespace tegula
