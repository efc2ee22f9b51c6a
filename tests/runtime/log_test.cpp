// What OpenOptions::log is told, and when it is told nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <stdexcept>
#include <thread>

#include "schema/function.h"
#include "tests/runtime/run_program.h"
#include "tests/support/temporary_folder.h"

namespace tegula {
namespace {

using test::make_instance;
using test::message_of;
using test::open_program;
using test::ProgramBuilder;
using test::Tensor;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// y = |x|, of any number of rows up to 64.
ProgramBuilder abs_program() {
  ProgramBuilder b;
  const auto rows = b.symbol("rows", 1, 64);
  const int32_t x = b.input("x", DType::kF32, {rows, 16}), y = b.output("y", DType::kF32, {rows, 16});
  schema::EltwiseT abs;
  auto instruction = std::make_unique<schema::FunctionInstructionT>();
  instruction->function = static_cast<uint16_t>(Function::k_abs);
  abs.instructions.push_back(std::move(instruction));
  b.step(std::move(abs), {x}, {y});
  return b;
}

/// Collects lines, "info: ..." one after the other.
class Lines {
 public:
  LogCallback callback() {
    return [this](LogLevel level, std::string_view line) {
      const char* name = level == LogLevel::kInfo ? "info: " : level == LogLevel::kWarning ? "warning: " : "error: ";
      const std::lock_guard lock(mutex_);
      lines_.push_back(name + std::string(line));
    };
  }
  std::vector<std::string> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(lines_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

Status run_rows(Instance& instance, int64_t rows) {
  const auto x = Tensor<float>::iota({rows, 16});
  Tensor<float> y({rows, 16});
  return instance.run(std::vector<NamedInput>{{"x", x.in()}}, std::vector<NamedOutput>{{"y", y.out()}});
}

TEST(Log, TellsOfOpeningBindingAndNothingWhenShapesAreBound) {
  test::TemporaryFolder folder;
  const auto bytes = abs_program().file();
  const auto path = folder.write("p.tgl", {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  Lines lines;
  const auto program = Program::open(path, {.max_isa = "avx2", .log = lines.callback()});
  ASSERT_TRUE(program.ok()) << program.error().message;
  auto opened = lines.take();
  ASSERT_FALSE(opened.empty());
  EXPECT_THAT(opened[0], AllOf(HasSubstr("info: " + path.string() + ": mapped 0.0"), HasSubstr(" ms, 1 steps"),
                               HasSubstr("instruction sets " + program->isa())));

  Instance instance = make_instance(*program, 2);
  EXPECT_THAT(lines.take(), ElementsAre("info: made an instance of 2 threads"));
  ASSERT_TRUE(run_rows(instance, 3).ok());
  EXPECT_THAT(lines.take(),
              ElementsAre(ContainsRegex("info: bound .x. .3,16. in [0-9.]+ ms: 1 steps, . of them on plain loops, "
                                        "activations 0.00 MB .0.00 MB alive together., scratch [0-9.]+ MB a thread; "
                                        "generated [01] kernels in [0-9.]+ ms")));
  ASSERT_TRUE(run_rows(instance, 3).ok());
  EXPECT_THAT(lines.take(), IsEmpty());
  ASSERT_TRUE(run_rows(instance, 4).ok());
  EXPECT_THAT(lines.take(), ElementsAre(HasSubstr("generated 0 kernels"))) << "another size needs no other code";
}

TEST(Log, SaysWhenNoInstructionSetIsAllowed) {
  const auto bytes = abs_program().file();
  Lines lines;
  const Program program = open_program(bytes, {.max_isa = "reference", .log = lines.callback()});
  EXPECT_THAT(lines.take(), ElementsAre(HasSubstr("instruction sets none"), HasSubstr("runs on plain loops")));
  Instance instance = make_instance(program);
  lines.take();
  ASSERT_TRUE(run_rows(instance, 1).ok());
  EXPECT_THAT(lines.take(), ElementsAre(HasSubstr("1 of them on plain loops")));
}

TEST(Log, TellsOfDecompression) {
  ProgramBuilder b = abs_program();
  b.constant<float>("unused", {100'000}, std::vector<float>(100'000, 1.0f));
  b.compress();
  const auto bytes = b.file();
  Lines lines;
  open_program(bytes, {.log = lines.callback()});
  EXPECT_THAT(lines.take()[0],
              ContainsRegex("info: decompressed 1 segment into 0.40 MB of private memory in [0-9.]+ ms"));
}

TEST(Log, WarnsOnceThatPlansAreDropped) {
  const auto bytes = abs_program().file();
  Lines lines;
  const Program program = open_program(bytes, {.plan_cache_capacity = 1, .log = lines.callback()});
  Instance instance = make_instance(program);
  for (const int64_t rows : {1, 2}) ASSERT_TRUE(run_rows(instance, rows).ok());
  auto told = lines.take();
  ASSERT_GE(told.size(), 2u);
  EXPECT_THAT(told[told.size() - 2], AllOf(HasSubstr("info: dropped the plan of"), HasSubstr("[1,16]")));
  EXPECT_THAT(told.back(), AllOf(HasSubstr("warning: "), HasSubstr("plan_cache_capacity")));
  ASSERT_TRUE(run_rows(instance, 3).ok());
  EXPECT_THAT(lines.take(), ElementsAre(HasSubstr("info: bound"), HasSubstr("info: dropped"))) << "warned before";
}

TEST(Log, RepeatsTheErrorsThatCallsReturn) {
  Lines lines;
  EXPECT_FALSE(Program::open("no/such/file.tgl", {.log = lines.callback()}).ok());
  EXPECT_THAT(lines.take(), ElementsAre("error: no/such/file.tgl: cannot be opened: No such file or directory"));
  const auto bytes = abs_program().file();
  const Program program = open_program(bytes, {.log = lines.callback()});
  EXPECT_FALSE(Instance::create(program, {.threads = -1}).ok());
  Instance instance = make_instance(program);
  lines.take();
  const Status status = run_rows(instance, 65);
  EXPECT_THAT(lines.take(), ElementsAre("error: " + message_of(status)));
}

TEST(Log, ThatThrowsIsNoHarm) {
  const auto bytes = abs_program().file();
  const Program program =
      open_program(bytes, {.log = [](LogLevel, std::string_view) { throw std::runtime_error("disk full"); }});
  Instance instance = make_instance(program);
  EXPECT_EQ(message_of(run_rows(instance, 5)), "ok");
}

TEST(Log, IsToldByManyThreads) {
  const auto bytes = abs_program().file();
  Lines lines;
  const Program program = open_program(bytes, {.plan_cache_capacity = 4, .log = lines.callback()});
  std::vector<std::thread> threads;
  for (int64_t t = 0; t < 4; ++t)
    threads.emplace_back([&program, t] {
      Instance instance = make_instance(program);
      for (int64_t rows = 1; rows <= 10; ++rows) EXPECT_TRUE(run_rows(instance, rows + t * 10).ok());
    });
  for (std::thread& thread : threads) thread.join();
  int64_t bound = 0, warnings = 0;
  for (const std::string& line : lines.take()) {
    bound += line.starts_with("info: bound") ? 1 : 0;
    warnings += line.starts_with("warning: more shapes") ? 1 : 0;
  }
  EXPECT_EQ(bound, 40);
  EXPECT_EQ(warnings, 1);
}

}  // namespace
}  // namespace tegula
