#include "tests/kernels/gemm/typed_matmul_case.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "kernels/gemm/matmul.h"
#include "tests/kernels/gemm/quantized_epilogue_case.h"

namespace tegula::kernels::test {
namespace {

/// Runs the product in every implementation and several numbers of blocks; `check(tiles, got)` judges.
template <typename Check>
void run_all(Random& random, const MatMulShape& shape, TileSets sets, const TileTypes& types,
             const EpilogueDesc& epilogue, const EpilogueArgs& args, const MatMulOperand& a, const MatMulOperand& b,
             const MatMulOperand& dst, const std::vector<std::byte>& before, std::span<const TensorView> operands,
             const Check& check, std::optional<int32_t> b_zero_point = {}) {
  const MatMulDesc desc{shape.transpose_a, shape.transpose_b, epilogue, b_zero_point};
  for (const TileSetPtr& tiles : sets(types, epilogue)) {
    const MatMulKernel matmul(tiles, desc, a.view, b.view, dst.view, operands);
    Bytes scratch(matmul.scratch_bytes());
    for (const int64_t blocks : {matmul.blocks(1), matmul.blocks(4), pick(random, 1, 12)}) {
      Bytes got(before.size());
      std::copy(before.begin(), before.end(), reinterpret_cast<std::byte*>(got.data()));
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

/// An epilogue for a right operand that is the same in all batches, or for one without sums over its columns.
std::unique_ptr<QuantizedEpilogueCase> quantized_epilogue(Random& random, const MatMulShape& shape, bool has_sums) {
  for (;;) {
    auto epilogue = std::make_unique<QuantizedEpilogueCase>(random, shape.rows(), shape.n, true, has_sums);
    const bool static_zero = epilogue->desc().quantized.src_zero_point == DynamicValue::kStatic;
    if (has_sums || (static_zero && epilogue->src_zero_point() == 0)) return epilogue;
  }
}

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

/// Compares with the reference: `product` knows all but the operands.
void check_integers(Random& random, const MatMulShape& shape, TileSets sets, const QuantizedEpilogueCase& epilogue,
                    const EpilogueDesc& desc, const EpilogueArgs& args, const MatMulOperand& a, const MatMulOperand& b,
                    QuantizedMatMul product) {
  const DType type = epilogue.types().dst;
  const Dims dims = shape.dims();
  const MatMulOperand dst = make_matmul_operand(random, type, dims, true);
  const std::vector<std::byte> before = bytes_of(dst);
  std::vector<PostOpTensor> references = epilogue.operands();
  std::vector<TensorView> operands;
  for (PostOpTensor& operand : references) {
    operand.view = rows_in_batches(operand.view, dims);
    operands.push_back(operand.view);
  }
  product.transpose_a = shape.transpose_a;
  product.transpose_b = shape.transpose_b;
  product.a = a.view;
  product.b = b.view;
  product.dst = dst.view;
  product.operands = references;
  quantized_matmul_reference(product);
  Bytes want(before.size());
  std::copy_n(reinterpret_cast<const uint8_t*>(dst.data->data()), want.size(), want.data());
  run_all(
      random, shape, sets, epilogue.types(), desc, args, a, b, dst, before, operands,
      [&](const TileSet& tiles, Bytes& got) {
        ASSERT_TRUE(same_elements(type, got, want)) << tiles.desc().name() << ' ' << shape.text();
      },
      b.view.dtype == DType::kU8 ? std::optional(product.b_zero_point) : std::nullopt);
}

}  // namespace

void check_quantized_matmul(Random& random, const MatMulShape& shape, TileSets sets) {
  // Sums over columns of B come with the program, so they exist for one matrix only.
  const bool one_matrix = one_in(random, 2);
  const MatMulOperand a = shape.a(random, DType::kU8);
  const MatMulOperand b = shape.b(random, DType::kS8, one_matrix ? Dims{} : shape.batch);
  const auto epilogue = quantized_epilogue(random, shape, one_matrix);
  std::vector<int32_t> sums(static_cast<std::size_t>(shape.n), 0);
  if (one_matrix) {
    const int64_t row = b.view.strides[shape.transpose_b ? 1 : 0], column = b.view.strides[shape.transpose_b ? 0 : 1];
    for (int64_t j = 0; j < shape.n; ++j)
      for (int64_t i = 0; i < shape.k; ++i)
        sums[static_cast<std::size_t>(j)] += b.view.as<int8_t>()[i * row + j * column];
  }
  epilogue->set_weight_sums(sums, shape.k);
  check_integers(random, shape, sets, *epilogue, epilogue->desc(), epilogue->args(), a, b, epilogue->product());
}

void check_unsigned_matmul(Random& random, const MatMulShape& shape, TileSets sets) {
  const MatMulOperand a = shape.a(random, DType::kU8), b = shape.b(random, DType::kU8, shape.batch);
  const auto epilogue = quantized_epilogue(random, shape, false);
  const auto a_zero_point = static_cast<int32_t>(one_in(random, 3) ? 0 : pick(random, 0, 255));
  const auto b_zero_point = static_cast<int32_t>(one_in(random, 3) ? 128 : pick(random, 0, 255));
  SCOPED_TRACE(concat("zero points ", a_zero_point, " and ", b_zero_point));
  EpilogueDesc desc = epilogue->desc();
  if (a_zero_point != 0) desc.quantized.src_zero_point = DynamicValue::kPerTensor;
  desc.quantized.weight_zero_points = b_zero_point != 128;
  epilogue->set_weight_sums(std::vector<int32_t>(static_cast<std::size_t>(shape.n), 0), shape.k);
  EpilogueArgs args = epilogue->args();
  args.quantized.src_zero_points = &a_zero_point;
  QuantizedMatMul product = epilogue->product();
  product.src_zero_points = &a_zero_point;
  product.b_zero_point = b_zero_point;
  check_integers(random, shape, sets, *epilogue, desc, args, a, b, product);
}

void check_bf16_matmul(Random& random, const MatMulShape& shape, TileSets sets) {
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
  run_all(random, shape, sets, types, epilogue, args, a, b, dst, before, {}, [&](const TileSet& tiles, Bytes& got) {
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
      if (!adds_its_own_way(tiles)) {
        ASSERT_EQ(value, want) << tiles.desc().name() << ' ' << shape.text();
        continue;
      }
      // Both are that far from the exact sum.
      double bound = 2 * static_cast<double>(2 * shape.k + 2) * 0x1p-24 * static_cast<double>(magnitude[i]);
      if (types.dst == DType::kBF16) bound += 2 * 0x1p-8 * (std::abs(static_cast<double>(want)) + bound);
      ASSERT_LE(std::abs(static_cast<double>(value) - static_cast<double>(want)), bound)
          << tiles.desc().name() << ' ' << shape.text();
    }
    const auto* const stored = reinterpret_cast<const std::byte*>(got.data());
    ASSERT_TRUE(std::equal(rest.begin(), rest.end(), stored))
        << tiles.desc().name() << " wrote between elements, " << shape.text();
  });
}

}  // namespace tegula::kernels::test
