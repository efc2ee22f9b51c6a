// What an instance promises beyond results: one run at a time, floating-point mode, profiles, observation, memory,
// fork.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xmmintrin.h>

#include <atomic>
#include <thread>

#include "runtime/program_state.h"
#include "tests/runtime/run_program.h"

namespace tegula {
namespace {

using test::make_instance;
using test::message_of;
using test::open_program;
using test::ProgramBuilder;
using test::Tensor;

schema::TransposeT swap_axes() {
  schema::TransposeT attributes;
  attributes.perm = {1, 0};
  return attributes;
}

// x [n, n] -> a chain of `steps` transposes -> y.
std::vector<std::byte> chain(int steps) {
  ProgramBuilder b;
  const auto n = b.symbol("n", 1, 5000);
  int32_t value = b.input("x", DType::kF32, {n, n});
  for (int s = 0; s < steps; ++s) {
    const std::string name = "t" + std::to_string(s);
    const int32_t next = s + 1 < steps ? b.arena(name, DType::kF32, {n, n}) : b.output("y", DType::kF32, {n, n});
    b.step(swap_axes(), {value}, {next});
    value = next;
  }
  return b.file();
}

TEST(Instance, RunsOneAtATime) {
  const auto file = chain(2);
  const Program program = open_program(file);
  Instance instance = make_instance(program);
  const auto x = Tensor<float>::iota({4, 4});
  Observer observer;
  std::string inner, inner_prepare;
  observer.wants = [](std::string_view name) { return name == "t0"; };
  observer.see = [&](std::string_view, const ConstTensorRef&, std::span<const std::string>) {
    std::thread([&] {
      inner = message_of(instance.run(std::vector<NamedInput>{{"x", x.in()}}, {}));
      inner_prepare = message_of(instance.prepare(std::vector<NamedInput>{{"x", x.in()}}));
    }).join();
  };
  EXPECT_EQ(message_of(instance.run_observed(std::vector<NamedInput>{{"x", x.in()}}, {}, observer)), "ok");
  EXPECT_EQ(inner, "the instance is in use by another thread; make an instance for each thread that runs");
  EXPECT_EQ(inner_prepare, inner);
  EXPECT_EQ(message_of(instance.run(std::vector<NamedInput>{{"x", x.in()}}, {})), "ok");
}

TEST(Instance, RestoresTheFloatingPointMode) {
  const auto file = chain(2);
  const Program program = open_program(file);
  for (const int threads : {1, 2}) {
    Instance instance = make_instance(program, threads);
    const unsigned before = _mm_getcsr();
    const unsigned flush = 0x9fc0;  // flush to zero, denormals are zero
    _mm_setcsr(flush);
    unsigned inside = 0;
    Observer observer;
    observer.see = [&](std::string_view, const ConstTensorRef&, std::span<const std::string>) {
      inside = _mm_getcsr();
    };
    const auto x = Tensor<float>::iota({4, 4});
    EXPECT_EQ(message_of(instance.run_observed(std::vector<NamedInput>{{"x", x.in()}}, {}, observer)), "ok");
    const unsigned after = _mm_getcsr();
    _mm_setcsr(before);
    EXPECT_EQ(inside & ~0x3fu, 0x1f80u) << "flags aside";
    EXPECT_EQ(after, flush);
  }
}

TEST(Instance, ShowsValuesToAnObserver) {
  ProgramBuilder b;
  const int32_t x = b.input("x", DType::kF32, {2, 3});
  const int32_t joined = b.arena("joined", DType::kF32, {3, 4});
  const int32_t left = b.view("left", joined, {3, 2}, 0, {4, 1}), right = b.view("right", joined, {3, 2}, 2, {4, 1});
  const int32_t flat = b.view("flat", joined, {12}), y = b.output("y", DType::kF32, {12});
  b.step(swap_axes(), {x}, {left});
  b.step(swap_axes(), {x}, {right});
  b.step(schema::CopyT(), {flat}, {y}).onnx_nodes = {"Reshape_1", "Identity_2"};
  const auto file = b.file();
  const Program program = open_program(file);
  Instance instance = make_instance(program, 2);
  const auto in = Tensor<float>::iota({2, 3});
  const auto observe = [&](std::function<bool(std::string_view)> wants) {
    std::string seen;
    Observer observer;
    observer.wants = std::move(wants);
    observer.see = [&](std::string_view name, const ConstTensorRef& tensor, std::span<const std::string> nodes) {
      seen += std::string(name) + to_string(tensor.dims);
      for (int64_t i = 0; i < 3; ++i)
        seen += " " + std::to_string(static_cast<int>(static_cast<const float*>(tensor.data)[i]));
      for (const std::string& node : nodes) seen += " " + node;
      seen += "; ";
    };
    Tensor<float> out({12});
    EXPECT_EQ(message_of(instance.run_observed(std::vector<NamedInput>{{"x", in.in()}},
                                               std::vector<NamedOutput>{{"y", out.out()}}, observer)),
              "ok");
    EXPECT_EQ(out.elements, (std::vector<float>{0, 3, 0, 3, 1, 4, 1, 4, 2, 5, 2, 5}));
    return seen;
  };
  EXPECT_EQ(observe(nullptr),
            "left[3,2] 0 3 1 node_0; joined[3,4] 0 3 0 node_1; right[3,2] 0 3 1 node_1; flat[12] 0 3 0 node_1; "
            "y[12] 0 3 0 Reshape_1 Identity_2; ");
  EXPECT_EQ(observe([](std::string_view name) { return name == "right"; }), "right[3,2] 0 3 1 node_1; ");
  Observer blind;
  EXPECT_FALSE(instance.run_observed(std::vector<NamedInput>{{"x", in.in()}}, {}, blind).ok());
}

TEST(Instance, TurnsExceptionsOfAnObserverIntoErrors) {
  const auto file = chain(3);
  const Program program = open_program(file);
  for (const int threads : {1, 2}) {
    Instance instance = make_instance(program, threads);
    const auto x = Tensor<float>::iota({200, 200});
    Observer observer;
    observer.see = [](std::string_view, const ConstTensorRef&, std::span<const std::string>) {
      throw std::runtime_error("enough");
    };
    EXPECT_EQ(message_of(instance.run_observed(std::vector<NamedInput>{{"x", x.in()}}, {}, observer)), "enough");
    EXPECT_EQ(message_of(instance.run(std::vector<NamedInput>{{"x", x.in()}}, {})), "ok");
  }
}

TEST(Instance, ProfilesWhileItIsTurnedOn) {
  const auto file = chain(3);
  const Program program = open_program(file);
  Instance instance = make_instance(program);
  const auto x = Tensor<float>::iota({300, 300});
  const auto run = [&] { ASSERT_EQ(message_of(instance.run(std::vector<NamedInput>{{"x", x.in()}}, {})), "ok"); };
  run();
  EXPECT_TRUE(instance.profile().empty());
  instance.set_profiling(true);
  EXPECT_TRUE(instance.profile().empty()) << "nothing has run";
  run();
  run();
  const auto rows = instance.profile();
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[1].name, "node_1");
  EXPECT_EQ(rows[1].kind, "transpose");
  EXPECT_NE(rows[1].implementation.find("transpose"), std::string::npos);
  EXPECT_EQ(rows[1].dtypes, "f32->f32");
  EXPECT_EQ(rows[1].shapes, "[300,300]->[300,300]");
  EXPECT_EQ(rows[1].runs, 2);
  EXPECT_GT(rows[1].milliseconds, 0);
  EXPECT_FALSE(rows[1].plain_loops);
  instance.set_profiling(true);
  run();
  EXPECT_EQ(instance.profile()[0].runs, 1) << "turning it on clears it";
  instance.set_profiling(false);
  run();
  EXPECT_TRUE(instance.profile().empty());
}

TEST(Instance, SaysHowMuchMemoryItUses) {
  const auto file = chain(5);
  const Program program = open_program(file);
  Instance instance = make_instance(program);
  EXPECT_EQ(instance.memory().arena_bytes, 0u);
  EXPECT_EQ(message_of(instance.prepare(std::vector<NamedInput>{{"x", {DType::kF32, {100, 100}, nullptr}}})), "ok");
  // Of four intermediate values two are alive at a time.
  EXPECT_EQ(instance.memory().arena_bytes, 2u * 40'000);
  EXPECT_EQ(instance.memory().largest_live_bytes, 2u * 40'000);
}

TEST(Instance, AForkedChildGetsAnError) {
  const auto file = chain(3);
  const Program program = open_program(file);
  Instance instance = make_instance(program, 2);
  const auto x = Tensor<float>::iota({300, 300});
  ASSERT_EQ(message_of(instance.run(std::vector<NamedInput>{{"x", x.in()}}, {})), "ok");
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const Status status = instance.run(std::vector<NamedInput>{{"x", x.in()}}, {});
    int code = status.ok() ? 1 : status.error().message.find("before fork()") == std::string::npos ? 2 : 0;
    {
      Result<Instance> own = Instance::create(program, {.threads = 1});
      if (!own.ok() || !own->run(std::vector<NamedInput>{{"x", x.in()}}, {}).ok()) code += 4;
    }
    {
      const Instance gone = std::move(instance);
    }  // must not wait for threads that are not there
    _exit(code);
  }
  int status = 0;
  for (int waited = 0; waited < 200; ++waited) {
    if (waitpid(child, &status, WNOHANG) == child) {
      EXPECT_TRUE(WIFEXITED(status));
      EXPECT_EQ(WEXITSTATUS(status), 0);
      EXPECT_EQ(message_of(instance.run(std::vector<NamedInput>{{"x", x.in()}}, {})), "ok") << "the parent goes on";
      return;
    }
    usleep(50'000);
  }
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  FAIL() << "the child hangs";
}

TEST(Instance, ManyThreadsGiveTheSameBytes) {
  const auto file = chain(7);
  const Program program = open_program(file);
  const auto x = Tensor<float>::iota({257, 257});
  Tensor<float> expected({257, 257});
  ASSERT_TRUE(make_instance(program)
                  .run(std::vector<NamedInput>{{"x", x.in()}}, std::vector<NamedOutput>{{"y", expected.out()}})
                  .ok());
  for (const int threads : {2, 3, 8}) {
    Instance instance = make_instance(program, threads);
    for (int round = 0; round < 20; ++round) {
      Tensor<float> y({257, 257});
      ASSERT_TRUE(instance.run(std::vector<NamedInput>{{"x", x.in()}}, std::vector<NamedOutput>{{"y", y.out()}}).ok());
      ASSERT_EQ(y.elements, expected.elements);
    }
  }
}

TEST(PlanCache, KeepsAsManyPlansAsAsked) {
  const auto file = chain(2);
  const Program program = open_program(file, {.plan_cache_capacity = 2});
  const auto plan = [&](int64_t n) {
    const std::vector<int64_t> key = {n, n};
    return program.state()->plan_for(key).value();
  };
  const auto one = plan(1), two = plan(2);
  EXPECT_EQ(plan(1), one);
  const auto three = plan(3);  // two was used least recently
  EXPECT_EQ(plan(1), one);
  EXPECT_EQ(plan(3), three);
  EXPECT_NE(plan(2), two);
  EXPECT_EQ(two->output_dims[0], (Dims{2, 2})) << "whoever holds a plan keeps it";
}

TEST(PlanCache, InstancesShareItFromManyThreads) {
  const auto file = chain(4);
  const Program program = open_program(file, {.plan_cache_capacity = 3});
  std::vector<std::thread> threads;
  std::atomic<int> failures{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Instance instance = make_instance(program);
      for (int round = 0; round < 60; ++round) {
        const int64_t n = 1 + (round * (t + 1)) % 7;
        const auto x = Tensor<float>::iota({n, n});
        Tensor<float> y({n, n});
        if (!instance.run(std::vector<NamedInput>{{"x", x.in()}}, std::vector<NamedOutput>{{"y", y.out()}}).ok())
          ++failures;
        if (y.elements != x.elements) ++failures;  // an even number of transposes
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures.load(), 0);
}

}  // namespace
}  // namespace tegula
