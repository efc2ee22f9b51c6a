#pragma once
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "kernels/float16.h"
#include "kernels/gemm/quantized_reference.h"
#include "tests/kernels/gemm/typed_tiles.h"

namespace tegula::kernels::test {

using Bytes = tegula::test::GuardedBuffer<uint8_t>;

/// Random post-ops for a dst of `rows` x `columns`, with operands of all types that typed products read, for the tiles
/// and for the references.
class TypedPostOpsCase {
 public:
  TypedPostOpsCase(int64_t rows, int64_t columns) : rows_(rows), columns_(columns) {}

  /// One more function at the end of desc.post_ops.
  void add(Random& random, EpilogueDesc& desc) {
    PostOpDesc post_op;
    const Function functions[] = {Function::k_relu, Function::k_clip, Function::k_add,      Function::k_add,
                                  Function::k_mul,  Function::k_silu, Function::k_gelu_erf, Function::k_add};
    post_op.function = functions[pick(random, 0, 7)];
    if (post_op.function == Function::k_clip) {
      post_op.alpha = -3.0f;
      post_op.beta = 40.0f;
    }
    if (arity_of(post_op.function) == 2) {
      const OperandKind kinds[] = {OperandKind::kScalar, OperandKind::kPerChannel, OperandKind::kTensor};
      const DType dtypes[] = {DType::kF32, DType::kBF16, DType::kU8, DType::kS8};
      Operand operand;
      post_op.operand = operand.kind = kinds[pick(random, 0, 2)];
      post_op.operand_dtype = operand.dtype = dtypes[pick(random, 0, 3)];
      post_op.operand_first = one_in(random, 3);
      int64_t count = operand.kind == OperandKind::kPerChannel ? columns_ : 1;
      if (operand.kind == OperandKind::kTensor) {
        operand.row_stride = columns_ + pick(random, 0, 3);
        count = rows_ == 0 ? 0 : (rows_ - 1) * operand.row_stride + columns_;
      }
      operand.data = std::make_unique<Bytes>(static_cast<std::size_t>(count) * size_of(operand.dtype));
      fill_bits(random, *operand.data);
      if (operand.dtype == DType::kF32 || operand.dtype == DType::kBF16) {
        for (int64_t i = 0; i < count; ++i) {
          float value = static_cast<float>(pick(random, -1000, 1000)) / 64;
          if (one_in(random, 50)) value = std::bit_cast<float>(static_cast<uint32_t>(random()));  // NaN, infinity, tiny
          const uint16_t half = bf16_from_f32(value);
          const auto bytes = size_of(operand.dtype);
          std::memcpy(operand.data->data() + static_cast<std::size_t>(i) * bytes,
                      operand.dtype == DType::kF32 ? static_cast<const void*>(&value) : &half, bytes);
        }
      } else {
        operand.scale = 0.37f;
        operand.zero_point = static_cast<float>(pick(random, -3, 140));
      }
      operands_.push_back(std::move(operand));
    }
    desc.post_ops.push_back(post_op);
  }

  void place(EpilogueArgs& args) {
    for (std::size_t i = 0; i < operands_.size(); ++i)
      args.operands[i] = {operands_[i].data->data(), operands_[i].row_stride, operands_[i].scale,
                          operands_[i].zero_point};
  }

  /// As dst [rows, columns] wants them.
  std::vector<PostOpTensor> operands() const {
    std::vector<PostOpTensor> list;
    for (const Operand& operand : operands_) {
      TensorView view;
      view.dtype = operand.dtype;
      view.rank = 2;
      view.data = reinterpret_cast<std::byte*>(operand.data->data());
      view.dims = {operand.kind == OperandKind::kTensor ? rows_ : 1,
                   operand.kind == OperandKind::kScalar ? 1 : columns_};
      view.strides = {operand.row_stride, 1};
      list.push_back({view, operand.scale, operand.zero_point});
    }
    return list;
  }

 private:
  struct Operand {
    OperandKind kind;
    DType dtype;
    std::unique_ptr<Bytes> data;
    int64_t row_stride = 0;
    float scale = 1, zero_point = 0;
  };

  int64_t rows_, columns_;
  std::vector<Operand> operands_;
};

/// Whether two destinations of a type hold the same bits, NaNs of any payload being equal.
inline testing::AssertionResult same_elements(DType dtype, Bytes& got, Bytes& want) {
  const std::size_t bytes = size_of(dtype);
  for (std::size_t i = 0; i < got.size(); i += bytes) {
    if (std::memcmp(got.data() + i, want.data() + i, bytes) == 0) continue;
    float a = 0, b = 0;
    if (dtype == DType::kF32) {
      std::memcpy(&a, got.data() + i, bytes);
      std::memcpy(&b, want.data() + i, bytes);
      if (std::isnan(a) && std::isnan(b)) continue;
    }
    if (dtype == DType::kBF16) {
      uint16_t halves[2];
      std::memcpy(&halves[0], got.data() + i, bytes);
      std::memcpy(&halves[1], want.data() + i, bytes);
      if (std::isnan(f32_from_bf16(halves[0])) && std::isnan(f32_from_bf16(halves[1]))) continue;
    }
    return testing::AssertionFailure() << "element " << i / bytes << " of " << got.size() / bytes << " ("
                                       << name_of(dtype) << "): " << int{got[i]} << " instead of " << int{want[i]}
                                       << ' ' << a << ' ' << b;
  }
  return testing::AssertionSuccess();
}

}  // namespace tegula::kernels::test
