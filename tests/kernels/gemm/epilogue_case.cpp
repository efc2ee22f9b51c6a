#include <gtest/gtest.h>

#include "tests/kernels/gemm/epilogue_case.h"

#include <bit>
#include <cmath>

#include "jit/cpu_features.h"

namespace tegula::kernels::test {

int64_t pick(Random& random, int64_t low, int64_t high) {
  return std::uniform_int_distribution<int64_t>(low, high)(random);
}

void fill(Random& random, Floats& values) {
  std::uniform_real_distribution<float> uniform(-1, 1);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = uniform(random);
    if (random() % 64 == 0) values[i] = pick_from(random, {0.0f, -0.0f, 100.0f, 1e-30f});
  }
}

testing::AssertionResult same_bits(std::span<const float> got, std::span<const float> want) {
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (std::bit_cast<uint32_t>(got[i]) == std::bit_cast<uint32_t>(want[i])) continue;
    if (std::isnan(got[i]) && std::isnan(want[i])) continue;
    return testing::AssertionFailure() << "element " << i << " of " << got.size() << ": " << got[i] << " instead of "
                                       << want[i];
  }
  return testing::AssertionSuccess();
}

EpilogueCase::EpilogueCase(Random& random, int64_t rows, int64_t columns) : rows_(rows), columns_(columns) {
  desc_.alpha = random() % 4 == 0;
  if (desc_.alpha) alpha_ = 0.37f;
  desc_.bias = random() % 2 == 0;
  if (desc_.bias) {
    bias_ = std::make_unique<Floats>(static_cast<std::size_t>(columns));
    fill(random, *bias_);
  }
  for (int64_t i = pick(random, 0, 3); i > 0; --i) {
    PostOpDesc post_op;
    post_op.function =
        pick_from(random, {Function::k_relu, Function::k_clip, Function::k_add, Function::k_add, Function::k_mul,
                           Function::k_sub, Function::k_gelu_erf, Function::k_silu, Function::k_prelu,
                           Function::k_hard_swish, Function::k_leaky_relu, Function::k_tanh});
    if (post_op.function == Function::k_clip) {
      post_op.alpha = -0.5f;
      post_op.beta = 0.75f;
    }
    if (post_op.function == Function::k_leaky_relu) post_op.alpha = 0.1f;
    if (arity_of(post_op.function) == 2) {
      post_op.operand = pick_from(
          random, {OperandKind::kScalar, OperandKind::kPerChannel, OperandKind::kTensor, OperandKind::kTensor});
      post_op.operand_first = random() % 3 == 0;
      Operand operand{post_op.operand, nullptr, 0};
      int64_t count = 1;
      if (operand.kind == OperandKind::kPerChannel) count = columns;
      if (operand.kind == OperandKind::kTensor) {
        operand.row_stride = columns + pick(random, 0, 3);
        count = rows == 0 ? 0 : (rows - 1) * operand.row_stride + columns;
      }
      operand.data = std::make_unique<Floats>(static_cast<std::size_t>(count));
      fill(random, *operand.data);
      operands_.push_back(std::move(operand));
    }
    desc_.post_ops.push_back(post_op);
  }
}

EpilogueArgs EpilogueCase::args() const {
  EpilogueArgs args;
  args.alpha = alpha_;
  if (bias_) args.bias = bias_->data();
  for (std::size_t i = 0; i < operands_.size(); ++i)
    args.operands[i] = {operands_[i].data->data(), operands_[i].row_stride};
  return args;
}

TensorView EpilogueCase::bias() const {
  return bias_ ? TensorView::contiguous(DType::kF32, {&columns_, 1}, bias_->data()) : TensorView{};
}

std::vector<TensorView> EpilogueCase::operands() const {
  std::vector<TensorView> views;
  for (const Operand& operand : operands_) {
    TensorView view;
    view.rank = 2;
    view.data = reinterpret_cast<std::byte*>(operand.data->data());
    view.dims = {operand.kind == OperandKind::kTensor ? rows_ : 1, operand.kind == OperandKind::kScalar ? 1 : columns_};
    view.strides = {operand.row_stride, 1};
    views.push_back(view);
  }
  return views;
}

std::vector<TileIsa> runnable_isas() {
  std::vector<TileIsa> isas{TileIsa::kPlain};
  const jit::CpuFeatures cpu = jit::CpuFeatures::detect();
  if (cpu.avx2) isas.push_back(TileIsa::kAvx2);
  if (cpu.avx512) isas.push_back(TileIsa::kAvx512);
  return isas;
}

}  // namespace tegula::kernels::test
