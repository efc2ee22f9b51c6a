#pragma once
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tegula/instance.h"
#include "tegula/program.h"
#include "tests/support/program_builder.h"

namespace tegula::test {

/// A dense tensor that owns its elements, for inputs and outputs of programs.
template <typename T>
struct Tensor {
  Dims dims;
  std::vector<T> elements;

  Tensor(Dims d, std::vector<T> e) : dims(std::move(d)), elements(std::move(e)) {}
  explicit Tensor(Dims d) : dims(std::move(d)), elements(static_cast<std::size_t>(element_count(dims))) {}

  /// 0, 1, 2, ...
  static Tensor iota(const Dims& dims) {
    Tensor tensor(dims);
    for (std::size_t i = 0; i < tensor.elements.size(); ++i) tensor.elements[i] = static_cast<T>(i);
    return tensor;
  }

  ConstTensorRef in() const { return {dtype_of<T>::value, dims, elements.data()}; }
  TensorRef out() { return {dtype_of<T>::value, dims, elements.data()}; }
};

/// The program in `bytes`, which must outlive it; a failed test where there is none.
inline Program open_program(const std::vector<std::byte>& bytes, const OpenOptions& options = {}) {
  Result<Program> program = Program::open(bytes, options);
  if (!program.ok()) throw std::runtime_error(program.error().message);
  return *program;
}

inline Instance make_instance(const Program& program, int threads = 1) {
  Result<Instance> instance = Instance::create(program, {.threads = threads});
  if (!instance.ok()) throw std::runtime_error(instance.error().message);
  return *std::move(instance);
}

inline std::string message_of(const Status& status) {
  return status.ok() ? "ok" : status.error().message;
}
template <typename T>
std::string message_of(const Result<T>& result) {
  return result.ok() ? "ok" : result.error().message;
}

}  // namespace tegula::test
