#pragma once
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "kernels/gemm/epilogue.h"
#include "kernels/gemm/tile_set.h"
#include "kernels/tensor_view.h"
#include "tests/support/guarded_buffer.h"

namespace tegula::kernels::test {

using Random = std::mt19937;
using Floats = tegula::test::GuardedBuffer<float>;

/// Uniform in [low, high].
int64_t pick(Random& random, int64_t low, int64_t high);
template <typename T>
T pick_from(Random& random, std::initializer_list<T> values) {
  return values.begin()[pick(random, 0, static_cast<int64_t>(values.size()) - 1)];
}
/// Values in [-1, 1), some of them 0, -0 or large.
void fill(Random& random, Floats& values);

/// Whether two buffers hold the same bits, NaNs of any payload being equal; describes the first difference.
testing::AssertionResult same_bits(std::span<const float> got, std::span<const float> want);

/// A random epilogue for dst of `rows` x `columns` with operands that end at unmapped pages.
class EpilogueCase {
 public:
  EpilogueCase(Random& random, int64_t rows, int64_t columns);

  const EpilogueDesc& desc() const { return desc_; }
  EpilogueArgs args() const;
  float alpha() const { return alpha_; }

  /// For the reference: [columns], and one view per operand as dst [rows, columns] wants it.
  TensorView bias() const;
  std::vector<TensorView> operands() const;

 private:
  struct Operand {
    OperandKind kind;
    std::unique_ptr<Floats> data;
    int64_t row_stride;
  };

  int64_t rows_, columns_;
  EpilogueDesc desc_;
  float alpha_ = 1;
  std::unique_ptr<Floats> bias_;
  std::vector<Operand> operands_;
};

/// The tiles that this machine can run.
std::vector<TileIsa> runnable_isas();

}  // namespace tegula::kernels::test
