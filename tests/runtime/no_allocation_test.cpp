// run() on a bound plan allocates nothing: this program counts every operator new of the process.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "tests/runtime/run_program.h"

namespace {

std::atomic<int64_t> allocations{0};

void* counted(std::size_t bytes, std::size_t alignment) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* memory = alignment <= alignof(std::max_align_t)
                     ? std::malloc(bytes == 0 ? 1 : bytes)
                     : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t bytes) {
  return counted(bytes, 1);
}
void* operator new[](std::size_t bytes) {
  return counted(bytes, 1);
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return counted(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return counted(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace tegula {
namespace {

using test::Tensor;

TEST(NoAllocation, InRunOnABoundPlan) {
  test::ProgramBuilder b;
  const auto n = b.symbol("n", 1, 1000), m = b.symbol("m", 0, 1000);
  const int32_t x = b.input("x", DType::kF32, {n, 300});
  const int32_t indices = b.shape_input("indices", DType::kS64, {2}, {m, b.symbol("unused")});
  schema::TransposeT transpose;
  transpose.perm = {1, 0};
  const int32_t turned = b.arena("turned", DType::kF32, {300, n});
  b.step(transpose, {x}, {turned});
  schema::GatherT gather;
  const int32_t rows = b.arena("rows", DType::kF32, {2, n}), y = b.output("y", DType::kF32, {2, n}),
                z = b.output("z", DType::kF32, {300, n});
  b.step(gather, {turned, indices}, {rows});
  b.step(schema::CopyT(), {rows}, {y});
  b.step(schema::CopyT(), {turned}, {z});
  const auto file = b.file();
  const Program program = test::open_program(file);
  for (const int threads : {1, 2}) {
    Instance instance = test::make_instance(program, threads);
    const auto small = Tensor<float>::iota({10, 300}), large = Tensor<float>::iota({500, 300});
    const Tensor<int64_t> which({2}, {3, 4});
    Tensor<float> small_y({2, 10}), large_y({2, 500});
    // The same tensors in two orders, z never asked for.
    const std::vector<NamedInput> small_in = {{"x", small.in()}, {"indices", which.in()}},
                                  large_in = {{"indices", which.in()}, {"x", large.in()}};
    const std::vector<NamedOutput> small_out = {{"y", small_y.out()}}, large_out = {{"y", large_y.out()}};
    for (int warm = 0; warm < 20; ++warm) {  // oneTBB makes its threads and their pools
      ASSERT_TRUE(instance.run(small_in, small_out).ok());
      ASSERT_TRUE(instance.run(large_in, large_out).ok());
    }
    instance.set_profiling(true);
    const int64_t before = allocations.load();
    bool all_ok = true;
    for (int round = 0; round < 50; ++round)
      all_ok = all_ok && instance.run(small_in, small_out).ok() && instance.run(large_in, large_out).ok();
    const int64_t after = allocations.load();
    EXPECT_TRUE(all_ok);
    EXPECT_EQ(after - before, 0) << threads << " threads";
    EXPECT_EQ(large_y.elements[1], 303.0f);
  }
}

TEST(NoAllocation, TheCounterCounts) {
  const int64_t before = allocations.load();
  const std::vector<int> memory(100);
  EXPECT_EQ(allocations.load() - before, 1);
}

}  // namespace
}  // namespace tegula
