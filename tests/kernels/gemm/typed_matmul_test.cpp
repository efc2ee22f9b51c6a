// Products of two activations, u8 by s8 and bf16, in batches of any strides.
#include <gtest/gtest.h>

#include "kernels/gemm/matmul.h"
#include "tests/kernels/gemm/matmul_operands.h"
#include "tests/kernels/gemm/quantized_epilogue_case.h"

#ifndef TEGULA_RANDOM_CASES
#define TEGULA_RANDOM_CASES 500
#endif

namespace tegula::kernels {
namespace {

using test::broadcastable_dims;
using test::Bytes;
using test::fill_bits;
using test::make_matmul_operand;
using test::MatMulOperand;
using test::one_in;
using test::pick;
using test::QuantizedEpilogueCase;
using test::Random;
using test::rows_in_batches;
using test::same_elements;

/// A product of random shape: batches, transposes and strides.
struct Shape {
  Dims batch;
  int64_t m, n, k;
  bool transpose_a, transpose_b;

  Shape(Random& random, Dims batch_dims, int64_t rows, int64_t columns, int64_t depth)
      : batch(std::move(batch_dims)),
        m(rows),
        n(columns),
        k(depth),
        transpose_a(one_in(random, 2)),
        transpose_b(one_in(random, 2)) {}
  Dims dims() const {
    Dims all = batch;
    all.push_back(m);
    all.push_back(n);
    return all;
  }
  int64_t rows() const { return element_count(batch) * m; }
  MatMulOperand a(Random& random, DType dtype) const {
    return make_matmul_operand(random, dtype,
                               broadcastable_dims(random, batch, transpose_a ? k : m, transpose_a ? m : k), false);
  }
  MatMulOperand b(Random& random, DType dtype, const Dims& batches) const {
    return make_matmul_operand(random, dtype,
                               broadcastable_dims(random, batches, transpose_b ? n : k, transpose_b ? k : n), false);
  }
  std::string text() const {
    return concat("batch=", tegula::to_string(batch), " m=", m, " n=", n, " k=", k, " transposes=", transpose_a,
                  transpose_b);
  }
};

Shape random_shape(Random& random) {
  Dims batch;
  for (int64_t d = pick(random, 0, 3); d > 0; --d) batch.push_back(pick(random, one_in(random, 8) ? 0 : 1, 3));
  const int64_t m = pick(random, 0, 16), n = pick(random, 0, 40), k = pick(random, 0, 50);
  return Shape(random, batch, m, n, k);
}

/// Runs the product in every implementation and several numbers of blocks; `check(tiles, got)` judges.
template <typename Check>
void run_all(Random& random, const Shape& shape, const TileTypes& types, const EpilogueDesc& epilogue,
             const EpilogueArgs& args, const MatMulOperand& a, const MatMulOperand& b, const MatMulOperand& dst,
             const std::vector<std::byte>& before, std::span<const TensorView> operands, const Check& check,
             std::optional<int32_t> b_zero_point = {}) {
  const MatMulDesc desc{shape.transpose_a, shape.transpose_b, epilogue, b_zero_point};
  for (const TileSetPtr& tiles : test::tiles_of(types, epilogue)) {
    const MatMulKernel matmul(tiles, desc, a.view, b.view, dst.view, operands);
    Bytes scratch(matmul.scratch_bytes());
    for (const int64_t blocks : {matmul.blocks(1), matmul.blocks(4), pick(random, 1, 12)}) {
      Bytes got(before.size());
      std::memcpy(got.data(), before.data(), before.size());
      fill_bits(random, scratch);
      for (int64_t block = blocks - 1; block >= 0; --block)
        matmul.run({a.data->data(), b.data->data(), got.data(), args}, block, blocks,
                   reinterpret_cast<std::byte*>(scratch.data()));
      check(*tiles, got);
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

std::vector<std::byte> bytes_of(const MatMulOperand& operand) {
  return {operand.data->data(), operand.data->data() + operand.data->size()};
}

// ---- u8 by s8

/// An epilogue for a right operand that is the same in all batches, or for one without sums over its columns.
std::unique_ptr<QuantizedEpilogueCase> quantized_epilogue(Random& random, const Shape& shape, bool has_sums) {
  for (;;) {
    auto epilogue = std::make_unique<QuantizedEpilogueCase>(random, shape.rows(), shape.n, true, has_sums);
    const bool static_zero = epilogue->desc().quantized.src_zero_point == DynamicValue::kStatic;
    if (has_sums || (static_zero && epilogue->src_zero_point() == 0)) return epilogue;
  }
}

void check_quantized(Random& random, const Shape& shape) {
  // Sums over columns of B come with the program, so they exist for one matrix only.
  const bool one_matrix = one_in(random, 2);
  const MatMulOperand a = shape.a(random, DType::kU8);
  const MatMulOperand b = shape.b(random, DType::kS8, one_matrix ? Dims{} : shape.batch);
  const auto epilogue = quantized_epilogue(random, shape, one_matrix);
  const DType type = epilogue->types().dst;
  std::vector<int32_t> sums(static_cast<std::size_t>(shape.n), 0);
  if (one_matrix) {
    const int64_t row = b.view.strides[shape.transpose_b ? 1 : 0], column = b.view.strides[shape.transpose_b ? 0 : 1];
    for (int64_t j = 0; j < shape.n; ++j)
      for (int64_t i = 0; i < shape.k; ++i)
        sums[static_cast<std::size_t>(j)] += b.view.as<int8_t>()[i * row + j * column];
  }
  epilogue->set_weight_sums(sums, shape.k);
  const Dims dims = shape.dims();
  const MatMulOperand dst = make_matmul_operand(random, type, dims, true);
  const std::vector<std::byte> before = bytes_of(dst);
  std::vector<PostOpTensor> references = epilogue->operands();
  std::vector<TensorView> operands;
  for (PostOpTensor& operand : references) {
    operand.view = rows_in_batches(operand.view, dims);
    operands.push_back(operand.view);
  }
  QuantizedMatMul product = epilogue->product();
  product.transpose_a = shape.transpose_a;
  product.transpose_b = shape.transpose_b;
  product.a = a.view;
  product.b = b.view;
  product.dst = dst.view;
  product.operands = references;
  quantized_matmul_reference(product);
  Bytes want(before.size());
  std::memcpy(want.data(), dst.data->data(), want.size());
  run_all(random, shape, epilogue->types(), epilogue->desc(), epilogue->args(), a, b, dst, before, operands,
          [&](const TileSet& tiles, Bytes& got) {
            ASSERT_TRUE(same_elements(type, got, want)) << tiles.desc().name() << ' ' << shape.text();
          });
}

TEST(QuantizedMatMul, RandomBatchesStridesAndEpilogues) {
  Random random(1);
  for (int i = 0; i < TEGULA_RANDOM_CASES && !HasFatalFailure(); ++i) check_quantized(random, random_shape(random));
}

TEST(QuantizedMatMul, MoreThanIsPackedAtOnce) {
  Random random(2);
  check_quantized(random, Shape(random, {2}, 9, 300, 2001));
  check_quantized(random, Shape(random, {}, 40, 33, 9001));  // rows of a transposed A in several parts
  check_quantized(random, Shape(random, {}, 5, 20, 25003));  // K in chunks
}

// ---- u8 by u8: sums over columns of B and what its zero point adds are made at run time, for each matrix

void check_unsigned(Random& random, const Shape& shape) {
  const MatMulOperand a = shape.a(random, DType::kU8), b = shape.b(random, DType::kU8, shape.batch);
  const auto epilogue = quantized_epilogue(random, shape, false);
  const auto a_zero_point = static_cast<int32_t>(one_in(random, 3) ? 0 : pick(random, 0, 255));
  const auto b_zero_point = static_cast<int32_t>(one_in(random, 3) ? 128 : pick(random, 0, 255));
  EpilogueDesc desc = epilogue->desc();
  if (a_zero_point != 0) desc.quantized.src_zero_point = DynamicValue::kPerTensor;
  desc.quantized.weight_zero_points = b_zero_point != 128;
  epilogue->set_weight_sums(std::vector<int32_t>(static_cast<std::size_t>(shape.n), 0), shape.k);
  EpilogueArgs args = epilogue->args();
  args.quantized.src_zero_points = &a_zero_point;
  const DType type = epilogue->types().dst;
  const Dims dims = shape.dims();
  const MatMulOperand dst = make_matmul_operand(random, type, dims, true);
  const std::vector<std::byte> before = bytes_of(dst);
  std::vector<PostOpTensor> references = epilogue->operands();
  std::vector<TensorView> operands;
  for (PostOpTensor& operand : references) {
    operand.view = rows_in_batches(operand.view, dims);
    operands.push_back(operand.view);
  }
  QuantizedMatMul product = epilogue->product();
  product.transpose_a = shape.transpose_a;
  product.transpose_b = shape.transpose_b;
  product.a = a.view;
  product.b = b.view;
  product.dst = dst.view;
  product.src_zero_points = &a_zero_point;
  product.b_zero_point = b_zero_point;
  product.operands = references;
  quantized_matmul_reference(product);
  Bytes want(before.size());
  std::memcpy(want.data(), dst.data->data(), want.size());
  run_all(
      random, shape, epilogue->types(), desc, args, a, b, dst, before, operands,
      [&](const TileSet& tiles, Bytes& got) {
        ASSERT_TRUE(same_elements(type, got, want))
            << tiles.desc().name() << ' ' << shape.text() << " zero points " << a_zero_point << ' ' << b_zero_point;
      },
      b_zero_point);
}

TEST(UnsignedMatMul, RandomBatchesStridesAndEpilogues) {
  Random random(5);
  for (int i = 0; i < TEGULA_RANDOM_CASES && !HasFatalFailure(); ++i) check_unsigned(random, random_shape(random));
}

TEST(UnsignedMatMul, MoreThanIsPackedAtOnce) {
  Random random(6);
  check_unsigned(random, Shape(random, {2}, 9, 300, 2001));
  check_unsigned(random, Shape(random, {}, 5, 20, 25003));  // K in chunks
}

// ---- bf16

void fill_bf16(Random& random, const MatMulOperand& operand) {
  auto* const elements = reinterpret_cast<uint16_t*>(operand.data->data());
  for (std::size_t i = 0; i < operand.data->size() / 2; ++i)
    elements[i] = bf16_from_f32(static_cast<float>(pick(random, -1000, 1000)) / 256);
}

/// The same elements as fp32, where the view says.
struct Widened {
  std::vector<float> elements;
  TensorView view;

  explicit Widened(const MatMulOperand& operand) : elements(operand.data->size() / 2), view(operand.view) {
    for (std::size_t i = 0; i < elements.size(); ++i)
      elements[i] = f32_from_bf16(reinterpret_cast<const uint16_t*>(operand.data->data())[i]);
    view.dtype = DType::kF32;
    view.data = reinterpret_cast<std::byte*>(elements.data());
  }
};

/// Implementations that widen have the bits of the fp32 product; others are within 2^-24 per operation of the sum of
/// magnitudes, and then one rounding of 2^-8 to a dst of bf16.
void check_bf16(Random& random, const Shape& shape) {
  const TileTypes types{DType::kBF16, DType::kBF16, one_in(random, 2) ? DType::kBF16 : DType::kF32};
  const MatMulOperand a = shape.a(random, DType::kBF16), b = shape.b(random, DType::kBF16, shape.batch);
  fill_bf16(random, a);
  fill_bf16(random, b);
  const Dims dims = shape.dims();
  const MatMulOperand dst = make_matmul_operand(random, types.dst, dims, true);
  const std::vector<std::byte> before = bytes_of(dst);
  EpilogueDesc epilogue;
  epilogue.alpha = one_in(random, 2);
  EpilogueArgs args;
  args.alpha = 0.25f;
  const Widened wide_a(a), wide_b(b);
  Widened magnitude_a(a), magnitude_b(b);
  for (float& x : magnitude_a.elements) x = std::abs(x);
  for (float& x : magnitude_b.elements) x = std::abs(x);
  std::vector<float> exact(static_cast<std::size_t>(element_count(dims))), magnitude(exact.size());
  const MatMulDesc desc{shape.transpose_a, shape.transpose_b, epilogue};
  matmul_reference(desc, args.alpha, wide_a.view, wide_b.view, {}, {},
                   TensorView::contiguous(DType::kF32, dims, exact.data()));
  matmul_reference(desc, args.alpha, magnitude_a.view, magnitude_b.view, {}, {},
                   TensorView::contiguous(DType::kF32, dims, magnitude.data()));
  run_all(random, shape, types, epilogue, args, a, b, dst, before, {}, [&](const TileSet& tiles, Bytes& got) {
    OffsetWalk<1> walk(dst.view.shape(), {&dst.view});
    std::vector<std::byte> rest = before;
    for (std::size_t i = 0; i < exact.size(); ++i, walk.next()) {
      const std::size_t bytes = size_of(types.dst), offset = static_cast<std::size_t>(walk.offset(0)) * bytes;
      float value = 0, want = exact[i];
      uint16_t half = 0;
      if (types.dst == DType::kF32) {
        std::memcpy(&value, got.data() + offset, bytes);
      } else {
        std::memcpy(&half, got.data() + offset, bytes);
        value = f32_from_bf16(half);
        want = f32_from_bf16(bf16_from_f32(want));
      }
      std::memcpy(rest.data() + offset, got.data() + offset, bytes);
      if (!test::adds_its_own_way(tiles)) {
        ASSERT_EQ(value, want) << tiles.desc().name() << ' ' << shape.text();
        continue;
      }
      // Both are that far from the exact sum.
      double bound = 2 * static_cast<double>(2 * shape.k + 2) * 0x1p-24 * static_cast<double>(magnitude[i]);
      if (types.dst == DType::kBF16) bound += 2 * 0x1p-8 * (std::abs(static_cast<double>(want)) + bound);
      ASSERT_LE(std::abs(static_cast<double>(value) - static_cast<double>(want)), bound)
          << tiles.desc().name() << ' ' << shape.text();
    }
    ASSERT_EQ(std::memcmp(rest.data(), got.data(), rest.size()), 0)
        << tiles.desc().name() << " wrote between elements, " << shape.text();
  });
}

TEST(Bf16MatMul, RandomBatchesAndStrides) {
  Random random(3);
  for (int i = 0; i < TEGULA_RANDOM_CASES && !HasFatalFailure(); ++i) check_bf16(random, random_shape(random));
}

TEST(Bf16MatMul, MoreThanIsPackedAtOnce) {
  Random random(4);
  check_bf16(random, Shape(random, {2}, 9, 300, 1001));
  check_bf16(random, Shape(random, {}, 5, 20, 12601));  // K in chunks
}

}  // namespace
}  // namespace tegula::kernels
